"""Seasonal evidence: a value that neither the last minutes nor this time of earlier days know.

Each metric keeps a mean per half-hour of the day, with a memory of a few readings: within a half-hour it follows the present, and
before that it is what the half-hour was when it was here last, mostly yesterday. A value is held against the nearest of its own
half-hour's mean and both neighbours', so that a rush hour may come early. Does not know weeks, nor rarity.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.daily import DAY_MS
from tidegate.core.detection.evidence import NOVELTY_AFTER
from tidegate.core.detection.streams.level import LARGEST, LARGEST_STEP, MEMORY, SIGMAS
from tidegate.core.detection.table import Column
from tidegate.core.forecaster import Float64

if TYPE_CHECKING:
    from tidegate.core.detection.state import Rows

Int64 = NDArray[np.int64]

BINS: Final = 48
"""Stretches of a day (UTC). Of 48, 144 and 288, all did as well within .01 on NAB; KPI would have gained .005 with 144."""

SHARE: Final = 1 / 8
"""What a new reading weighs in its half-hour's mean. A quarter of it was as good on NAB and KPI, within .01."""

KNOWN_AFTER: Final = 200
"""Values held against neighbours before any is news: the usual distance has to be known, and a day is mostly longer."""

ROUNDING: Final = 1e-6
"""Of a value's own size: means are kept in single precision, differences below it are rounding."""


@dataclass(frozen=True, slots=True)
class Season:
    """`surprise` in usual distances from the nearest neighbour (NaN: nothing to say); `expected` is that one (NaN: none)."""

    surprise: Float64
    expected: Float64


def columns() -> dict[str, Column]:
    """What a row keeps: a mean per half-hour, how far values usually are from the nearest, and how many were compared."""
    return {
        "season_means": Column("f4", (BINS,), np.nan),
        "season_distance": Column("f8"),
        "season_seen": Column("i4"),
        "season_expected": Column("f8", fill=np.nan),
    }


def weigh(rows: "Rows", row: Int64, values: Float64, time_ms: Int64) -> Season:
    """Hold `values` [n] (NaN: missing) of the rows `row`, read at `time_ms` [n], against their neighbours in the season."""
    near = rows.season_means[row[:, None], (_bins(time_ms)[:, None] + np.array([-1, 0, 1])) % BINS].astype(np.float64)
    away = np.abs(values[:, None] - near)
    known = ~np.isnan(away)
    nearest = np.argmin(np.where(known, away, np.inf), axis=1)
    each = np.arange(len(row))
    expected = near[each, nearest]
    rounding = ROUNDING * np.maximum(np.abs(values), np.abs(expected))
    scale = np.maximum(np.maximum(SIGMAS * rows.season_distance[row], rounding), 1e-300)
    surprise = np.minimum(away[each, nearest] / scale, LARGEST)
    return Season(np.where(rows.season_seen[row] >= KNOWN_AFTER, surprise, np.nan), expected)


def learn(rows: "Rows", row: Int64, values: Float64, time_ms: Int64, expected: Float64) -> None:
    """Move the means and distances of `row` on by `values`, which were `expected`; `values` has no NaN. In place."""
    bins, before, seen = _bins(time_ms), rows.season_distance[row], rows.season_seen[row]
    limit = np.where((seen >= NOVELTY_AFTER) & (before > 0.0), LARGEST_STEP * before, np.inf)
    mean = rows.season_means[row, bins].astype(np.float64)
    moved = mean + SHARE * np.minimum(np.maximum(values - mean, -limit), limit)
    rows.season_means[row, bins] = np.where(np.isnan(mean), values, moved)
    compared = ~np.isnan(expected)
    away = np.minimum(np.abs(values - expected), limit)
    rows.season_distance[row] = np.where(compared, before + (away - before) / np.minimum(seen + 1.0, MEMORY), before)
    rows.season_seen[row] = np.minimum(seen + compared, np.int32(MEMORY))


def move(rows: "Rows", row: Int64, by: Float64) -> None:
    """Move all half-hours of `row` by `by`: the day is as it was, at another level. In place."""
    rows.season_means[row] += by[:, None].astype(np.float32)


def _bins(time_ms: Int64) -> Int64:
    """Half-hour of the day, whatever the day."""
    return (time_ms % DAY_MS) // (DAY_MS // BINS)
