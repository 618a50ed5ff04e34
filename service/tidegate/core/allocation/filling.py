"""When a site is full, if demand goes on growing as it has: a straight line through the daily peaks that the core itself saw.

A line is told only where it surely rises. Thin data says nothing, and of what is not linear (a new product, a summer) no line
knows anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.contracts.daily import DAY_MS
from tidegate.contracts.resources import Resources
from tidegate.contracts.studies import Filling
from tidegate.core.allocation.arrays import Float64

WEEK: Final = 7
"""Days: whole weeks are looked at, so that a weekend at one end makes no trend."""

LEAST_DAYS: Final = 2 * WEEK
"""Complete days without which nothing is told: two of each weekday."""

MOST_DAYS: Final = 8 * WEEK
"""Complete days that are looked at: growth of a year ago says little of today's (our choice)."""

FARTHEST_DAYS: Final = 365.0
"""Of what is farther off nothing is told: a line through two months does not reach."""

CONFIDENCE: Final = 1.96
"""Standard deviations of the slope's interval: 95 % of a normal one."""

MOST_CORRELATED: Final = 0.9
"""Correlation of a day with the day before beyond which the interval is not widened further."""


@dataclass(frozen=True, slots=True)
class DayOfDemand:
    """The highest total demand of a site on `day` (days since 1970, UTC), by resource."""

    day: int
    peaks: Resources


def noted(days: Sequence[DayOfDemand], total: Resources, now_ms: int) -> list[DayOfDemand]:
    """`days` with the `total` demand at tick `now_ms`; oldest first, as many as are looked at and the two incomplete ones."""
    today, kept = now_ms // DAY_MS, list(days)
    if kept and kept[-1].day >= today:
        before = kept.pop()
        peaks = {name: max(amount, before.peaks.get(name, 0.0)) for name, amount in total.items()}
        return [*kept, DayOfDemand(before.day, peaks)]
    return [*kept, DayOfDemand(today, dict(total))][-(MOST_DAYS + 2) :]


def complete(days: Sequence[DayOfDemand]) -> list[DayOfDemand]:
    """The last whole weeks of `days`, without the first day, of which we may have missed half, and today; few enough are none."""
    whole = list(days[1:-1])
    if not whole:
        return []
    weeks = min((whole[-1].day - whole[0].day + 1) // WEEK, MOST_DAYS // WEEK)
    found = [each for each in whole if each.day > whole[-1].day - weeks * WEEK]
    return found if len(found) >= LEAST_DAYS else []


def fillings(days: Sequence[DayOfDemand], room: Resources) -> list[Filling]:
    """What fills up and when, soonest first, of the limited resources in `room` (all gateways together); see `Filling`."""
    seen = complete(days)
    found = [_filling(seen, name, amount) for name, amount in sorted(room.items()) if seen]
    return sorted((each for each in found if each is not None), key=lambda each: each.days)


def _filling(seen: Sequence[DayOfDemand], name: str, room: float) -> Filling | None:
    day = np.array([each.day for each in seen], np.float64)
    peak = np.array([each.peaks.get(name, np.nan) for each in seen])
    if np.isnan(peak).any():
        return None  # it was not counted all the time
    low, slope, high = trend(day, peak)
    if low <= 0:
        return None
    level = float(np.median(peak - slope * day) + slope * day[-1])
    left = max(0.0, room - level)
    if left / slope > FARTHEST_DAYS:
        return None
    return Filling(name, left / slope, left / high, left / low, slope)


def trend(day: Float64, value: Float64) -> tuple[float, float, float]:
    """The lower end, the middle and the upper end of the slope of `value` per day, each the median or a quantile of all pairs'.

    Sen's estimator and its interval (Sen 1968), which outliers do not move; widened for days that resemble the day before, by the
    correlation of what the line leaves (Hamed and Rao 1998). Both float64 [day], three days at least, of rising `day`.
    """
    count = len(day)
    first, second = np.triu_indices(count, 1)
    slopes = np.sort((value[second] - value[first]) / (day[second] - day[first]))
    middle = float(np.median(slopes))
    deviation = np.sqrt(count * (count - 1) * (2 * count + 5) / 18) * _widened(value - middle * day)
    reach = CONFIDENCE * deviation / 2
    places = np.array([len(slopes) / 2 - reach - 1, len(slopes) / 2 + reach])
    low, high = slopes[np.clip(np.array([np.floor(places[0]), np.ceil(places[1])]), 0, len(slopes) - 1).astype(np.int64)]
    return float(low), middle, float(high)


def _widened(left: Float64) -> float:
    """What an interval grows by for days that are not independent."""
    off = left - left.mean()
    square = float((off * off).sum())
    alike = float((off[1:] * off[:-1]).sum()) / square if square > 0 else 0.0
    alike = min(max(alike, 0.0), MOST_CORRELATED)
    return float(np.sqrt((1 + alike) / (1 - alike)))
