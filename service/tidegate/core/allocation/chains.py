"""Chains: a device that fits nowhere gets a place after several others have stepped aside, each into the place of the next.

Where making room by one device fails (`make_room`), there may be room in pieces that only others fit into. Who could leave is
found from the free room backwards, for all devices at once: first those that fit elsewhere as it is, then those that would fit
where one of the former has left, and so on. A chain is read off from its front.

It is made from its end: everybody goes to where there is room at that moment, so it can be carried out in that order.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.allocation.choice import arrival_price
from tidegate.core.allocation.make_room import displace, displaceable, entrances_of, exits_of, movable_of, option
from tidegate.core.allocation.placement import FULL, Placement
from tidegate.core.allocation.together import ranks, starts
from tidegate.core.allocation.trail import Cause, Step, Trail
from tidegate.core.ragged import ragged

LONGEST: Final = 3
"""Devices that step aside for one, at most. On random losses the second and third brought service to most that could be
served; a fourth to next to nobody."""

_SHARE: Final = 4
"""Chains may take one part in so many of the steps that are left; what comes after them has to go on."""

_CANDIDATES: Final = 8
"""Devices per gateway whose leaving is looked at, the largest: others make less room."""

_FRONTS: Final = 16
"""Chains tried for one device, the cheapest first; one fails where it comes by the same gateway twice."""

_PAIRS_PER_STEP: Final = 512
"""Pairs of devices looked at together in arrays in the time of one step."""


@dataclass(frozen=True, slots=True)
class _Ways:
    """How each device could leave, by device: over `link` (`NOWHERE`: not at all) once `after` (`NOWHERE`: nobody) has left.

    `latency_ms` and `cost_per_hour` are what that adds, of all who leave.
    """

    link: Int64
    after: Int64
    latency_ms: Float64
    cost_per_hour: Float64


def serve_by_chains(placement: Placement, trail: Trail, tie_break: Int64) -> None:
    """Serve more of the unserved, the most important first, within the trail's limits. Who steps aside keeps being served.

    No gateway gets over capacity; latency and cost may rise, they rank lower.
    """
    unserved = np.flatnonzero(placement.gateway == NOWHERE)
    waiting = unserved[np.argsort(-placement.problem.priority[unserved], kind="stable")]
    limit = trail.spent + (trail.budget - trail.spent) // _SHARE
    while len(waiting) and trail.spent < limit:
        ways = _ways(placement, trail, tie_break, limit)
        for device in waiting[_hopeful(placement, waiting, ways)].tolist():
            trail.spent += 1
            _serve(placement, trail, tie_break, device, ways)
        left = waiting[placement.gateway[waiting] == NOWHERE]
        if len(left) == len(waiting):
            return
        waiting = left


def _serve(placement: Placement, trail: Trail, tie_break: Int64, device: int, ways: _Ways) -> None:
    """Serve `device` at the end of the cheapest chain that can be made, if there is any."""
    reach, entrances = placement.problem.reach, entrances_of(placement, device)
    fronts = np.flatnonzero(displaceable(placement, trail, device, entrances) & (ways.link != NOWHERE))
    entrance = entrances[placement.gateway[fronts]]
    latency = ways.latency_ms[fronts] + reach.latency_excess_ms[entrance]
    cost = ways.cost_per_hour[fronts] + reach.cost_per_hour[entrance]
    for row in np.lexsort((np.round(cost / placement.problem.cost_unit, 9), latency))[:_FRONTS].tolist():
        chain, link = _chain(ways, int(fronts[row])), int(entrance[row])
        if _possible(placement, trail, chain, [*ways.link[chain].tolist(), link]):
            for each in chain:
                displace(placement, trail, tie_break, each, int(ways.link[each]), device)
            trail.record(Step(device, Cause.UNSERVED, option(placement, link), None))
            placement.move(device, link)
            return


def _chain(ways: _Ways, front: int) -> list[int]:
    """Who steps aside so that `front` can leave, and `front`, in the order in which they do."""
    chain = [front]
    while (after := int(ways.after[chain[-1]])) != NOWHERE:
        chain.append(after)
    return chain[::-1]


def _possible(placement: Placement, trail: Trail, chain: list[int], links: list[int]) -> bool:
    """Whether those of `chain` may leave, and there is room for everybody when each of `links` is used in turn."""
    problem, reach = placement.problem, placement.problem.reach
    leaving = [each for each in chain if problem.start[each] != NOWHERE]
    if len(leaving) > trail.left or not trail.departed.isdisjoint(leaving):
        return False
    load = placement.load.copy()
    for link in links:
        device, target = int(reach.device[link]), int(reach.gateway[link])
        source = int(placement.gateway[device])
        load[target] += problem.demand[device]
        if source == target or not (load[target] <= problem.arrivals[target] * FULL).all():
            return False
        if source != NOWHERE:
            load[source] -= problem.demand[device]
    return True


def _ways(placement: Placement, trail: Trail, tie_break: Int64, limit: int) -> _Ways:
    """How the movable could leave, by chains as short as can be; no longer ones once the trail has spent `limit`."""
    count, reach = len(placement.gateway), placement.problem.reach
    ways = _Ways(np.full(count, NOWHERE), np.full(count, NOWHERE), np.zeros(count), np.zeros(count))
    exits = exits_of(placement, trail)
    _lead(placement, ways, tie_break, exits, np.full(len(exits), NOWHERE), arrival_price(placement, exits))
    movable = movable_of(placement, trail)
    for _ in range(1, LONGEST):
        links = np.flatnonzero((movable & (ways.link == NOWHERE))[reach.device] & placement.problem.usable)
        links = links[reach.gateway[links] != placement.gateway[reach.device[links]]]
        opened, after = _opened(placement, trail, ways, links, limit)
        _lead(placement, ways, tie_break, opened, after, np.zeros(len(opened)))
    return ways


def _opened(placement: Placement, trail: Trail, ways: _Ways, links: Int64, limit: int) -> tuple[Int64, Int64]:
    """Which of `links` have room once whom has left: both int64 [pair]; none where looking would go beyond the `limit`."""
    problem, reach = placement.problem, placement.problem.reach
    leavers = _largest(placement, np.flatnonzero(ways.link != NOWHERE))
    links = links[_fits(placement, links, leavers)]
    gateway = reach.gateway[links]
    ends = np.searchsorted(placement.gateway[leavers], np.arange(len(problem.gateways) + 1))
    counts = np.diff(ends)[gateway]
    steps = int(len(links) + counts.sum()) // _PAIRS_PER_STEP
    if trail.spent + steps >= limit:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    trail.spent += steps
    row, place = ragged(ends[gateway], counts)
    short = problem.demand[reach.device[links]] - (problem.arrivals * FULL - placement.load)[gateway]
    fits = (short[row] <= problem.demand[leavers[place]]).all(axis=1)
    return links[row[fits]], leavers[place[fits]]


def _fits(placement: Placement, links: Int64, leavers: Int64) -> Bool:
    """Which of `links` might have room after one of `leavers` has left: after the largest in each resource."""
    problem, reach = placement.problem, placement.problem.reach
    at, most = placement.gateway[leavers], np.full_like(placement.load, -np.inf)
    np.maximum.at(most, at, (problem.arrivals * FULL - placement.load)[at] + problem.demand[leavers])
    return np.asarray((problem.demand[reach.device[links]] <= most[reach.gateway[links]]).all(axis=1))


def _hopeful(placement: Placement, devices: Int64, ways: _Ways) -> Bool:
    """Which of `devices` a chain might serve, bool [device]: most of a crowd without hope is told so at once."""
    problem, wanted = placement.problem, np.zeros(len(placement.gateway), np.bool_)
    wanted[devices] = True
    links = np.flatnonzero(wanted[problem.reach.device] & problem.usable)
    wanted[:] = False
    wanted[problem.reach.device[links[_fits(placement, links, np.flatnonzero(ways.link != NOWHERE))]]] = True
    return np.asarray(wanted[devices])


def _largest(placement: Placement, devices: Int64) -> Int64:
    """Of `devices`, the largest few of each gateway, by gateway."""
    problem, at = placement.problem, placement.gateway[devices]
    size = (problem.demand[devices] / problem.scale[at]).sum(axis=1)
    devices = devices[np.lexsort((devices, -np.round(size, 9), at))]
    return np.asarray(devices[ranks(placement.gateway[devices]) < _CANDIDATES])


def _lead(placement: Placement, ways: _Ways, tie_break: Int64, links: Int64, after: Int64, price: Float64) -> None:
    """Let each owner of `links` leave over the best of them, each open once `after` has left: by latency, then cost, of all."""
    reach, led = placement.problem.reach, after != NOWHERE
    owners = reach.device[links]
    latency = reach.latency_excess_ms[links] - placement.latency_excess_ms[owners] + np.where(led, ways.latency_ms[after], 0.0)
    cost = reach.cost_per_hour[links] - placement.cost_per_hour[owners] + price + np.where(led, ways.cost_per_hour[after], 0.0)
    ranked = np.round(cost / placement.problem.cost_unit, 9)
    order = np.lexsort((after, tie_break[reach.gateway[links]], ranked, latency, owners))
    best = order[starts(owners[order])]
    ways.link[owners[best]], ways.after[owners[best]] = links[best], after[best]
    ways.latency_ms[owners[best]], ways.cost_per_hour[owners[best]] = latency[best], cost[best]
