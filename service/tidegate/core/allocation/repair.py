"""Repair: find a place for devices that have none, then for those that must leave where they are.

Greedy with regret: highest priority first; among equals, the device that would lose most by waiting (fewest places left,
then the widest gap between its best and second-best place). Regrets are those at the start, and looked up lazily: a queued one
is checked again when it comes up, and the device waits on if others have become more urgent meanwhile.
"""

import heapq
from typing import Final

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Float64, Int64
from tidegate.core.allocation.choice import Option, arrival_price, options, rounded, stay
from tidegate.core.allocation.placement import Placement
from tidegate.core.allocation.rules import Room
from tidegate.core.allocation.together import starts, widths
from tidegate.core.allocation.trail import Cause, Step, Trail

_LOOKS: Final = 3
"""Times a device's regret is looked up again before it is placed anyway; bounds repair to this many steps per device."""


def rescue(placement: Placement, trail: Trail, tie_break: Int64) -> None:
    """Place every unserved device that fits anywhere, but for those that this plan shed. Nothing holds it back."""
    unserved = np.flatnonzero(placement.gateway == NOWHERE)
    unserved = unserved[~np.isin(unserved, list(trail.departed))]
    regrets = _regrets(placement, unserved)
    hopeful = ~np.isnan(regrets[:, 0])  # a rescue only adds load, so the others never will be
    _place(placement, trail, tie_break, unserved[hopeful], regrets[hopeful], Cause.UNSERVED)


def evacuate(placement: Placement, trail: Trail, tie_break: Int64) -> None:
    """Move misplaced devices to where they may stay, within the trail's limit; one that fits nowhere stays, served."""
    problem = placement.problem
    left = np.flatnonzero(problem.misplaced & (placement.gateway == problem.start))
    _place(placement, trail, tie_break, left, np.nan_to_num(_regrets(placement, left), neginf=-np.inf), Cause.MISPLACED)


def _place(placement: Placement, trail: Trail, tie_break: Int64, devices: Int64, regrets: Float64, cause: Cause) -> None:
    priority = placement.problem.priority
    queue = [(-priority[device], *regret, int(device), _LOOKS) for device, regret in zip(devices, regrets.tolist(), strict=True)]
    heapq.heapify(queue)
    while queue and not (cause is Cause.MISPLACED and trail.full):
        _, _, _, device, looks = heapq.heappop(queue)
        found = options(placement, device, tie_break)
        trail.spent += 1
        if not found:
            continue
        urgency = (-priority[device], *_regret(found), device, looks - 1)
        if looks and queue and urgency > queue[0]:
            heapq.heappush(queue, urgency)
            continue
        _settle(placement, trail, device, cause, found)


def _regrets(placement: Placement, devices: Int64) -> Float64:
    """`_regret` of each of `devices` (rising) at the loads of now, float64 [device, 2]; NaN for one that fits nowhere."""
    problem, reach = placement.problem, placement.problem.reach
    waiting = np.zeros(len(placement.gateway), np.bool_)
    waiting[devices] = True
    links = np.flatnonzero(waiting[reach.device] & problem.usable)
    links = links[reach.gateway[links] != placement.gateway[reach.device[links]]]
    links = links[Room().allows(problem, placement.load, links)]
    cost = rounded(placement, reach.cost_per_hour[links] + arrival_price(placement, links))
    ranked = np.lexsort((cost, reach.latency_excess_ms[links], reach.device[links]))
    owner, rank = reach.device[links][ranked], np.stack([reach.latency_excess_ms[links], cost], axis=1)[ranked]
    best = starts(owner)
    several = widths(best, len(owner)) > 1
    regrets = np.full((len(placement.gateway), 2), np.nan)
    regrets[owner[best]] = -np.inf
    regrets[owner[best[several]]] = rank[best[several]] - rank[best[several] + 1]
    return regrets[devices]


def _regret(found: list[Option]) -> tuple[float, float]:
    """Smaller comes first: devices with one place left, then the greatest loss in latency, then in cost."""
    if len(found) == 1:
        return (-np.inf, -np.inf)
    best, second = found
    return (best.latency_excess_ms - second.latency_excess_ms, best.cost_per_hour - second.cost_per_hour)


def _settle(placement: Placement, trail: Trail, device: int, cause: Cause, found: list[Option]) -> None:
    stayed = stay(placement, device) if placement.gateway[device] != NOWHERE else None
    runner_up = found[1] if len(found) > 1 else None
    placement.move(device, found[0].link)
    trail.record(Step(device, cause, found[0], runner_up, stayed))
