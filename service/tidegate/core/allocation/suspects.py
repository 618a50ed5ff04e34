"""Which gateways of a site are suspect: three kinds of evidence, gathered at each review. None of it takes a device away.

Returns from silence and refusals of room count for a while that grows with their number. Anomalies count where they are
confident, and only those of devices that were with the gateway for a cool-down before: an anomaly soon after a hand-over blames
the move, and one from before it came along.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.ids import GatewayId
from tidegate.core.allocation.arrays import NOWHERE, Int64
from tidegate.core.allocation.model import Suspect
from tidegate.core.allocation.problem import marked
from tidegate.core.allocation.site import Site
from tidegate.core.allocation.standing import shut_at
from tidegate.core.allocation.suspicion import Suspicion, excess_of, in_words, moved_on, remembered_ms, withheld_shares
from tidegate.core.detection.results import Trouble


def review(site: Site, troubles: Sequence[Trouble], settings: AllocationSettings, now_ms: int) -> None:
    """Move the suspicions of `site` on to tick `now_ms`. A gateway that nothing is held against, and was not lately, has none."""
    if settings.suspicion_share <= 0 or not (troubles or site.deaths or site.unwilling or site.suspicions):
        site.suspicions = {}
        return
    frame, shut = site.ground.frame, shut_at(site, settings, now_ms)
    troubled, devices = _troubled(site, troubles, settings)
    excess = excess_of(troubled, devices)
    found = {
        gateway: replace(_counted(site, gateway, settings, now_ms), troubled=int(ill), devices=int(served), excess=float(surely))
        for gateway, ill, served, surely in zip(frame.gateways, troubled, devices, excess, strict=True)
    }
    moved = {gateway: _moved_on(site.suspicions.get(gateway), each) for gateway, each in found.items()}
    level = np.array([each.level for each in moved.values()], np.float64)
    open_to_all = ~marked(frame.gateway_index, shut)
    capacity = np.where(open_to_all[:, None], frame.capacity, 0.0)
    shares = withheld_shares(level * open_to_all, capacity, settings.suspicion_share)
    stood = {gateway: replace(each, withheld=float(share)) for (gateway, each), share in zip(moved.items(), shares, strict=True)}
    site.suspicions = {gateway: each for gateway, each in stood.items() if _matters(each)}


def suspects_of(site: Site) -> list[Suspect]:
    """The gateways of which something is withheld, for a planner."""
    return [Suspect(name, each.withheld, in_words(each)) for name, each in site.suspicions.items() if each.withheld > 0]


def _counted(site: Site, gateway: GatewayId, settings: AllocationSettings, now_ms: int) -> Suspicion:
    """What is remembered of `gateway` at `now_ms`, its level left out."""
    found, death = Suspicion(now_ms), site.deaths.get(gateway)
    if death is not None:
        found = replace(found, returns=death.count - (gateway in site.silent), returned_at_ms=death.last_ms)
    before, until_ms = site.suspicions.get(gateway, found), site.unwilling.get(gateway, 0)
    refusals, refused_at_ms = before.refusals, before.refused_at_ms
    if until_ms > now_ms and until_ms != before.turned_away_until_ms:
        refusals, refused_at_ms = refusals + 1, now_ms
    elif now_ms - refused_at_ms >= remembered_ms(refusals, settings.suspicion_seconds):
        refusals, refused_at_ms = 0, 0
    return replace(found, refusals=refusals, refused_at_ms=refused_at_ms, turned_away_until_ms=until_ms)


def _moved_on(before: Suspicion | None, found: Suspicion) -> Suspicion:
    if before is None:
        return found
    step_ms = found.reviewed_at_ms - before.reviewed_at_ms
    return replace(found, level=moved_on(before.level, found.held_against, step_ms))


def _matters(each: Suspicion) -> bool:
    return each.level > 0 or each.held_against > 0 or each.turned_away_until_ms > each.reviewed_at_ms


def _troubled(site: Site, troubles: Sequence[Trouble], settings: AllocationSettings) -> tuple[Int64, Int64]:
    """By gateway: how many of its devices are in trouble that it may be blamed for, and how many it serves, int64 [gateway]."""
    placed, index, count = site.placed, site.ground.frame.device_index, len(site.ground.frame.gateways)
    with_it_ms = int(settings.cooldown_seconds * 1000)
    ill = np.array(
        [
            row
            for each in troubles
            if (row := index.get(each.device)) is not None
            and each.device not in site.transfers
            and each.opened_at_ms >= placed.moved_at_ms[row] + with_it_ms
        ],
        np.int64,
    )
    return _by_gateway(placed.gateway[ill], count), _by_gateway(placed.gateway, count)


def _by_gateway(gateway: Int64, count: int) -> Int64:
    return np.bincount(gateway[gateway != NOWHERE], minlength=count).astype(np.int64)
