"""VUS-PR: how well a continuous surprise ranks labelled stretches above the rest, whatever the threshold.

Volume under the surface of range-aware precision and recall over all buffer widths (Paparrizos et al., PVLDB 15(11),
2022), by the definition of the reference package TSB-AD (`RangeAUC_volume_opt`, 250 thresholds): around each labelled
stretch the label fades out over half a buffer on both sides, so a surprise that is a little early or late still counts,
and recall is multiplied by the share of stretches that were touched at all. Vectorised: the reference walks every
threshold and stretch, here each reading is placed once in the threshold at which it first alarms, and sums run over that.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tidegate_training.evaluate.events import Segment, segments

BUFFER_READINGS: Final = 100
"""Widest buffer, in readings; the reference's default, and of the order of the shared sets' events."""

THRESHOLDS: Final = 250
"""Thresholds per curve, evenly spaced over the ranks of the readings; the reference's choice."""

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


def vus_pr(surprise: ArrayLike, labels: ArrayLike, *, buffer: int = BUFFER_READINGS, thresholds: int = THRESHOLDS) -> float:
    """Volume under the precision-recall surface, 0 to 1; a random surprise comes to about the share of labelled readings.

    `surprise` float [T], greater is more surprising; readings without one (NaN: warming, silent) rank below all others.
    `labels` [T], non-zero where anomalous. NaN when no reading, or every reading, is labelled: there is nothing to rank.

    Raises:
        ValueError: the two differ in length.

    >>> round(vus_pr([0.1, 0.2, 0.9, 0.8, 0.1, 0.1], [0, 0, 1, 1, 0, 0], buffer=0), 3)
    1.0
    """
    scores, marked = np.asarray(surprise, dtype=np.float64), np.asarray(labels) != 0
    if scores.shape != marked.shape:
        raise ValueError(f"surprise has shape {scores.shape}, labels {marked.shape}, expected the same")
    if not marked.any() or marked.all():
        return math.nan
    curve = _Curve.of(np.where(np.isnan(scores), -np.inf, scores), marked, thresholds)
    return float(np.mean([curve.area(width) for width in range(buffer + 1)]))


@dataclass(frozen=True, slots=True)
class _Curve:
    """What does not change with the buffer: `rank[t]` is the first threshold that reading t passes, ascending in length."""

    rank: Int64
    predicted: Float64
    core: Float64
    marked: NDArray[np.bool_]
    events: list[Segment]

    @classmethod
    def of(cls, scores: Float64, marked: NDArray[np.bool_], thresholds: int) -> "_Curve":
        descending = np.sort(scores)[::-1]
        cuts = descending[np.linspace(0, len(scores) - 1, thresholds).astype(np.int64)]
        rank = np.searchsorted(-cuts, -scores, side="left").astype(np.int64)
        predicted = _cumulative(rank, np.ones(len(rank)), thresholds)
        core = _cumulative(rank[marked], np.ones(int(marked.sum())), thresholds)
        return cls(rank, predicted, core, marked, segments(marked))

    def area(self, width: int) -> float:
        """Area under the precision-recall curve when labels fade out over `width // 2` readings on each side."""
        position, weight = self._buffer(width)
        faded = _cumulative(self.rank[position], weight, len(self.predicted))
        hits, positives = self.core + faded, self.marked.sum() + faded / 2
        recall = np.minimum(hits / positives, 1.0) * self._existence(width)
        return float(np.sum(np.diff(recall, prepend=0.0) * hits / self.predicted))

    def _buffer(self, width: int) -> tuple[Int64, Float64]:
        """Positions outside the labelled stretches that lie in a buffer, and their weights, 0 to 1."""
        weight = np.zeros(len(self.rank))
        distance = np.arange(1, width // 2 + 1)
        fade = np.sqrt(1 - distance / width) if width else np.empty(0)
        for event in self.events:
            after = min(width // 2, len(weight) - event.end)
            before = min(width // 2, event.start)
            weight[event.end : event.end + after] += fade[:after]
            weight[event.start - before : event.start] += fade[:before][::-1]
        position = np.flatnonzero((weight > 0) & ~self.marked)
        return position, np.minimum(weight[position], 1.0)

    def _existence(self, width: int) -> Float64:
        """Share of stretches, buffers included and merged where they meet, with an alarm, by threshold."""
        first = [self.rank[event.start : event.end].min() for event in _widened(self.events, width // 2, len(self.rank))]
        return _cumulative(np.asarray(first), np.ones(len(first)), len(self.predicted)) / len(first)


def _cumulative(rank: Int64, weight: Float64, thresholds: int) -> Float64:
    """Sum of the weights at or above each threshold, [thresholds]."""
    return np.cumsum(np.bincount(rank, weights=weight, minlength=thresholds))


def _widened(events: list[Segment], margin: int, length: int) -> list[Segment]:
    """`events` with `margin` readings on each side, within the series, merged where they touch or overlap."""
    merged: list[Segment] = []
    for event in events:
        start, end = max(event.start - margin, 0), min(event.end + margin, length)
        if merged and start < merged[-1].end:
            start = merged.pop().start
        merged.append(Segment(start, end))
    return merged
