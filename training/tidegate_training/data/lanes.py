"""Lanes: contiguous stretches of series, side by side, each stepped from a fresh state and carried from window to window.

A model trained on separate windows and served with carried state is a different model; so lanes are long, state is carried
and detached between windows, and resets, gaps and missing values happen here as they do in a fleet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.forecast import HORIZONS
from tidegate.errors import InputError
from tidegate_training.data.dropping import dropped
from tidegate_training.data.series import Float64, Series
from tidegate_training.settings import JointSettings, UniversalSettings

Bool = NDArray[np.bool_]

SHARES: Final = {"nab": 0.3, "aiops_kpi": 0.2, "smd": 0.2, "bitbrains": 0.3}
"""Share of lanes per data set, so that 150 channels of four SMD machines don't outweigh all other kinds; others count 0.25."""

STRIDES: Final = (1, 1, 1, 1, 2, 3, 5)
"""A lane reads every so many-th cell: the same physics seen at a slower interval."""

FEWEST_VALUES: Final = 64
"""A series shorter than this teaches only the warm-up."""


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """Readings in order, float64: `x` [n] (0 where masked), `mask` and `dt` [n], `targets` [n, horizon], NaN where unknown.

    Of a device whose metrics go together, `x` and `mask` are [n, metric] and `targets` [n, metric, horizon].
    """

    x: Float64
    mask: Float64
    dt: Float64
    targets: Float64

    def __len__(self) -> int:
        return len(self.x)

    @property
    def metrics(self) -> int:
        """How many go together."""
        return 1 if self.x.ndim == 1 else self.x.shape[1]


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """`window` readings of all lanes: as in `Lane`, each [window, rows]; `reset` bool [lanes]: the lane starts afresh here.

    A lane is one row, or as many as it has metrics.
    """

    x: Float64
    mask: Float64
    dt: Float64
    targets: Float64
    reset: Bool


def lane_of(values: Float64, read: Bool | None = None, hidden: Bool | None = None) -> Lane:
    """Return the lane of a grid [cells] or [cells, metric]: cells not `read` are gaps, `hidden` (or NaN) ones have no value.

    Targets come from the whole grid, whatever the model was shown. Runs of cells without any value longer than 3 are gaps, not
    readings.
    """
    known = np.isfinite(values)
    told: Bool = known if known.ndim == 1 else np.any(known, axis=1)
    read = np.ones(len(values), bool) if read is None else read.copy()
    read &= told | _within_short_hole(told)
    cells = np.flatnonzero(read)
    shown = known[cells] if hidden is None else known[cells] & ~hidden[cells]
    ahead = np.concatenate([values, np.full((max(HORIZONS), *values.shape[1:]), np.nan)])
    return Lane(
        x=np.where(shown, values[cells], 0.0),
        mask=shown.astype(np.float64),
        dt=np.diff(cells, prepend=cells[:1] - 1).astype(np.float64),
        targets=np.stack([ahead[cells + h] for h in HORIZONS], axis=-1),
    )


def _within_short_hole(known: Bool, longest: int = 3) -> Bool:
    """Return which unknown cells have a known one within `longest` cells before them."""
    since = np.arange(len(known)) - np.maximum.accumulate(np.where(known, np.arange(len(known)), -longest - 1))
    return (since > 0) & (since <= longest)


class LaneSource:
    """Draws lanes: data sets by share, series by liveliness; start, length, stride, gaps and missing values at random.

    Raises:
        InputError: no series has `FEWEST_VALUES` values.
    """

    def __init__(self, series: Sequence[Series], settings: UniversalSettings) -> None:
        usable = [one for one in series if one.rows >= FEWEST_VALUES]
        if not usable:
            raise InputError(
                f"none of {len(series)} series to train on has {FEWEST_VALUES} values",
                advice="give longer series, or more of them",
            )
        self._series, self._settings = usable, settings
        self.metrics = 1 if usable[0].values.ndim == 1 else usable[0].values.shape[1]
        weights = np.array([0.1 if len(np.unique(one.values[:5000])) < 10 else 1.0 for one in usable])
        datasets = np.array([one.dataset for one in usable])
        for dataset in np.unique(datasets):
            members = datasets == dataset
            weights[members] *= SHARES.get(str(dataset), 0.25) / weights[members].sum()
        self._cumulated = np.cumsum(weights / weights.sum())

    def draw(self, rng: np.random.Generator) -> Lane:
        """Return a lane of at least two readings; constant series come, but rarely."""
        one = self._series[min(int(np.searchsorted(self._cumulated, rng.random())), len(self._series) - 1)]
        values = one.values[:: int(rng.choice(STRIDES))]
        length = int(64 + rng.exponential(self._settings.lane_readings))
        start = int(rng.integers(max(1, len(values) - min(length, len(values)) + 1)))
        values = values[start : start + length]
        lane = lane_of(values, self._read(len(values), rng), self._hidden(values.shape, rng))
        return lane if len(lane) > 1 else self.draw(rng)

    def _read(self, cells: int, rng: np.random.Generator) -> Bool:
        read = np.ones(cells, bool)
        if rng.random() < 0.5:
            for at in np.flatnonzero(rng.random(cells) < self._settings.gap_ratio):
                read[at : at + int(np.exp(rng.uniform(np.log(2), np.log(200))))] = False
        return read

    def _hidden(self, shape: tuple[int, ...], rng: np.random.Generator) -> Bool:
        ratio = self._settings.missing_ratio if rng.random() < 0.5 else 0.0
        hidden: Bool = rng.random(shape) < ratio
        if isinstance(self._settings, JointSettings):
            hidden |= dropped(len(hidden), self.metrics, self._settings.dropped_ratio, rng)
        return hidden


class LaneBatcher:
    """Keeps lanes running side by side and hands out their next window; one that ends is replaced at a window's border."""

    def __init__(self, source: LaneSource, settings: UniversalSettings, rng: np.random.Generator) -> None:
        self._source, self._settings, self._rng = source, settings, rng
        self._running: list[Lane] = [source.draw(rng) for _ in range(settings.lanes)]
        self._at = np.zeros(settings.lanes, dtype=np.int64)

    def next(self) -> Window:
        """Return the next window; what a lane lacks at its end is padded with masked readings without targets."""
        window = self._settings.window
        for i in range(self._settings.lanes):
            if self._at[i] >= len(self._running[i]):
                self._running[i], self._at[i] = self._source.draw(self._rng), 0
        starts = self._at.tolist()
        self._at += window
        return side_by_side(self._running, starts, window)


def side_by_side(lanes: Sequence[Lane], starts: Sequence[int], readings: int) -> Window:
    """Return so many readings of `lanes`, each from its start on; one that starts at 0 starts afresh.

    What a lane lacks at its end is padded with masked readings without targets.
    """
    metrics = lanes[0].metrics
    x, mask, dt = (np.full((readings, len(lanes), metrics), fill) for fill in (0.0, 0.0, 1.0))
    targets = np.full((readings, len(lanes), metrics, len(HORIZONS)), np.nan)
    for i, lane in enumerate(lanes):
        cut = slice(starts[i], starts[i] + readings)
        n = len(lane.x[cut])
        x[:n, i], mask[:n, i] = lane.x[cut].reshape(n, metrics), lane.mask[cut].reshape(n, metrics)
        dt[:n, i], targets[:n, i] = lane.dt[cut, None], lane.targets[cut].reshape(n, metrics, len(HORIZONS))
    rows = (readings, len(lanes) * metrics)
    reset = np.array(starts) == 0
    return Window(x.reshape(rows), mask.reshape(rows), dt.reshape(rows), targets.reshape(*rows, len(HORIZONS)), reset)
