"""Exchange: devices that this plan places trade their places, where that saves cost and a move of one alone cannot.

Only devices that nobody served: they come from nowhere, so a trade is not a cycle in flight but another choice of places.
"""

from typing import Final

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Int64
from tidegate.core.allocation.placement import Placement
from tidegate.core.allocation.trades import WISHES, Trades, market_of, sending, trades_of
from tidegate.core.allocation.trail import DEVICES_PER_STEP, Trail

_ROUNDS: Final = 30
"""Rounds at most; each must save something."""

_LEAST: Final = 2e-5
"""Share of the cost of all links in use that a round must save for another one to be worth its time."""


def exchange(placement: Placement, trail: Trail) -> bool:
    """Trade places among the devices of `trail.together`, while that saves something; says whether more may be found in a while.

    No trade raises anybody's latency or brings a gateway over capacity. Stops at the trail's budget.
    """
    devices: Int64 = np.array(sorted(trail.together), np.int64)
    devices = devices[(placement.gateway[devices] != NOWHERE) & ~sending(placement.problem)[devices]]
    market = market_of(placement.problem, devices, np.zeros(len(placement.gateway)))
    least = _LEAST * float(placement.cost_per_hour.sum()) / placement.problem.cost_unit
    for round_ in range(_ROUNDS):
        if trail.exhausted or not len(devices):
            return False
        trail.spent += 1 + WISHES * len(devices) // DEVICES_PER_STEP
        saved = _carry_out(placement, trail, trades_of(placement, market))
        if saved <= least:
            return round_ > 0
    return True


def _carry_out(placement: Placement, trail: Trail, trades: Trades) -> float:
    """Make those of `trades` whose gateways no better one has touched; what they save, in cost units."""
    reach, touched, saved = placement.problem.reach, np.zeros(len(placement.problem.gateways), np.bool_), 0.0
    for one, other, saving in zip(trades.one.tolist(), trades.other.tolist(), trades.saving.tolist(), strict=True):
        gateways = [reach.gateway[one], reach.gateway[other], placement.gateway[reach.device[one]]]
        if not touched[gateways].any():
            touched[gateways] = True
            placement.move(int(reach.device[one]), one)
            placement.move(int(reach.device[other]), other)
            trail.spent += 1
            saved += saving
    return saved
