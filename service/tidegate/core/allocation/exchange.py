"""Exchange: two devices that this plan places trade their gateways, where that saves cost and a move of one alone cannot.

Only devices that nobody served: they come from nowhere, so a trade is not a cycle in flight but another choice of places.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.allocation.goals import congestion
from tidegate.core.allocation.placement import FULL, ROUNDING, Placement
from tidegate.core.allocation.problem import Problem
from tidegate.core.allocation.together import starts
from tidegate.core.allocation.trail import DEVICES_PER_STEP, Trail
from tidegate.core.ragged import ragged

_ROUNDS: Final = 30
"""Rounds at most; each must save something."""

_WISHES: Final = 4
"""Gateways that a device looks for a partner at: those that would suit it best at the prices of the margin."""


@dataclass(frozen=True, slots=True)
class _Trades:
    """By trade: the links that the two devices would use, and what it saves, in cost units."""

    one: Int64
    other: Int64
    saving: Float64


def exchange(placement: Placement, trail: Trail) -> bool:
    """Trade places among the devices of `trail.together`, while that saves something; says whether anything changed.

    No trade raises anybody's latency or brings a gateway over capacity. Stops at the trail's budget.
    """
    devices = np.array(sorted(trail.together), np.int64)
    devices = devices[placement.gateway[devices] != NOWHERE]
    market = _market(placement.problem, devices)
    changed = False
    for _ in range(_ROUNDS):
        if trail.exhausted or not len(devices):
            break
        trail.spent += 1 + _WISHES * len(devices) // DEVICES_PER_STEP
        made = _carry_out(placement, _trades(placement, market))
        trail.spent += made
        changed |= made > 0
        if not made:
            break
    return changed


@dataclass(frozen=True, slots=True)
class _Market:
    """`links` of those who trade, lawful and open; `keys` = device × gateways + gateway of each, rising."""

    devices: Int64
    links: Int64
    keys: Int64


def _market(problem: Problem, devices: Int64) -> _Market:
    reach, wanted = problem.reach, np.zeros(len(problem.devices), np.bool_)
    wanted[devices] = True
    links = np.flatnonzero(wanted[reach.device])
    links = links[problem.usable[links]]
    keys = reach.device[links] * len(problem.gateways) + reach.gateway[links]
    order = np.argsort(keys, kind="stable")
    return _Market(devices, links[order], keys[order])


def _trades(placement: Placement, market: _Market) -> _Trades:
    """Pairs that would save something, best first."""
    problem, reach = placement.problem, placement.problem.reach
    wishes = _wishes(placement, market)
    one, partner = _met(placement, market, wishes)
    home = placement.gateway[reach.device[one]]
    place = np.searchsorted(market.keys, partner * len(problem.gateways) + home)
    place = np.minimum(place, len(market.keys) - 1)
    other = market.links[place]
    possible = (reach.device[other] == partner) & (reach.gateway[other] == home)
    possible &= reach.latency_excess_ms[other] <= placement.latency_excess_ms[partner]
    one, other = one[possible], other[possible]
    room = _room(problem, placement.load, one, other)
    one, other = one[room], other[room]
    saving = _saving(placement, one, other)
    worth = np.flatnonzero(saving > ROUNDING)
    worth = worth[np.lexsort((other[worth], one[worth], -saving[worth]))]
    return _Trades(one[worth], other[worth], saving[worth])


def _wishes(placement: Placement, market: _Market) -> Int64:
    """The links that each device would most like to use if others made room, at most `_WISHES`; only such as suit it better."""
    problem, reach, links = placement.problem, placement.problem.reach, market.links
    owners = reach.device[links]
    quick = reach.latency_excess_ms[links] <= placement.latency_excess_ms[owners]
    links = links[quick & (reach.gateway[links] != placement.gateway[owners])]
    price, here = _margin(placement, market.devices), np.zeros_like(problem.demand)
    here[market.devices] = _asked(problem, price, placement.gateway[market.devices], market.devices)
    # No price is below 0: a link that would suit no better if none were asked need not be priced, and most are such.
    links = links[_gain(placement, links, here.sum(axis=1)[reach.device[links]]) > ROUNDING]
    owners = reach.device[links]
    asked = here[owners] - _asked(problem, price, reach.gateway[links], owners)
    gain = _gain(placement, links, asked.sum(axis=1))
    rows = np.flatnonzero(gain > ROUNDING)
    rows = rows[np.lexsort((-np.round(gain[rows], 9), owners[rows]))]
    runs = starts(owners[rows])
    rank = np.arange(len(rows)) - np.repeat(runs, np.diff(np.append(runs, len(rows))))
    return np.asarray(links[rows[rank < _WISHES]])


def _asked(problem: Problem, price: Float64, gateways: Int64, devices: Int64) -> Float64:
    """What each of `gateways` asks of each of `devices` at `price`, float64 [device, resource]."""
    return np.asarray(price[gateways] * problem.demand[devices] / problem.scale[gateways])


def _gain(placement: Placement, links: Int64, asked: Float64) -> Float64:
    """What the owner of each link saves by using it, in cost units, with `asked` float64 [link] saved on congestion."""
    reach = placement.problem.reach
    return (placement.cost_per_hour[reach.device[links]] - reach.cost_per_hour[links]) / placement.problem.cost_unit + asked


def _margin(placement: Placement, devices: Int64) -> Float64:
    """What a share of each gateway costs at its load, float64 [gateway, resource], taken over a typical device."""
    problem = placement.problem
    share, step = placement.load / problem.scale, (problem.demand[devices].mean(axis=0) / problem.scale)
    step = np.maximum(step, ROUNDING)
    return np.asarray((congestion(share + step) - congestion(np.maximum(share - step, 0.0))) / (2 * step))


def _met(placement: Placement, market: _Market, wishes: Int64) -> tuple[Int64, Int64]:
    """Each wish with each trader who is where it leads: links and partners."""
    at = placement.gateway[market.devices]
    order = np.argsort(at, kind="stable")
    traders, ends = market.devices[order], np.searchsorted(at[order], np.arange(len(placement.problem.gateways) + 1))
    gateway = placement.problem.reach.gateway[wishes]
    wish, row = ragged(ends[gateway], ends[gateway + 1] - ends[gateway])
    return wishes[wish], traders[row]


def _room(problem: Problem, load: Float64, one: Int64, other: Int64) -> Bool:
    """Which trades leave both gateways within their capacity, bool [trade]."""
    reach = problem.reach
    more = problem.demand[reach.device[one]] - problem.demand[reach.device[other]]
    there, here, most = reach.gateway[one], reach.gateway[other], problem.arrivals * FULL
    fits = (load[there] + more <= most[there]) & (load[here] - more <= most[here])
    return np.asarray(fits.all(axis=1))


def _saving(placement: Placement, one: Int64, other: Int64) -> Float64:
    """What each trade saves, in cost units."""
    problem, reach = placement.problem, placement.problem.reach
    first, second, there, here = reach.device[one], reach.device[other], reach.gateway[one], reach.gateway[other]
    more = problem.demand[first] - problem.demand[second]
    links = (
        placement.cost_per_hour[first] + placement.cost_per_hour[second] - reach.cost_per_hour[one] - reach.cost_per_hour[other]
    )
    saved, now = links / problem.cost_unit, congestion(placement.load / problem.scale)
    for gateway, change in ((there, more), (here, -more)):
        then = np.maximum(placement.load[gateway] + change, 0.0) / problem.scale[gateway]
        saved = saved + (now[gateway] - congestion(then)).sum(axis=1)
    return np.round(saved, 9)


def _carry_out(placement: Placement, trades: _Trades) -> int:
    """Make those of `trades` whose gateways no better one has touched; how many."""
    reach, touched, made = placement.problem.reach, np.zeros(len(placement.problem.gateways), np.bool_), 0
    for one, other in zip(trades.one.tolist(), trades.other.tolist(), strict=True):
        gateways = reach.gateway[one], reach.gateway[other]
        if not (touched[gateways[0]] or touched[gateways[1]]):
            touched[list(gateways)] = True
            placement.move(int(reach.device[one]), one)
            placement.move(int(reach.device[other]), other)
            made += 1
    return made
