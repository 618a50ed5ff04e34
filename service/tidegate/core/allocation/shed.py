"""Shedding: where capacity is short, a more important device gets the place of less important ones.

The last resort, after every way of serving all has failed: the highest goal weighs the unserved by priority. One or several give
their places at one gateway, each strictly less important than the device, and together too.
"""

from dataclasses import dataclass

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Float64, Int64
from tidegate.core.allocation.make_room import entrances_of, movable_of, option, standing_price
from tidegate.core.allocation.placement import FULL, Placement
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


@dataclass(frozen=True, slots=True)
class _Places:
    """What `victims` (int64) give at the end of `link`, and what that costs: their priorities together, then ms, then cost."""

    link: int
    victims: Int64
    price: tuple[float, float, float]


def _shed_for(placement: Placement, trail: Trail, device: int) -> None:
    """Serve `device` where that takes least from others, if it takes less than it gives."""
    priority = placement.problem.priority
    found = [
        places
        for places in _offers(placement, trail, device)
        if places.price[0] < priority[device] and _departing(placement, places.victims) <= trail.left
    ]
    if not found:
        return
    best = min(found, key=lambda places: places.price)
    for victim in best.victims.tolist():
        _release(placement, trail, victim, device)
    trail.record(Step(device, Cause.UNSERVED, option(placement, best.link), None))
    placement.move(device, best.link)


def _offers(placement: Placement, trail: Trail, device: int) -> list[_Places]:
    """The places that the least important of each gateway could give to `device`."""
    problem, reach, entrances = placement.problem, placement.problem.reach, entrances_of(placement, device)
    lesser = np.flatnonzero(movable_of(placement, trail) & (problem.priority < problem.priority[device]) & ~reach.fixed)
    lesser = lesser[entrances[placement.gateway[lesser]] != NOWHERE]
    lesser = lesser[np.argsort(placement.gateway[lesser], kind="stable")]
    gateways, first = np.unique(placement.gateway[lesser], return_index=True)
    trail.spent += 1 + len(gateways) + len(lesser) // DEVICES_PER_STEP
    offers = []
    for gateway, candidates in zip(gateways.tolist(), np.split(lesser, first)[1:], strict=True):
        short = placement.load[gateway] + problem.demand[device] - problem.arrivals[gateway] * FULL
        victims, link = _least_important(placement, candidates, short), int(entrances[gateway])
        if len(victims):
            price = (float(problem.priority[victims].sum()), reach.latency_excess_ms[link], reach.cost_per_hour[link])
            offers.append(_Places(link, victims, price))
    return offers


def _least_important(placement: Placement, candidates: Int64, short: Float64) -> Int64:
    """Few and unimportant ones of `candidates`, all of one gateway, who cover what is `short` (float64 [resource]); else none.

    The least important of those who suffice alone, or a group: those who cover most for their priority, nobody too many.
    """
    problem, demand, wanted = placement.problem, placement.problem.demand[candidates], np.maximum(short, 0.0)
    if not (demand.sum(axis=0) >= wanted).all():
        return candidates[:0]
    priority, scale = problem.priority[candidates], problem.scale[placement.gateway[candidates[0]]]
    covered = (np.minimum(demand, wanted) / scale).sum(axis=1)
    order = np.lexsort((candidates, -np.round(covered / priority, 9)))
    needed = int((demand[order].cumsum(axis=0) >= wanted).all(axis=1).argmax()) + 1
    group = _spared(order[:needed], demand, wanted, priority)
    alone = np.flatnonzero((demand >= wanted).all(axis=1))
    if len(alone) and priority[alone].min() <= priority[group].sum():
        return candidates[alone[[np.argmin(priority[alone])]]]
    return candidates[np.sort(group)]


def _spared(group: Int64, demand: Float64, wanted: Float64, priority: Float64) -> Int64:
    """`group` without those it can do without, the most important first."""
    spare, kept = demand[group].sum(axis=0) - wanted, list[int]()
    for member in group[np.argsort(-priority[group], kind="stable")].tolist():
        if (demand[member] <= spare).all():
            spare = spare - demand[member]
        else:
            kept.append(member)
    return np.array(kept, np.int64)


def _departing(placement: Placement, victims: Int64) -> int:
    return int((placement.problem.start[victims] != NOWHERE).sum())


def _release(placement: Placement, trail: Trail, victim: int, beneficiary: int) -> None:
    """Take `victim` from its gateway; one that this plan placed is as if it never had been."""
    if placement.problem.start[victim] == NOWHERE:
        trail.forget(victim)
    else:
        trail.record(Step(victim, Cause.SHED, None, None, standing_price(placement, victim), partner=beneficiary))
    placement.release(victim)
