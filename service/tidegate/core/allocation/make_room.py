"""Making room: a device that fits nowhere gets the place of another one that fits elsewhere.

Repair places one device at a time and ends with room in small pieces. One displaced device per rescued one is enough to
join most of them; for the rest there are `ejections`.
"""

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.allocation.choice import Option, arrival_price, options, sent_per_hour
from tidegate.core.allocation.placement import FULL, Placement
from tidegate.core.allocation.rules import allowed
from tidegate.core.allocation.trail import DEVICES_PER_STEP, Cause, Step, Trail


def make_room(placement: Placement, trail: Trail, tie_break: Int64) -> None:
    """Serve more of the unserved by displacing one served device each, the most important first, within the trail's limits.

    Who is displaced keeps being served, and no gateway gets over capacity; latency and cost may rise, they rank lower.
    """
    unserved = np.flatnonzero(placement.gateway == NOWHERE)
    exits: Int64 | None = None
    for device in unserved[np.argsort(-placement.problem.priority[unserved], kind="stable")]:
        if trail.exhausted:
            return
        trail.spent += 1
        if exits is None:
            exits = exits_of(placement, trail)
        if _make_room_for(placement, trail, tie_break, int(device), exits):
            exits = None


def exits_of(placement: Placement, trail: Trail) -> Int64:
    """Links over which a served device could leave for elsewhere, at the loads of now, int64 [link]."""
    reach, movable = placement.problem.reach, movable_of(placement, trail)
    trail.spent += int(movable.sum()) // DEVICES_PER_STEP
    links = np.flatnonzero(movable[reach.device])
    links = links[reach.gateway[links] != placement.gateway[reach.device[links]]]
    return np.asarray(links[allowed(placement.problem, placement.load, links)])


def _make_room_for(placement: Placement, trail: Trail, tie_break: Int64, device: int, exits: Int64) -> bool:
    """Serve `device` where one of `exits` makes room for it; says whether there was any."""
    reach, entrances = placement.problem.reach, entrances_of(placement, device)
    links = exits[_makes_room(placement, device, reach.device[exits], entrances)]
    if not len(links):
        return False
    exit_link = int(links[_best(placement, tie_break, entrances, links)])
    displaced = int(reach.device[exit_link])
    entrance = int(entrances[placement.gateway[displaced]])
    displace(placement, trail, tie_break, displaced, exit_link, device)
    trail.record(Step(device, Cause.UNSERVED, option(placement, entrance), None))
    placement.move(device, entrance)
    return True


def entrances_of(placement: Placement, device: int) -> Int64:
    """By gateway, the link over which `device` could come if there were room; `NOWHERE` for none. int64 [gateway]."""
    problem, reach = placement.problem, placement.problem.reach
    links = np.arange(reach.first[device], reach.first[device + 1])
    links = links[problem.usable[links]]
    entrances = np.full(len(problem.gateways), NOWHERE, np.int64)
    entrances[reach.gateway[links]] = links
    return entrances


def movable_of(placement: Placement, trail: Trail) -> Bool:
    """Served devices that may leave in this plan for others, bool [device]."""
    problem, gateway = placement.problem, placement.gateway
    fresh = problem.start == NOWHERE
    free = (gateway != NOWHERE) & (fresh | ~(problem.cooling | problem.misplaced | trail.full))
    free[list(trail.departed)] = False
    return np.asarray(free)


def _makes_room(placement: Placement, device: int, others: Int64, entrances: Int64) -> Bool:
    """Which of `others` (served) would make room for `device` by leaving, at a gateway that it can enter, bool [other]."""
    problem, at = placement.problem, placement.gateway[others]
    enters = entrances[at] != NOWHERE
    at, leaving = at[enters], others[enters]
    after = placement.load[at] - problem.demand[leaving] + problem.demand[device]
    enters[enters] = (after <= problem.arrivals[at] * FULL).all(axis=1)
    return np.asarray(enters)


def _best(placement: Placement, tie_break: Int64, entrances: Int64, links: Int64) -> int:
    """The place in `links` of the exit that costs least together with the entrance it opens: latency, then cost."""
    reach = placement.problem.reach
    owners, targets = reach.device[links], reach.gateway[links]
    entrance = entrances[placement.gateway[owners]]
    latency = reach.latency_excess_ms[links] - placement.latency_excess_ms[owners] + reach.latency_excess_ms[entrance]
    cost: Float64 = reach.cost_per_hour[links] - placement.cost_per_hour[owners] + reach.cost_per_hour[entrance]
    cost = cost + arrival_price(placement, links)
    return int(np.lexsort((tie_break[targets], np.round(cost / placement.problem.cost_unit, 9), latency))[0])


def displace(placement: Placement, trail: Trail, tie_break: Int64, displaced: int, link: int, beneficiary: int) -> None:
    """Move `displaced` over `link`, where there is room, so that `beneficiary` gets its place."""
    fresh = placement.problem.start[displaced] == NOWHERE
    stayed = None if fresh else standing_price(placement, displaced)
    cause = Cause.UNSERVED if fresh else Cause.ROOM
    others = [each for each in options(placement, displaced, tie_break) if each.link != link]
    runner_up = others[0] if others else None
    trail.record(Step(displaced, cause, option(placement, link), runner_up, stayed, partner=beneficiary))
    placement.move(displaced, link)


def standing_price(placement: Placement, device: int) -> Option:
    """What the link of `device` costs where it is, congestion left out."""
    return Option(NOWHERE, float(placement.latency_excess_ms[device]), float(placement.cost_per_hour[device]))


def option(placement: Placement, link: int) -> Option:
    """What using `link` costs at the loads of now."""
    reach = placement.problem.reach
    price = float(arrival_price(placement, np.array([link], np.int64))[0])
    sent = sent_per_hour(placement, int(reach.device[link]), int(reach.gateway[link]))
    return Option(link, float(reach.latency_excess_ms[link]), float(reach.cost_per_hour[link]) + price, sent)
