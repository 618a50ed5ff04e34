"""The NAB score: what early detections are worth and false ones cost, at one threshold for the whole corpus.

By the Numenta Anomaly Benchmark's own sweep (Lavin and Ahmad, 2015; scorer version 1.1):

- A labelled window earns the worth of its best (earliest) detection, a sigmoid of the place in the window: 1 at the left
  edge, .86 at the centre, almost 0 at the right. A window without one costs `miss`.
- Every detection outside windows costs `false_alarm` times a sigmoid of the distance after the last window, in its widths.
- The first min(15 % of the rows, 750) of a file count for nothing.
- 100 is every window found at its first row and nothing else, 0 is silence; detecting costs can bring it far below 0.

A detection is a row whose score is at or above the threshold. Knows no detector and reads no file.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

PROBATION_SHARE: Final = 0.15
"""Share of a file's leading rows that count for nothing (NAB)."""

PROBATION_MOST: Final = 750
"""Rows that probation takes at most (NAB: 15 % of 5,000)."""

STEEPNESS: Final = 5.0
"""Of the sigmoid, per window width (NAB)."""

FAR: Final = 3.0
"""Window widths behind a window at which a false alarm costs the whole (NAB)."""

OUTSIDE: Final = -1
"""Window index of a row that lies in none."""


@dataclass(frozen=True, slots=True)
class Costs:
    """An application profile of the benchmark: what a window found at once earns, what missing one and a false alarm cost."""

    hit: float
    miss: float
    false_alarm: float


PROFILES: Final = {"standard": Costs(1.0, 1.0, 0.11), "low_fp": Costs(1.0, 1.0, 0.22), "low_fn": Costs(1.0, 2.0, 0.11)}
"""The benchmark's three (`config/profiles.json`)."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a file's rows are worth before costs: `worth` [T] 0 to 1 within windows, −1 to 0 outside; `window` [T] the window's
    index or `OUTSIDE`; `counts` [T] false in probation; `windows` those that have a row that counts."""

    worth: Float64
    window: Int64
    counts: NDArray[np.bool_]
    windows: int


def ground(rows: int, windows: Sequence[tuple[int, int]]) -> Ground:
    """The ground of a file of `rows` rows with half-open row ranges `windows`, in order and apart."""
    place = np.arange(rows, dtype=np.float64)
    worth, window = np.full(rows, -1.0), np.full(rows, OUTSIDE)
    for index, (start, end) in enumerate(windows):
        worth[start:end] = _sigmoid((place[start:end] - end) / (end - start)) / _sigmoid(np.array(-1.0))
        window[start:end] = index
        behind = (place[end:] - (end - 1)) / max(end - start - 1, 1)
        worth[end:] = np.where(behind >= FAR, -1.0, _sigmoid(np.minimum(behind, FAR)))
    counts = place >= probation_rows(rows)
    return Ground(worth, window, counts, len(np.unique(window[counts & (window != OUTSIDE)])))


def probation_rows(rows: int) -> int:
    """Leading rows that count for nothing.

    >>> probation_rows(4032), probation_rows(22695)
    (604, 750)
    """
    return min(math.floor(PROBATION_SHARE * rows), PROBATION_MOST)


def _sigmoid(position: Float64) -> Float64:
    """From 1 far before 0 to −1 far behind it; 0 at 0."""
    return np.asarray(2.0 / (1.0 + np.exp(STEEPNESS * position)) - 1.0)


def points(detected: Sequence[int], on: Ground, costs: Costs) -> float:
    """What the detections at rows `detected` come to on one file; −`miss` × windows for none. Rows in probation are ignored."""
    steps = _steps(np.asarray(sorted(detected), dtype=np.int64), on, costs)
    return float(steps.sum()) - costs.miss * on.windows


def _steps(order: Int64, on: Ground, costs: Costs) -> Float64:
    """What each of the rows `order` adds when they become detections one after the other."""
    gain = np.where(on.window[order] == OUTSIDE, costs.false_alarm * on.worth[order], 0.0)
    for index in range(int(on.window.max(initial=OUTSIDE)) + 1):
        within = np.flatnonzero((on.window[order] == index) & on.counts[order])
        best = np.maximum.accumulate(costs.hit * on.worth[order[within]])
        gain[within] = np.diff(best, prepend=-costs.miss)
    return np.where(on.counts[order], gain, 0.0)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Every file's points at every threshold the corpus can tell apart.

    `thresholds` [G] fall, the first is infinite: no detection. `points` is [file, G], `windows` [file].
    """

    thresholds: Float64
    points: Float64
    windows: Int64
    costs: Costs

    def normalised(self, summed: Float64, windows: Float64 | float) -> Float64:
        """`summed` points over files that have `windows` windows together, as a score, NaN without one."""
        there = np.where(np.asarray(windows) > 0, windows, np.nan)
        return np.asarray(100.0 * (summed + self.costs.miss * there) / ((self.costs.hit + self.costs.miss) * there))

    def best(self, points: Float64 | None = None) -> int:
        """Index of the threshold with the most points in all, of those with as many the highest; `points` [G] or the corpus'."""
        return int(np.argmax(self.points.sum(axis=0) if points is None else points))


def sweep(scores: Sequence[Float64], grounds: Sequence[Ground], costs: Costs) -> Sweep:
    """Try every score of the corpus as the threshold. `scores` by file, [T] each; what is not finite is never a detection."""
    rows = [np.flatnonzero(on.counts & np.isfinite(score)) for score, on in zip(scores, grounds, strict=True)]
    told = [score[row] for score, row in zip(scores, rows, strict=True)]
    falling = -np.unique(-np.concatenate(told)) if told else np.empty(0)
    curves = np.empty((len(scores), len(falling) + 1))
    for index, (said, row, on) in enumerate(zip(told, rows, grounds, strict=True)):
        order = np.argsort(-said, kind="stable")
        place = np.searchsorted(-falling, -said[order]) + 1
        gained = np.bincount(place, weights=_steps(row[order], on, costs), minlength=len(falling) + 1)
        curves[index] = np.cumsum(gained) - costs.miss * on.windows
    return Sweep(np.concatenate([[np.inf], falling]), curves, np.array([on.windows for on in grounds]), costs)
