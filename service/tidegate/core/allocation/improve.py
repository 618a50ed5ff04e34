"""Improvement: single moves that make a higher goal better and no goal above it worse, most valuable first.

Rounds: all movable devices are looked at together in arrays, then the promising ones are moved one by one, each checked
again against the loads of that moment. A device that left a gateway in this plan is not moved twice, so the moves can be
carried out in their order; a device placed from nowhere may still be given a better place.
"""

from typing import Final

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.allocation.choice import arrival_price, departure_gain, options, stay
from tidegate.core.allocation.placement import ROUNDING, Placement
from tidegate.core.allocation.rules import allowed
from tidegate.core.allocation.trail import DEVICES_PER_STEP, Cause, Step, Trail

_ROUNDS: Final = 50
"""Rounds at most; each must improve something, the step budget usually ends the search earlier."""


def improve(placement: Placement, trail: Trail, tie_break: Int64, *, move_price: float) -> None:
    """Make moves that relieve overload or shorten latency, or save more than `move_price` (cost units per hour).

    With an infinite `move_price` nobody leaves a gateway for cost alone. First placements are improved at any saving.
    Stops at the trail's limits.
    """
    for _ in range(_ROUNDS):
        if trail.exhausted or not _round(placement, trail, tie_break, move_price):
            return


def _candidates(placement: Placement, trail: Trail) -> Int64:
    """Devices that may be moved now: served, not cooling, not moved away from a gateway in this plan already."""
    problem = placement.problem
    fresh = problem.start == NOWHERE
    free = fresh if trail.full else fresh | ~(problem.cooling | problem.misplaced)
    departed = np.zeros(len(free), np.bool_)
    departed[list(trail.departed)] = True
    return np.flatnonzero((placement.gateway != NOWHERE) & free & ~departed)


def _round(placement: Placement, trail: Trail, tie_break: Int64, move_price: float) -> bool:
    devices = _candidates(placement, trail)
    if np.isinf(move_price):
        devices = devices[_in_need(placement, devices)]
    trail.spent += 1 + len(devices) // DEVICES_PER_STEP
    improved = False
    for device in _promising(placement, devices, move_price):
        if trail.exhausted:
            break
        if trail.full and placement.problem.start[device] != NOWHERE:
            continue
        trail.spent += 1
        improved |= _try(placement, trail, tie_break, int(device), move_price)
    return improved


def _in_need(placement: Placement, devices: Int64) -> Bool:
    """Which of `devices` something else than cost could move, or this plan placed, bool [device]."""
    late, fresh = placement.latency_excess_ms[devices] > ROUNDING, placement.problem.start[devices] == NOWHERE
    return np.asarray(fresh | late | (relief_of(placement, devices) > ROUNDING))


def _promising(placement: Placement, devices: Int64, move_price: float) -> Int64:
    """Those of `devices` that some move improves at the present loads, most valuable first: relief, latency, cost."""
    reach, relief, here = placement.problem.reach, np.zeros(len(placement.gateway)), np.zeros(len(placement.gateway))
    relief[devices] = relief_of(placement, devices)
    here[devices] = placement.cost_per_hour[devices] + departure_gain(placement, devices)
    links = _elsewhere(placement, devices)
    latency, cost = _saved(placement, links, here)
    # Arriving is never paid for: a link that would be no better for nothing needs no price, and most are such.
    links = links[_better(placement, reach.device[links], relief[reach.device[links]], latency, cost, move_price)]
    links = links[allowed(placement.problem, placement.load, links)]
    owners = reach.device[links]
    latency, cost = _saved(placement, links, here)
    cost = cost - arrival_price(placement, links)
    better = _better(placement, owners, relief[owners], latency, cost, move_price)
    order = np.lexsort((-cost[better], -latency[better], -relief[owners][better]))
    ranked = owners[better][order]
    _, first = np.unique(ranked, return_index=True)
    return np.asarray(ranked[np.sort(first)])


def _elsewhere(placement: Placement, devices: Int64) -> Int64:
    """The links of `devices` to gateways other than their own, int64 [link]."""
    reach, wanted = placement.problem.reach, np.zeros(len(placement.gateway), np.bool_)
    wanted[devices] = True
    links = np.flatnonzero(wanted[reach.device])
    return np.asarray(links[reach.gateway[links] != placement.gateway[reach.device[links]]])


def _saved(placement: Placement, links: Int64, here: Float64) -> tuple[Float64, Float64]:
    """What each link saves against where its device is, at cost `here` [device]: ms, and cost before congestion there."""
    reach = placement.problem.reach
    owners = reach.device[links]
    return placement.latency_excess_ms[owners] - reach.latency_excess_ms[links], here[owners] - reach.cost_per_hour[links]


def relief_of(placement: Placement, devices: Int64) -> Float64:
    """Overload (shares summed over resources) that would vanish if each of `devices` left its gateway, float64 [device]."""
    problem, relief = placement.problem, np.zeros(len(devices))
    crowded: Bool = np.asarray((placement.load > problem.capacity).any(axis=1))
    if not crowded.any():
        return relief
    rows = np.flatnonzero(crowded[placement.gateway[devices]])
    gateway = placement.gateway[devices[rows]]
    capacity, scale, load = problem.capacity[gateway], problem.scale[gateway], placement.load[gateway]
    before = np.maximum(load - capacity, 0.0) / scale
    after = np.maximum(load - problem.demand[devices[rows]] - capacity, 0.0) / scale
    relief[rows] = (before - after).sum(axis=1)
    return relief


def _better(placement: Placement, owners: Int64, relief: Float64, latency: Float64, cost: Float64, move_price: float) -> Bool:
    """Gains by link to a verdict by link, lexicographic. A move for cost alone must pay its price; a first placement need not."""
    problem = placement.problem
    price = np.where(problem.unpaid[owners], np.inf, move_price)  # its last move has not earned its own price yet
    price = np.where(problem.start[owners] == NOWHERE, ROUNDING, price) * problem.cost_unit
    quicker = (latency > ROUNDING) | ((latency >= -ROUNDING) & (cost > price))
    return np.asarray((relief > ROUNDING) | quicker)


def _try(placement: Placement, trail: Trail, tie_break: Int64, device: int, move_price: float) -> bool:
    """Move `device` to its best place if that still improves; says whether it did."""
    found = options(placement, device, tie_break)
    if not found:
        return False
    here, row = stay(placement, device), np.array([device], np.int64)
    relief = relief_of(placement, row)
    latency = np.array([here.latency_excess_ms - found[0].latency_excess_ms])
    cost = np.array([here.cost_per_hour - found[0].cost_per_hour])
    if not _better(placement, row, relief, latency, cost, move_price)[0]:
        return False
    fresh = placement.problem.start[device] == NOWHERE
    cause = Cause.UNSERVED if fresh else _cause(float(relief[0]), float(latency[0]))
    runner_up = found[1] if len(found) > 1 else None
    placement.move(device, found[0].link)
    trail.record(Step(device, cause, found[0], runner_up, None if fresh else here, float(relief[0])))
    return True


def _cause(relief: float, latency: float) -> Cause:
    if relief > ROUNDING:
        return Cause.OVERLOAD
    return Cause.LATENCY if latency > ROUNDING else Cause.COST
