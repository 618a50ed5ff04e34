"""A Prometheus histogram that takes a whole batch at once: counting with numpy instead of a Python loop per reading."""

import threading
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import HistogramMetricFamily

Float64 = NDArray[np.float64]


class BatchHistogram:
    """Counts values into fixed buckets, by label values; a collector to be registered. Safe to use from any thread."""

    def __init__(self, name: str, text: str, labels: Sequence[str], buckets: Sequence[float]) -> None:
        self._name = name
        self._text = text
        self._labels = labels
        self._bounds: Float64 = np.array(buckets, np.float64)
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, ...], NDArray[np.int64]] = {}
        self._sums: dict[tuple[str, ...], float] = {}

    def observe(self, values: float | Float64, *labels: str) -> None:
        """Count `values`, a number or float64 of any shape; NaN is not counted, infinity lands in the last bucket.

        A value equal to a bound is within it (`le`).
        """
        flat = np.ravel(np.asarray(values, np.float64))
        flat = flat[~np.isnan(flat)]
        slots = len(self._bounds) + 1
        counts = np.bincount(np.searchsorted(self._bounds, flat, side="left"), minlength=slots)
        with self._lock:
            self._counts[labels] = self._counts.get(labels, np.zeros(slots, np.int64)) + counts
            self._sums[labels] = self._sums.get(labels, 0.0) + float(flat.sum())

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield the family as Prometheus wants it: cumulative counts."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        bounds = [*(str(bound) for bound in self._bounds.tolist()), "+Inf"]
        with self._lock:
            for labels, counts in self._counts.items():
                buckets = list(zip(bounds, np.cumsum(counts).tolist(), strict=True))
                family.add_metric(labels, buckets, self._sums[labels])
        yield family
