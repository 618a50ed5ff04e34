"""Succession: devices of a gateway that is replaced go to its successor first, and where that cannot take them, anywhere."""

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Int64
from tidegate.core.allocation.choice import Option, options, stay
from tidegate.core.allocation.make_room import option
from tidegate.core.allocation.placement import Placement
from tidegate.core.allocation.rules import allowed
from tidegate.core.allocation.trail import Cause, Step, Trail


def succeed(placement: Placement, trail: Trail, tie_break: Int64) -> None:
    """Move devices of replaced gateways to the successors, the most important first, within the trail's limit.

    Cost does not count, everything above it does: a device stays behind, for `evacuate`, where the successor is out of reach,
    has no room, is closed, or is further over the device's latency limit than another gateway would be.
    """
    problem = placement.problem
    if not problem.successors:
        return
    heirs = np.append(np.full(len(problem.gateways), NOWHERE), NOWHERE)
    heirs[list(problem.successors)] = list(problem.successors.values())
    devices = np.flatnonzero(problem.misplaced & (heirs[placement.gateway] != NOWHERE))
    for device in devices[np.argsort(-problem.priority[devices], kind="stable")].tolist():
        if trail.full:
            return
        trail.spent += 1
        chosen = _to(placement, device, int(heirs[placement.gateway[device]]))
        best = options(placement, device, tie_break)[:1]
        if chosen is not None and chosen.latency_excess_ms <= best[0].latency_excess_ms:
            stayed = stay(placement, device)
            placement.move(device, chosen.link)
            trail.record(Step(device, Cause.REPLACED, chosen, None, stayed))


def _to(placement: Placement, device: int, gateway: int) -> Option | None:
    """What serving `device` at `gateway` costs now; None where it may not be."""
    reach = placement.problem.reach
    links = np.arange(reach.first[device], reach.first[device + 1])
    links = links[reach.gateway[links] == gateway]
    links = links[allowed(placement.problem, placement.load, links)]
    return option(placement, int(links[0])) if len(links) else None
