"""Shedding: where capacity is short, the more important device gets the place of a less important one.

The last resort, after every way of serving both has failed: the highest goal weighs the unserved by priority. One for one
only; a crowd of small devices is not shed for a big one.
"""

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Int64
from tidegate.core.allocation.make_room import displaceable, entrances_of, option, standing_price
from tidegate.core.allocation.placement import Placement
from tidegate.core.allocation.trail import DEVICES_PER_STEP, Cause, Step, Trail


def shed(placement: Placement, trail: Trail) -> None:
    """Serve unserved devices, most important first, in place of strictly less important ones, within the trail's limits.

    Who is shed may be taken back later (`reinstate`); else the next plan looks for a place again.
    """
    least = placement.problem.priority[placement.gateway != NOWHERE].min(initial=np.inf)
    for device in unserved_by_priority(placement, trail):
        if trail.exhausted or placement.problem.priority[device] <= least:
            return
        _shed_for(placement, trail, int(device))


def unserved_by_priority(placement: Placement, trail: Trail) -> Int64:
    """Unserved devices that this plan has not shed, most important first."""
    unserved = np.flatnonzero(placement.gateway == NOWHERE)
    unserved = unserved[~np.isin(unserved, list(trail.departed))]
    return unserved[np.argsort(-placement.problem.priority[unserved], kind="stable")]


def _shed_for(placement: Placement, trail: Trail, device: int) -> None:
    problem, reach = placement.problem, placement.problem.reach
    entrances = entrances_of(placement, device)
    lesser = displaceable(placement, trail, device, entrances) & (problem.priority < problem.priority[device]) & ~reach.fixed
    victims = np.flatnonzero(lesser)
    trail.spent += 1 + len(victims) // DEVICES_PER_STEP
    if not len(victims):
        return
    entrance = entrances[placement.gateway[victims]]
    order = np.lexsort((reach.cost_per_hour[entrance], reach.latency_excess_ms[entrance], problem.priority[victims]))
    _release(placement, trail, int(victims[order[0]]), device)
    trail.record(Step(device, Cause.UNSERVED, option(placement, int(entrance[order[0]])), None))
    placement.move(device, int(entrance[order[0]]))


def _release(placement: Placement, trail: Trail, victim: int, beneficiary: int) -> None:
    """Take `victim` from its gateway; one that this plan placed is as if it never had been."""
    if placement.problem.start[victim] == NOWHERE:
        trail.forget(victim)
    else:
        trail.record(Step(victim, Cause.SHED, None, None, standing_price(placement, victim), partner=beneficiary))
    placement.release(victim)
