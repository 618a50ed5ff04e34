"""Construction: places for many devices at once, by what room is worth rather than one device after the other.

Repair gives the first devices what they like best and the last ones what is left. Here prices of a relaxation (`prices`) say
beforehand what each gateway's room is worth to all, devices choose by link and price together, and where too many come, those
stay that would lose most elsewhere.

Only for devices that nobody serves: their loads rise from nothing, so any order of the moves is feasible in flight.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from tidegate.core.allocation.arrays import Float64, Int64
from tidegate.core.allocation.choice import Option
from tidegate.core.allocation.goals import CONGESTION_SHARES, CONGESTION_SLOPES
from tidegate.core.allocation.placement import Placement
from tidegate.core.allocation.prices import DECIMALS, Relaxation, ascend, cheapest, reduced_costs
from tidegate.core.allocation.problem import Problem
from tidegate.core.allocation.rules import Room
from tidegate.core.allocation.together import fitting, starts, widths
from tidegate.core.allocation.trail import DEVICES_PER_STEP, Cause, Step, Trail

CROWD: Final = 32
"""Devices without a place from which they are placed together; fewer are placed one by one in less time."""

_NUDGE: Final = 1e-3
"""Cost units that equal links are set apart by at most, far below what anybody would notice."""

_PIECES: Final = CONGESTION_SLOPES[CONGESTION_SHARES[1:] <= 1.0]
"""Slopes of the price of congestion up to a full gateway."""


def construct(placement: Placement, trail: Trail, devices: Int64, tie_break: Int64) -> None:
    """Give `devices`, which nobody serves, places at their least possible latency; some may stay without.

    Who has no lawful link to an open gateway is passed over. `tie_break` int64 [gateway] orders equals.
    """
    links = _links(placement, devices)
    if not len(links):
        return
    relaxation = _nudged(relaxation_of(placement, links), tie_break)
    prices = ascend(relaxation)
    trail.spent += prices.rounds * (1 + len(devices) // DEVICES_PER_STEP)
    costs = reduced_costs(relaxation, prices.price)
    for link in links[_settled(placement, links, relaxation, costs)].tolist():
        device = int(placement.problem.reach.device[link])
        trail.record(Step(device, Cause.UNSERVED, Option(link, 0.0, 0.0), None))  # `hindsight` says what it costs
        trail.together.add(device)


def _nudged(relaxation: Relaxation, tie_break: Int64) -> Relaxation:
    """`relaxation` with costs a hair apart, so that devices to which all gateways are equal go round them, the largest first."""
    size, count = relaxation.share[relaxation.first].max(axis=1, initial=0.0), len(tie_break)
    turn = np.empty(len(size), np.int64)
    turn[np.argsort(-size, kind="stable")] = np.arange(len(size))
    places = (turn[relaxation.device] + tie_break[relaxation.gateway]) % count
    return replace(relaxation, cost=relaxation.cost + _NUDGE * places / count)


def _links(placement: Placement, devices: Int64) -> Int64:
    """The links of `devices` that no lasting rule forbids and that are of the device's least latency excess, int64 [link]."""
    problem, reach = placement.problem, placement.problem.reach
    wanted = np.zeros(len(problem.devices), np.bool_)
    wanted[devices] = True
    links = np.flatnonzero(wanted[reach.device])
    links = links[problem.usable[links]]
    least = np.full(len(problem.devices), np.inf)
    np.minimum.at(least, reach.device[links], reach.latency_excess_ms[links])
    return links[reach.latency_excess_ms[links] <= least[reach.device[links]]]


def relaxation_of(placement: Placement, links: Int64) -> Relaxation:
    """The relaxation of serving the devices of `links` beside those already served."""
    problem, reach = placement.problem, placement.problem.reach
    first, gateway = starts(reach.device[links]), reach.gateway[links]
    return Relaxation(
        first=first,
        device=np.repeat(np.arange(len(first)), widths(first, len(links))),
        gateway=gateway,
        cost=np.round(reach.cost_per_hour[links] / problem.cost_unit, DECIMALS),
        share=np.round(problem.demand[reach.device[links]] / problem.scale[gateway], DECIMALS),
        widths=_free_pieces(problem, placement.load, len(first)),
        slopes=_PIECES,
        outside=np.full(len(first), np.inf),
    )


def _free_pieces(problem: Problem, load: Float64, devices: int) -> Float64:
    """What is left of each straight piece of the price of congestion, float64 [gateway, resource, piece].

    The dearest is longer by what the rounding of so many devices' shares may add up to: a gateway that is exactly full would
    else be a hair over, for which any price is too low, and the bound of such prices would be none.
    """
    limited = np.isfinite(problem.arrivals)
    room = np.where(limited, problem.arrivals, 1.0) / np.where(limited, problem.scale, 1.0)
    used = load / problem.scale
    ends = np.minimum(CONGESTION_SHARES[: len(_PIECES) + 1], room[:, :, None])
    pieces = np.diff(np.maximum(ends, used[:, :, None]), axis=2)
    free = np.round(np.maximum(pieces, 0.0), DECIMALS)
    free[:, :, -1] += (devices + len(_PIECES)) * 10.0**-DECIMALS
    return np.asarray(free)


def _settled(placement: Placement, links: Int64, relaxation: Relaxation, costs: Float64) -> Int64:
    """Move who fits, in rounds: all still without a place ask for their cheapest gateway with room. Which links came to use."""
    problem, waiting, used = placement.problem, np.ones(len(relaxation.first), np.bool_), list[Int64]()
    while True:
        still = np.flatnonzero(waiting[relaxation.device])
        still = still[Room().allows(problem, placement.load, links[still])]
        if not len(still):
            return np.concatenate(used) if used else np.empty(0, np.int64)
        leads = starts(relaxation.device[still])
        first, regret = _choices(costs[still], leads)
        chosen = still[first]
        admitted = chosen[fitting(problem, placement.load, links[chosen], regret)]
        placement.move_all(links[admitted])
        waiting[relaxation.device[admitted]] = False
        used.append(admitted)


def _choices(costs: Float64, leads: Int64) -> tuple[Int64, Float64]:
    """Where each device's first cheapest link is, and what it loses by its second choice, infinite for those with one.

    `costs` by device, whose rows begin at `leads`.
    """
    owner = np.repeat(np.arange(len(leads)), widths(leads, len(costs)))
    first, others = cheapest(costs, leads, owner), costs.copy()
    others[first] = np.inf
    return first, np.minimum.reduceat(others, leads) - costs[first]
