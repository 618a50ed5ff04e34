"""Pairs: two served devices move, one after the other, where both together save and neither alone does.

Where room is short, the better place of one is taken by another. A pair is made only if one of the two has room before the
other leaves: two full gateways cannot change devices without a spare or an outage.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Int64
from tidegate.core.allocation.choice import stay
from tidegate.core.allocation.make_room import option
from tidegate.core.allocation.placement import Placement
from tidegate.core.allocation.rules import Room
from tidegate.core.allocation.trades import WISHES, Trades, market_of, sending, trades_of
from tidegate.core.allocation.trail import DEVICES_PER_STEP, Cause, Step, Trail

_ROUNDS: Final = 30
"""Rounds at most; each must save something."""


def move_pairs(placement: Placement, trail: Trail, *, move_price: float) -> bool:
    """Move two devices where that saves more than `move_price` (cost units per hour) for each; says whether any moved.

    Nobody's latency rises, and no gateway gets over capacity, not for a moment. Who is cooling, or whose last move has not paid
    back, stays. Stops at the trail's limits.
    """
    changed = False
    for _ in range(_ROUNDS):
        devices = _candidates(placement, trail)
        if trail.exhausted or trail.left < 2 or not len(devices):
            break
        trail.spent += 1 + WISHES * len(devices) // DEVICES_PER_STEP
        market = market_of(placement.problem, devices, np.full(len(placement.gateway), move_price))
        made = _carry_out(placement, trail, trades_of(placement, market))
        trail.spent += made
        changed |= made > 0
        if not made:
            break
    return changed


def _candidates(placement: Placement, trail: Trail) -> Int64:
    """Devices that may move for cost alone: as served from the start, and not to be left where they are."""
    problem = placement.problem
    free = (problem.start != NOWHERE) & ~(problem.cooling | problem.misplaced | problem.unpaid | sending(problem))
    free[list(trail.departed)] = False
    return np.flatnonzero(free)


def _carry_out(placement: Placement, trail: Trail, trades: Trades) -> int:
    """Make those of `trades` that can be, and whose gateways no better one has touched; how many."""
    reach, touched, made = placement.problem.reach, np.zeros(len(placement.problem.gateways), np.bool_), 0
    for one, other in zip(trades.one.tolist(), trades.other.tolist(), strict=True):
        gateways = [reach.gateway[one], reach.gateway[other], placement.gateway[reach.device[one]]]
        order = _order(placement, one, other)
        if trail.left < 2 or touched[gateways].any() or not order:
            continue
        touched[gateways] = True
        _move(placement, trail, order)
        made += 1
    return made


def _order(placement: Placement, one: int, other: int) -> list[int]:
    """The links of a trade in the order in which they can be used, empty if in neither."""
    room = Room().allows(placement.problem, placement.load, np.array([other, one]))
    return [other, one] if room[0] else [one, other] if room[1] else []


def _move(placement: Placement, trail: Trail, links: list[int]) -> None:
    """Use `links` one after the other, and tell of both devices what that saves together."""
    devices = placement.problem.reach.device[links].tolist()
    steps, saved = list[Step](), 0.0
    for device, link, partner in zip(devices, links, reversed(devices), strict=True):
        chosen, stayed = option(placement, link), stay(placement, device)
        placement.move(device, link)
        steps.append(Step(device, Cause.PAIR, chosen, None, stayed, partner=partner))
        saved += stayed.cost_per_hour - chosen.cost_per_hour
    for step in steps:
        trail.record(replace(step, together_per_hour=saved))
