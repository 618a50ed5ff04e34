"""One metric's past on a regular grid: the form every source is brought into before lanes are cut from it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

LARGEST: Final = 2.0**100
"""About 1e30. Values beyond it (and NaN) count as missing: no sensor means them, and they would blind
their row for thousands of readings."""


@dataclass(frozen=True, eq=False)
class Series:
    """`values` float64 [cells] in the metric's own unit, one cell per interval, NaN where nothing was read.

    `group` is what a split keeps together (a file, machine or VM). `start` is Unix time in seconds, absent where the source
    has none.
    """

    dataset: str
    group: str
    name: str
    values: Float64
    interval_seconds: float
    start: float | None = None

    @property
    def rows(self) -> int:
        """Cells that hold a value."""
        return int(np.isfinite(self.values).sum())

    @property
    def columns(self) -> "list[Series]":
        """It by metric."""
        return [self]

    @property
    def end(self) -> float | None:
        """Unix time in seconds of the last cell."""
        return None if self.start is None else self.start + (len(self.values) - 1) * self.interval_seconds


@dataclass(frozen=True, eq=False)
class DeviceSeries(Series):
    """All metrics of a device, for a forecaster that takes them together: `values` [cells, metric], named by `metrics`."""

    metrics: tuple[str, ...] = ()

    @property
    def columns(self) -> list[Series]:
        """It by metric."""
        return [
            Series(self.dataset, self.group, name, np.ascontiguousarray(self.values[:, place]), self.interval_seconds, self.start)
            for place, name in enumerate(self.metrics)
        ]


def on_grid(seconds: Float64, values: Float64, *, longest_cells: int = 2_000_000) -> tuple[Float64, float, float]:
    """Snap readings [n] or [n, metric] to a grid of their median distance; return cells, interval and start, both in seconds.

    Of readings in one cell the last wins; cells without one are NaN. Fewer than two distinct times give one cell. What lies
    beyond `longest_cells` (a stray far-future time) is left out.
    """
    order = np.argsort(seconds, kind="stable")
    seconds, values = seconds[order], values[order]
    steps = np.diff(seconds)
    steps = steps[steps > 0]
    if not len(steps):
        return values[-1:].astype(np.float64), 1.0, float(seconds[0])
    interval = float(np.median(steps))
    cells = np.round((seconds - seconds[0]) / interval).astype(np.int64)
    near = cells < longest_cells
    grid = np.full((int(cells[near][-1]) + 1, *values.shape[1:]), np.nan)
    grid[cells[near]] = values[near]
    return grid, interval, float(seconds[0])
