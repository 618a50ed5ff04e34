"""One device's recorded history as arrays: what every reader yields, and what replay, training and evaluation share.

Labels live beside the values, never among them, so that nothing that sends values can send an answer.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import DeviceId, MetricName, ProfileName

Part = Literal["train", "test", "all"]
"""Which rows of a series: those its data set gives for training, the rest, or both."""


@dataclass(frozen=True, eq=False)
class Series:
    """T readings of one device, oldest first, event times strictly rising.

    `event_time_ms` is int64 [T], Unix milliseconds. `values` is float64 [T, M] in the order of `metrics`; NaN is missing; a
    row of NaN is a device that spoke and said nothing. `labels` is bool [T], true where the data set calls a row anomalous,
    or None where it does not say. `label_windows` are half-open row ranges for data sets that label windows (NAB). `classes`
    is int16 [T], an index into `class_names`, for data sets that name the kind of each row. The first `train_rows` rows are
    the data set's own training part; 0 where it has none.
    """

    dataset: str
    device: DeviceId
    profile: ProfileName
    interval_seconds: float
    event_time_ms: NDArray[np.int64]
    metrics: tuple[MetricName, ...]
    values: NDArray[np.float64]
    labels: NDArray[np.bool_] | None = None
    label_windows: tuple[tuple[int, int], ...] = ()
    classes: NDArray[np.int16] | None = None
    class_names: tuple[str, ...] = ()
    train_rows: int = 0

    def __len__(self) -> int:
        """How many readings it holds."""
        return len(self.event_time_ms)

    def part(self, part: Part) -> "Series":
        """The rows of `part`, as views of the same memory; labels, classes and windows are cut alike. May be empty."""
        if part == "train":
            return self.rows(0, self.train_rows)
        return self.rows(self.train_rows if part == "test" else 0, len(self))

    def rows(self, start: int, stop: int) -> "Series":
        """Rows `start` to `stop` (exclusive, clipped to the series) as views; `train_rows` counts those still inside."""
        start, stop = max(0, start), min(stop, len(self))
        return replace(
            self,
            event_time_ms=self.event_time_ms[start:stop],
            values=self.values[start:stop],
            labels=None if self.labels is None else self.labels[start:stop],
            label_windows=_clip(self.label_windows, start, stop),
            classes=None if self.classes is None else self.classes[start:stop],
            train_rows=min(max(self.train_rows - start, 0), max(stop - start, 0)),
        )


def _clip(windows: tuple[tuple[int, int], ...], start: int, stop: int) -> tuple[tuple[int, int], ...]:
    cut = [(max(first, start) - start, min(last, stop) - start) for first, last in windows]
    return tuple((first, last) for first, last in cut if first < last)
