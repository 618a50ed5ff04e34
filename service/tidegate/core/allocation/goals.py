"""What a good assignment is: goals in order of weight, and the price of congestion.

Lexicographic: a lower goal never worsens a higher one. A goal says which of two scores is better and by how much, in its
own unit; hard rules about single moves are in `rules`. Rescaling a resource's unit changes nothing: loads enter as shares.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.contracts.plan import PlanScore
from tidegate.core.allocation.arrays import Float64


@dataclass(frozen=True, slots=True)
class Goal:
    """One tier: `value` of a score is to be small. Values within `tolerance` (ratio of the greater, plus itself) are equal."""

    name: str
    unit: str
    value: Callable[[PlanScore], float]
    tolerance: float = 1e-9

    def gain(self, before: PlanScore, after: PlanScore) -> float:
        """How much better `after` is, in `unit`: positive better, negative worse, exactly 0 when equal within tolerance."""
        old, new = self.value(before), self.value(after)
        return 0.0 if abs(old - new) <= self.tolerance * (1.0 + max(abs(old), abs(new))) else old - new


GOALS: Final = (
    Goal("unserved", "priority", lambda score: score.unserved_priority),
    Goal("misplaced", "priority", lambda score: score.misplaced_priority),
    Goal("overload", "share of a gateway's capacity", lambda score: score.overload),
    Goal("latency", "ms over the limit", lambda score: score.latency_violation_ms),
    Goal("cost", "per hour", lambda score: score.cost_per_hour),
)
"""Highest first. `misplaced` (on a draining gateway, or where a pin or exclusion forbids) ranks right after being served."""

ABOVE_SUSPICION: Final = GOALS[:3]
"""Goals for which a plan uses also the room that is withheld of suspect gateways: what is certain outranks what may be."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which goal decides between two scores (None: none, they are equal) and by how much the later one is better."""

    goal: Goal | None
    gain: float


def compare(before: PlanScore, after: PlanScore) -> Verdict:
    """Judge `after` against `before` by the first goal in which they differ."""
    for goal in GOALS:
        gain = goal.gain(before, after)
        if gain != 0.0:
            return Verdict(goal, gain)
    return Verdict(None, 0.0)


CONGESTION_SHARES: Final = np.array([0.0, 1 / 3, 2 / 3, 0.9, 1.0, 1.1, 100.0])
"""Shares of capacity between which the price of congestion is a straight line."""

_STEEPNESS: Final = np.array([1.0, 3.0, 10.0, 70.0, 500.0, 5000.0])
_PRICE_WHEN_FULL: Final = float((np.diff(CONGESTION_SHARES) * _STEEPNESS)[:4].sum())

CONGESTION_SLOPES: Final = _STEEPNESS / _PRICE_WHEN_FULL
"""Cost units per share of capacity on each of those lines."""

_PRICES: Final = np.concatenate(([0.0], np.cumsum(np.diff(CONGESTION_SHARES) * CONGESTION_SLOPES)))


def congestion(share: Float64) -> Float64:
    """Price of a load, in cost units, by its share of capacity: 0 when empty, 1 when full, convex and steep beyond 0.9.

    Shape: the piecewise linear link cost of Fortz and Thorup (INFOCOM 2000), scaled so that a full gateway costs, per
    resource, as much as one mean link. Flat slopes below one third leave lightly loaded gateways alone.
    """
    return np.interp(share, CONGESTION_SHARES, _PRICES)


MOVE_PRICE: Final = 0.05
"""Cost units per hour that a move made for cost alone must save: a mean link's cost for 3 minutes of each hour (our choice)."""
