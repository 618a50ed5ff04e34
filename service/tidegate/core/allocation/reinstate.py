"""Taking back what was shed in vain: a device that gave its place stays after all, or moves, where what followed left room.

A place that is given for one device may turn out to be free when another one is given for the next.
"""

from collections.abc import Iterator

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Int64
from tidegate.core.allocation.choice import options
from tidegate.core.allocation.order import carried_out_order, is_feasible
from tidegate.core.allocation.placement import FULL, Placement
from tidegate.core.allocation.trail import Cause, Step, Trail


def reinstate(placement: Placement, trail: Trail, tie_break: Int64) -> None:
    """Serve those who were shed and fit somewhere by now, most important first, where the plan can be carried out so."""
    problem = placement.problem
    shed = [device for device, step in trail.steps.items() if step.cause is Cause.SHED]
    for device in sorted(shed, key=lambda each: -problem.priority[each]):
        for link, changed in _ways(placement, trail, tie_break, device):
            if is_feasible(problem, carried_out_order(problem, changed)):
                placement.move(device, link)
                trail.steps, trail.departed = changed.steps, changed.departed
                break


def _ways(placement: Placement, trail: Trail, tie_break: Int64, device: int) -> Iterator[tuple[int, Trail]]:
    """Links over which `device` might be served after all, and the trail with each: at home, else elsewhere, then or last."""
    home = _home(placement, device)
    if home is not None:
        kept = trail.copy()
        kept.take_back(device)
        yield home, kept
    found = options(placement, device, tie_break)
    if found:
        before = trail.steps[device]
        runner_up = found[1] if len(found) > 1 else None
        step = Step(device, Cause.ROOM, found[0], runner_up, before.stayed, partner=before.partner)
        in_place, last = trail.copy(), trail.copy()
        in_place.record(step)
        last.take_back(device)
        last.record(step)
        yield found[0].link, in_place
        yield found[0].link, last


def _home(placement: Placement, device: int) -> int | None:
    """The link of `device` to the gateway that it was to leave, if it fits there still; None otherwise."""
    problem, reach = placement.problem, placement.problem.reach
    gateway = problem.start[device]
    links = np.arange(reach.first[device], reach.first[device + 1])
    links = links[reach.gateway[links] == gateway]
    if gateway == NOWHERE or not len(links):
        return None
    fits = (placement.load[gateway] + problem.demand[device] <= problem.capacity[gateway] * FULL).all()
    return int(links[0]) if fits else None
