"""Cross-metric evidence: what a device's metrics do not usually do together.

Each device has its own leading axes of variation, learned reading by reading (candid covariance-free incremental PCA, Weng et
al. 2003), and a metric's surprise is what those axes leave unexplained of it: attribution per metric is exact. An axis lies over
the device's rows, one weight each, so state is as ragged as devices are, and all sums run in the order of the rows.
Does not know rarity. A device of one metric has nothing to compare and gives none.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tidegate.core.detection.evidence import NOVELTY_AFTER, RESOLUTION
from tidegate.core.detection.streams.level import SIGMAS
from tidegate.core.detection.table import Column
from tidegate.core.forecaster import Float64

if TYPE_CHECKING:
    from tidegate.core.detection.state import Rows

Int64 = NDArray[np.int64]

METRICS_PER_AXIS: Final = (2, 8)
"""Fewest metrics of a device with a first and a second axis: of four metrics, two axes explain a fault of one away. On SMD and
ASD 2 axes beat 4 and 8 (VUS-PR .46, .41, .39 on SMD)."""

MEMORY: Final = 4096.0
"""Readings over which axes are averaged; as the level's."""

AMNESIA: Final = 2.0
"""How much more a new reading weighs than in a plain mean, so that the first poor guesses fade (Weng et al. recommend 2 to 4)."""

LARGEST: Final = 20.0
"""Usual distances of a metric from its level that count at most: one wild sensor must not turn the axes."""

KNOWN_AFTER: Final = 2 * NOVELTY_AFTER
"""Values seen before a metric is held against the others: as many as its level takes, and as many again for the axes."""


@dataclass(frozen=True, slots=True)
class Cross:
    """`surprise` [n]: what the axes leave of a value's distance from its level, in usual distances (NaN: nothing to say).

    `expected` is what the other metrics suggest, in the metric's unit (NaN likewise); `axes` [n, axis] are those with this
    reading learned.
    """

    surprise: Float64
    expected: Float64
    axes: Float64


def columns() -> dict[str, Column]:
    """What a row keeps: its weight in each axis of its device, and what the others suggested last."""
    return {"cross_axes": Column("f8", (len(METRICS_PER_AXIS),)), "cross_expected": Column("f8", fill=np.nan)}


def weigh(rows: "Rows", row: Int64, values: Float64, owner: Int64, seen: Int64) -> Cross:
    """Hold `values` [n] (NaN: missing; counts as usual) of the rows `row` against each other.

    `owner` [n] is the reading a row belongs to, `seen` [reading] how many its device had before.
    """
    width = np.bincount(owner, minlength=len(seen))
    axes = rows.cross_axes[row]
    if width.max(initial=0) < METRICS_PER_AXIS[0]:
        nothing = np.full(len(row), np.nan)
        return Cross(nothing, nothing, axes)
    scale = _scale(rows, row, values)
    distance = _distance(rows, row, values, scale)
    share = np.minimum((1.0 + AMNESIA) / (np.minimum(seen, MEMORY) + 1.0), 1.0)[owner]
    left, new = distance, distance
    for number, fewest in enumerate(METRICS_PER_AXIS):
        used = (width >= fewest)[owner]
        axis = np.where(used, axes[:, number], 0.0)
        size = _within(owner, axis, axis, len(seen))
        left = left - _ratio(_within(owner, axis, left, len(seen)), size)[owner] * axis
        turned = (1.0 - share) * axis + share * _ratio(_within(owner, axis, new, len(seen)), np.sqrt(size))[owner] * new
        axes[:, number] = np.where(used, np.where((size > 0.0)[owner], turned, new), 0.0)
        axis = axes[:, number]
        new = new - _ratio(_within(owner, axis, new, len(seen)), _within(owner, axis, axis, len(seen)))[owner] * axis
    said = ~np.isnan(values) & (rows.observed[row] >= KNOWN_AFTER) & (width >= METRICS_PER_AXIS[0])[owner]
    expected = rows.level_usual[row] + (distance - left) * scale
    return Cross(
        surprise=np.where(said, np.abs(left), np.nan),
        expected=np.where(said, expected, np.nan),
        axes=axes,
    )


def learn(rows: "Rows", row: Int64, cross: Cross) -> None:
    """Keep what `weigh` found for the rows `row`. In place."""
    rows.cross_axes[row] = cross.axes
    rows.cross_expected[row] = cross.expected


def _scale(rows: "Rows", row: Int64, values: Float64) -> Float64:
    """A usual distance from the usual level, in the metric's unit."""
    rounding = RESOLUTION * np.maximum(np.abs(rows.level_usual[row]), np.abs(np.nan_to_num(values)))
    scale: Float64 = np.maximum(np.maximum(SIGMAS * rows.level_distances[row, 0], rounding), 1e-300)
    return scale


def _distance(rows: "Rows", row: Int64, values: Float64, scale: Float64) -> Float64:
    """Signed distance from the usual level, in usual ones; 0 where the value is missing or nothing is usual yet."""
    away = (values - rows.level_usual[row]) / scale
    return np.where(rows.observed[row] >= NOVELTY_AFTER, np.nan_to_num(np.minimum(np.maximum(away, -LARGEST), LARGEST)), 0.0)


def _within(owner: Int64, left: Float64, right: Float64, readings: int) -> Float64:
    """Inner products by reading, added up in the order of the rows."""
    return np.bincount(owner, weights=left * right, minlength=readings).astype(np.float64, copy=False)


def _ratio(above: Float64, below: Float64) -> Float64:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 1e-12)
