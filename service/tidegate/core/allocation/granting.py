"""The grants of a site: which are set anew at a review, and in which words; what is set aside where, and for whom too little."""

from dataclasses import replace

import numpy as np

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.ids import GatewayId
from tidegate.contracts.plan import Assignment
from tidegate.contracts.resources import Resources
from tidegate.core.allocation.arrays import Bool, Float64
from tidegate.core.allocation.by_gateway import there, totals
from tidegate.core.allocation.ground import Heard
from tidegate.core.allocation.problem import marked
from tidegate.core.allocation.renewal import Claims, Renewed, renewed
from tidegate.core.allocation.site import Site


def renew_grants(site: Site, heard: Heard, settings: AllocationSettings, now_ms: int) -> list[Assignment]:
    """Set the grants of `site` anew where that is due, by what was `heard`; returns the assignments that changed. Nobody moves.

    A silent gateway is told nothing.
    """
    frame, granted = site.ground.frame, site.granted
    claims = Claims(site.demand, np.where(heard.measured, heard.used, 0.0))
    silent = there(marked(frame.gateway_index, site.silent), granted.gateway)
    found = renewed(frame, granted, claims, granted.stays & ~silent, _coming(site), settings.grant_deadband)
    changed = [_granted_anew(site, found, place, now_ms) for place in range(len(found.rows))]
    site.regrant(changed, found.rows, found.amount)
    return changed


def _coming(site: Site) -> Float64:
    """What is set aside for devices on their way, float64 [gateway, resource]."""
    frame = site.ground.frame
    amounts = np.zeros_like(frame.capacity)
    for transfer in site.transfers.values():
        target = transfer.handover.target
        if target in frame.gateway_index:
            amounts[frame.gateway_index[target]] += [transfer.grant.get(name, 0.0) for name in frame.resources]
    return amounts


def set_aside(site: Site) -> dict[GatewayId, Resources]:
    """What each gateway has set aside in all: for whom it serves, and for whom is on the way."""
    frame, granted = site.ground.frame, site.granted
    held = _coming(site) + totals(granted.amount, granted.gateway, len(frame.gateways))
    return {name: dict(zip(frame.resources, row, strict=True)) for name, row in zip(frame.gateways, held.tolist(), strict=True)}


def short_of(site: Site, deadband: float) -> Bool:
    """Which devices are served with less than they ask of some resource, bool [device]; within the `deadband` none is."""
    granted = site.granted
    lacks = (site.demand > granted.amount * (1.0 + deadband)).any(axis=1)
    return np.asarray(lacks & granted.stays)


def _granted_anew(site: Site, found: Renewed, place: int, now_ms: int) -> Assignment:
    frame = site.ground.frame
    before = site.assignments[frame.devices[found.rows[place]]]
    grant = dict(zip(frame.resources, found.amount[place].tolist(), strict=True))
    asked = dict(zip(frame.resources, found.asked[place].tolist(), strict=True))
    return replace(before, grant=grant, granted_at_ms=now_ms, reason=_why(before.grant, grant, asked))


def _why(before: Resources, grant: Resources, asked: Resources) -> str:
    """What changed, resource by resource, in words."""
    changes = []
    for name, amount in grant.items():
        if amount != before.get(name, 0.0):
            short = f" of {asked[name]:.4g} asked" if amount < asked[name] else ""
            changes.append(f"{name} {before.get(name, 0.0):.4g} → {amount:.4g}{short}")
    return f"granted anew: {', '.join(changes)}"
