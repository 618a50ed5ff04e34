"""Repair: find a place for devices that have none, then for those that must leave where they are.

Greedy with regret: highest priority first; among equals, the device that would lose most by waiting (fewest places left,
then the widest gap between its best and second-best place). Regrets are looked up lazily: whoever was not looked at yet comes
first, a queued regret is checked again when it comes up, and the device waits on if others have become more urgent meanwhile.
"""

import heapq
from typing import Final

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Bool, Int64
from tidegate.core.allocation.choice import Option, options, stay
from tidegate.core.allocation.placement import Placement
from tidegate.core.allocation.rules import allowed
from tidegate.core.allocation.trail import Cause, Step, Trail

_FIRST_LOOK: Final = (-np.inf, -np.inf)
"""Regret of a device that was not looked at: before all others of its priority."""

_LOOKS: Final = 3
"""Times a device's regret is looked up again before it is placed anyway; bounds repair to this many steps per device."""


def rescue(placement: Placement, trail: Trail, tie_break: Int64) -> None:
    """Place every unserved device that fits anywhere, but for those that this plan shed. Nothing holds it back."""
    unserved = np.flatnonzero(placement.gateway == NOWHERE)
    unserved = unserved[~np.isin(unserved, list(trail.departed))]
    _place(placement, trail, tie_break, unserved[_hopeful(placement, unserved)], Cause.UNSERVED)


def _hopeful(placement: Placement, devices: Int64) -> Bool:
    """Which of `devices` have a link they might use now, bool [device]; a rescue only adds load, so the others never will."""
    reach = placement.problem.reach
    waiting = np.zeros(len(placement.gateway), np.bool_)
    waiting[devices] = True
    links = np.flatnonzero(waiting[reach.device])
    links = links[allowed(placement.problem, placement.load, links)]
    hopeful = np.zeros(len(placement.gateway), np.bool_)
    hopeful[reach.device[links]] = True
    return hopeful[devices]


def evacuate(placement: Placement, trail: Trail, tie_break: Int64) -> None:
    """Move misplaced devices to where they may stay, within the trail's limit; one that fits nowhere stays, served."""
    problem = placement.problem
    left = np.flatnonzero(problem.misplaced & (placement.gateway == problem.start))
    _place(placement, trail, tie_break, left, Cause.MISPLACED)


def _place(placement: Placement, trail: Trail, tie_break: Int64, devices: Int64, cause: Cause) -> None:
    priority = placement.problem.priority
    queue = [(-priority[device], *_FIRST_LOOK, int(device), _LOOKS) for device in devices]
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
