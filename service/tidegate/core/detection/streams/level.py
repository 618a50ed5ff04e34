"""Slow evidence: a metric away from its usual level, looked at over several spans at once.

A good forecaster follows a shift within a few readings and is surprised no more; this stream is, for as long as the shift lasts.
Means over the spans are held against the long-run mean, each in units of its own usual distance from it: a CUSUM at several
scales, with forgetting in place of a reset. Time, not count, makes a mean forget, so that after a gap it starts with what comes.
Does not know rarity: a metric that is often away is told apart from one that never was by its tail.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tidegate.core.detection.evidence import NOVELTY_AFTER, RESOLUTION, SIGMAS_95
from tidegate.core.detection.table import Column
from tidegate.core.forecaster import Float64

if TYPE_CHECKING:
    from tidegate.core.detection.state import Rows

Int64 = NDArray[np.int64]

SPANS: Final = (1, 8, 64)
"""Intervals that the means span; the first is the reading alone. VUS-PR on NAB, ASD, SKAB and MSL is within .02 with 4 and 16
in place of 8; without the first ASD lost .06, with 512 besides MSL lost .05 (docs/results/ablation.md)."""

MEMORY: Final = 4096.0
"""Readings of the long-run mean and distances. 1,024 and 16,384 were alike within .01: the tail remembers, not the mean."""

LARGEST_STEP: Final = 8.0
"""Distances: one reading moves the long-run mean and distances by no more than this many (winsorised) …"""

LARGEST_SHARE: Final = 1 / 8
"""… or this share of the range seen, if that is more: a metric that hardly ever moved must be able to start moving."""

SIGMAS: Final = 1.2533
"""Standard deviations per mean absolute deviation, for a Gaussian."""

AWAY: Final = 4.0
"""Standard deviations of single readings from which a value, and a mean over the shorter span, are away."""

LARGEST: Final = 40.0
"""Usual distances away at most; what a metric that never varied gives at its first change."""


@dataclass(frozen=True, slots=True)
class Level:
    """Where values stand: `surprise` in usual distances from the usual level, the largest of all spans (NaN: nothing to say);
    `means` [n, span] with this reading in them."""

    surprise: Float64
    means: Float64


@dataclass(frozen=True, slots=True)
class Standing:
    """The same for people: the `recent` mean over the last `over` intervals, the `usual` level and its half-`width` (90 %)."""

    recent: Float64
    usual: Float64
    width: Float64
    over: Int64


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows are after their last reading, in the metric's unit: `jump` from the level that was remembered to the mean over
    the shorter span, `scatter` of the last value about that mean, `drift` between it and the mean over the longest span. `away`
    where both value and mean are far from the remembered level, on the same side."""

    jump: Float64
    scatter: Float64
    drift: Float64
    away: NDArray[np.bool_]


def columns() -> dict[str, Column]:
    """What a row keeps: the usual level, the means over the longer spans, and how far each span's mean usually is from it;
    and, as last remembered, the usual level and a reading's usual distance."""
    return {
        "level_usual": Column("f8"),
        "level_means": Column("f8", (len(SPANS) - 1,)),
        "level_distances": Column("f8", (len(SPANS),)),
        "level_before": Column("f8", (2,), np.nan),
    }


def weigh(rows: "Rows", row: Int64, values: Float64, elapsed: Float64) -> Level:
    """Hold `values` [n] (NaN: missing) of the rows `row`, read `elapsed` [n] intervals after the ones before, against their past.

    NaN until the row has seen `NOVELTY_AFTER` values: before that there is no usual level.
    """
    means = _means(rows, row, values, elapsed)
    usual = rows.level_usual[row]
    away = np.abs(means - usual[:, None]) / _widths(rows.level_distances[row], usual, means)
    most = np.minimum(away.max(axis=1), LARGEST)
    return Level(np.where(rows.observed[row] >= NOVELTY_AFTER, most, np.nan), means)


def learn(rows: "Rows", row: Int64, values: Float64, means: Float64) -> None:
    """Move the columns of `row` on by `values` and the `means` that `weigh` found; neither has NaN. In place."""
    usual, distances = rows.level_usual[row], rows.level_distances[row]
    seen = rows.observed[row]
    share = 1.0 / np.minimum(seen + 1.0, MEMORY)
    limit = np.maximum(LARGEST_STEP * distances, LARGEST_SHARE * _range(rows, row)[:, None])
    limit = np.where((seen >= NOVELTY_AFTER)[:, None] & (distances > 0.0), limit, np.inf)
    rows.level_usual[row] = usual + share * np.minimum(np.maximum(values - usual, -limit[:, 0]), limit[:, 0])
    found = np.where((seen > 0)[:, None], np.minimum(np.abs(means - usual[:, None]), limit), 0.0)
    rows.level_distances[row] = distances + share[:, None] * (found - distances)
    rows.level_means[row] = means[:, 1:]


def stand(rows: "Rows", row: Int64) -> Standing:
    """How the rows `row` stand after their last reading, at the span that is farthest from the usual level."""
    means = np.concatenate([rows.value[row][:, None], rows.level_means[row]], axis=1)
    usual = rows.level_usual[row]
    widths = _widths(rows.level_distances[row], usual, means)
    most = np.argmax(np.nan_to_num(np.abs(means - usual[:, None]) / widths), axis=1)
    each = np.arange(len(row))
    return Standing(means[each, most], usual, SIGMAS_95 * widths[each, most], np.array(SPANS)[most])


def remember(rows: "Rows", row: slice) -> None:
    """Remember what is usual for the rows `row` now, because learning is about to follow something else. In place."""
    known = (rows.observed[row] >= NOVELTY_AFTER)[:, None]
    usual = np.stack([rows.level_usual[row], rows.level_distances[row, 0]], axis=1)
    rows.level_before[row] = np.where(known, usual, np.nan)


def place(rows: "Rows", row: Int64) -> Place:
    """Where the rows `row` are after their last reading, against what was remembered; nowhere if that was nothing."""
    value, means, (usual, distance) = rows.value[row], rows.level_means[row], rows.level_before[row].T
    both = np.stack([value, means[:, 0]], axis=1)
    far = (both - usual[:, None]) / _widths(distance[:, None], usual, both)
    away = (far > AWAY).all(axis=1) | (far < -AWAY).all(axis=1)
    return Place(means[:, 0] - usual, np.abs(value - means[:, 0]), np.abs(means[:, 0] - means[:, 1]), away)


def rebase(rows: "Rows", row: Int64) -> Float64:
    """Let the mean over the longest span be the usual level of the rows `row`; returns by how much it moved. In place.

    Usual distances stay, as what the new behaviour's are is not known; where they are larger, the row's tail has learned so.
    """
    moved: Float64 = rows.level_means[row, -1] - rows.level_usual[row]
    rows.level_usual[row] += moved
    return moved


def _means(rows: "Rows", row: Int64, values: Float64, elapsed: Float64) -> Float64:
    """Means over the spans, this reading included: a plain mean at first, an exponential one by elapsed time later."""
    kept = np.exp2(np.maximum(elapsed, 0.0)[:, None] * np.log2(1.0 - 1.0 / np.array(SPANS[1:])))
    share = np.maximum(1.0 - kept, 1.0 / (rows.observed[row] + 1.0)[:, None])
    before = rows.level_means[row]
    return np.concatenate([values[:, None], before + share * (values[:, None] - before)], axis=1)


def _range(rows: "Rows", row: Int64) -> Float64:
    """Width of the range seen, 0 before the first value."""
    return np.maximum(rows.high[row], rows.low[row]) - rows.low[row]


def _widths(distances: Float64, usual: Float64, means: Float64) -> Float64:
    rounding = RESOLUTION * np.maximum(np.abs(usual)[:, None], np.abs(means))
    return np.maximum(np.maximum(SIGMAS * distances, rounding), 1e-300)
