"""Trades: two devices that both move, one to where the other is, where that saves cost and no move of one alone does.

The other goes to where the first came from (a swap), or to where it fits best of all that have room (a shift). Looked for in
arrays, and by what a trade can save at most: congestion is convex, so a share less saves no more than its slope says. Most pairs
are ruled out by that alone; what the others save is told exactly.

Devices that send each other something take no part: what a trade saves of that depends on where others are.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.allocation.arrays import Bool, Float64, Int64
from tidegate.core.allocation.choice import arrival_price
from tidegate.core.allocation.goals import CONGESTION_SHARES, CONGESTION_SLOPES, congestion
from tidegate.core.allocation.placement import FULL, ROUNDING, Placement
from tidegate.core.allocation.problem import Problem
from tidegate.core.allocation.rules import Room
from tidegate.core.allocation.together import ranks, starts
from tidegate.core.ragged import ragged

WISHES: Final = 4
"""Gateways that a device looks for a partner at: those that would suit it best at the prices of the margin."""


@dataclass(frozen=True, slots=True)
class Trades:
    """By trade: the links that the two devices would use, and what it saves less the fees of both, in cost units.

    `one` leads to where the owner of `other` is.
    """

    one: Int64
    other: Int64
    saving: Float64


@dataclass(frozen=True, slots=True)
class Market:
    """Where the `devices` that may trade may go: by link its row in the reach, its owner, gateway, latency excess and cost.

    `cost` is in cost units; `demand` float64 [link, resource] is of the owners. `fee` float64 [device of the problem] is what a
    trade must save for each of the two, in cost units.
    """

    devices: Int64
    links: Int64
    owner: Int64
    gateway: Int64
    latency_excess_ms: Float64
    cost: Float64
    demand: Float64
    fee: Float64


def sending(problem: Problem) -> Bool:
    """Which devices send or are sent anything, bool [device]."""
    return np.zeros(len(problem.devices), np.bool_) if problem.flows is None else problem.flows.devices


def market_of(problem: Problem, devices: Int64, fee: Float64) -> Market:
    """The links of `devices`, all served, that rules allow whatever the loads."""
    reach, wanted = problem.reach, np.zeros(len(problem.devices), np.bool_)
    wanted[devices] = True
    links = np.flatnonzero(wanted[reach.device] & problem.usable)
    owner, cost = reach.device[links], reach.cost_per_hour[links] / problem.cost_unit
    latency, demand = reach.latency_excess_ms[links], problem.demand[owner]
    return Market(devices, links, owner, reach.gateway[links], latency, cost, demand, fee)


def trades_of(placement: Placement, market: Market) -> Trades:
    """Pairs that would save something, best first. None raises anybody's latency or fills a gateway beyond its capacity."""
    wishes, rest = _offers(placement, market)
    swaps, shifts = _swaps(placement, wishes, rest), _shifts(placement, wishes, _exits(placement, rest))
    one, other = (np.concatenate(columns) for columns in zip(swaps, shifts, strict=True))
    room = _room(placement, one, other)
    one, other = one[room], other[room]
    fees = market.fee[placement.problem.reach.device[one]] + market.fee[placement.problem.reach.device[other]]
    saving = np.round(_saving(placement, one, other) - fees, 9)
    worth = np.flatnonzero(saving > ROUNDING)
    worth = worth[np.lexsort((other[worth], one[worth], -saving[worth]))]
    return Trades(one[worth], other[worth], saving[worth])


@dataclass(frozen=True, slots=True)
class _Offers:
    """Links to other gateways than the owner's, and the most that using each can save less its fee, float64 [link]."""

    links: Int64
    most: Float64


def _offers(placement: Placement, market: Market) -> tuple[_Offers, _Offers]:
    """Links that devices wish for, and links over which partners may go, both only if some trade could pay with them."""
    count, home = len(placement.load), placement.gateway[market.owner]
    most = _gain(placement, market, slice(None), _slope(placement), market.fee)
    most[(market.gateway == home) | (market.latency_excess_ms > placement.latency_excess_ms[market.owner])] = -np.inf
    hopeful = np.flatnonzero(most + _highest(home, most, count)[market.gateway] > ROUNDING)
    gain = _gain(placement, market, hopeful, _margin(placement, market.devices), np.zeros(len(placement.gateway)))
    hopeful, gain = hopeful[gain > ROUNDING], gain[gain > ROUNDING]
    wished = hopeful[_greatest(market.owner[hopeful], gain)]
    useful = np.flatnonzero(most + _highest(market.gateway[wished], most[wished], count)[home] > ROUNDING)
    return _Offers(market.links[wished], most[wished]), _Offers(market.links[useful], most[useful])


def _highest(group: Int64, values: Float64, count: int) -> Float64:
    """The highest of `values` in each of `count` groups, -inf for an empty one."""
    highest = np.full(count, -np.inf)
    np.maximum.at(highest, group, values)
    return highest


def _greatest(owners: Int64, gain: Float64) -> Int64:
    """Where each owner's greatest gains are, `WISHES` at most."""
    rows = np.lexsort((-np.round(gain, 9), owners))
    return np.asarray(rows[ranks(owners[rows]) < WISHES])


def _gain(placement: Placement, market: Market, rows: Int64 | slice, price: Float64, fee: Float64) -> Float64:
    """What owners of some of the market's links save by using them less a `fee`, in cost units, at a price per unit of load."""
    problem, devices = placement.problem, market.devices
    here = placement.cost_per_hour / problem.cost_unit - fee
    here[devices] += (price[placement.gateway[devices]] * problem.demand[devices]).sum(axis=1)
    there = np.einsum("ij,ij->i", price.take(market.gateway[rows], axis=0), market.demand[rows])
    return np.asarray(here[market.owner[rows]] - market.cost[rows] - there)


def _slope(placement: Placement) -> Float64:
    """What the next bit of load costs, float64 [gateway, resource] per unit: no step up costs less, none down saves more."""
    share = placement.load / placement.problem.scale
    piece = np.searchsorted(CONGESTION_SHARES, share, side="right") - 1
    return np.asarray(CONGESTION_SLOPES[np.clip(piece, 0, len(CONGESTION_SLOPES) - 1)] / placement.problem.scale)


def _margin(placement: Placement, devices: Int64) -> Float64:
    """What load costs at each gateway, float64 [gateway, resource] per unit, taken over a typical device."""
    problem = placement.problem
    share, step = placement.load / problem.scale, (problem.demand[devices].mean(axis=0) / problem.scale)
    step = np.maximum(step, ROUNDING)
    slope = (congestion(share + step) - congestion(np.maximum(share - step, 0.0))) / (2 * step)
    return np.asarray(slope / problem.scale)


def _swaps(placement: Placement, wishes: _Offers, rest: _Offers) -> tuple[Int64, Int64]:
    """Each wish with each link that leads back from there to where its owner is."""
    reach, count = placement.problem.reach, len(placement.problem.gateways)
    back = placement.gateway[reach.device[rest.links]] * count + reach.gateway[rest.links]
    there = reach.gateway[wishes.links] * count + placement.gateway[reach.device[wishes.links]]
    return _joined(wishes, rest, there, back)


def _shifts(placement: Placement, wishes: _Offers, exits: _Offers) -> tuple[Int64, Int64]:
    """Each wish with each exit of who is where it leads, but for those to where its owner is."""
    reach = placement.problem.reach
    at = placement.gateway[reach.device[exits.links]]
    one, other = _joined(wishes, exits, reach.gateway[wishes.links], at)
    third = reach.gateway[other] != placement.gateway[reach.device[one]]
    return one[third], other[third]


def _joined(wishes: _Offers, offers: _Offers, wanted: Int64, offered: Int64) -> tuple[Int64, Int64]:
    """Links of wishes and offers of equal keys that together may save something."""
    most_first, count = np.sort(-offers.most), len(offers.most) + 1
    keys = offered * count + np.searchsorted(most_first, -offers.most)
    enough = np.searchsorted(most_first, wishes.most - ROUNDING)  # so many offers are good enough for the wish
    order = np.argsort(keys, kind="stable")
    first, end = (np.searchsorted(keys[order], wanted * count + up_to) for up_to in (0, enough))
    wish, place = ragged(first, end - first)
    return wishes.links[wish], offers.links[order[place]]


def _exits(placement: Placement, offers: _Offers) -> _Offers:
    """Of each owner's `offers` the cheapest to where there is room as it is."""
    problem, reach = placement.problem, placement.problem.reach
    rows = np.flatnonzero(Room().allows(problem, placement.load, offers.links))
    links = offers.links[rows]
    cost = np.round((reach.cost_per_hour[links] + arrival_price(placement, links)) / problem.cost_unit, 9)
    order = np.lexsort((links, cost, reach.device[links]))
    rows = rows[order[starts(reach.device[links[order]])]]
    return _Offers(offers.links[rows], offers.most[rows])


def _room(placement: Placement, one: Int64, other: Int64) -> Bool:
    """Which trades leave both gateways that take somebody in within their capacity, bool [trade]."""
    problem, reach, load = placement.problem, placement.problem.reach, placement.load
    first, second, most = problem.demand[reach.device[one]], problem.demand[reach.device[other]], problem.arrivals * FULL
    there, to = reach.gateway[one], reach.gateway[other]
    swap = (to == placement.gateway[reach.device[one]])[:, None]
    fits = (load[there] + first - second <= most[there]) & (load[to] + second - np.where(swap, first, 0.0) <= most[to])
    return np.asarray(fits.all(axis=1))


def _saving(placement: Placement, one: Int64, other: Int64) -> Float64:
    """What each trade saves, in cost units."""
    problem, reach = placement.problem, placement.problem.reach
    first, second, there, to = reach.device[one], reach.device[other], reach.gateway[one], reach.gateway[other]
    home, a, b = placement.gateway[first], problem.demand[first], problem.demand[second]
    before = placement.cost_per_hour[first] + placement.cost_per_hour[second]
    saved = (before - reach.cost_per_hour[one] - reach.cost_per_hour[other]) / problem.cost_unit
    swap = to == home
    saved += _relieved(placement, there, a - b) + _relieved(placement, home, np.where(swap[:, None], b - a, -a))
    third = ~swap
    saved[third] += _relieved(placement, to[third], b[third])
    return np.asarray(saved)


def _relieved(placement: Placement, gateway: Int64, more: Float64) -> Float64:
    """Congestion that `more` load saves at each of `gateway`, in cost units; negative where it costs."""
    load, scale = placement.load[gateway], placement.problem.scale[gateway]
    return np.asarray((congestion(load / scale) - congestion(np.maximum(load + more, 0.0) / scale)).sum(axis=1))
