"""What is done to recorded series to see what a detector makes of it: sensors that fall silent, levels that shift.

Pure: series in, series out; labels follow. Random states fix what is drawn.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tidegate.fleet.series import Series
from tidegate_training.evaluate.events import Segment, segments

SHIFT_SIGMAS: Final = 4.0
"""Height of a level shift in standard deviations of the metric over the stretch before it (spec: detection quality)."""

AFTER_READINGS: Final = 100
"""Readings kept after a shift: later, it is not found."""

STRETCH_READINGS: Final = 3_000
"""Readings of a quiet stretch at most, those after the shift included."""

SHORTEST_STRETCH: Final = 600
"""Readings a quiet stretch needs for a shift to be put at its end."""


@dataclass(frozen=True, slots=True, eq=False)
class Shifted:
    """A quiet stretch whose metric `metric` is higher or lower by `SHIFT_SIGMAS` from row `at` on."""

    series: Series
    metric: int
    at: int


def without_sensors(series: Series, share: float, random_state: int) -> Series:
    """`series` with `share` of its metrics (at least one) never observed again from its test part on."""
    count = max(1, round(share * len(series.metrics)))
    lost = np.random.default_rng(random_state).permutation(len(series.metrics))[:count]
    values = series.values.copy()
    values[series.train_rows :, lost] = np.nan
    return replace(series, values=values)


def quiet_stretch(series: Series) -> Series | None:
    """The longest unlabelled run of `series`, at most `STRETCH_READINGS`, half of it the train part; None if too short."""
    runs = [Segment(0, len(series))] if series.labels is None else segments(~series.labels)
    longest = max(runs, key=lambda run: run.end - run.start, default=Segment(0, 0))
    if longest.end - longest.start < SHORTEST_STRETCH:
        return None
    cut = series.rows(longest.start, min(longest.end, longest.start + STRETCH_READINGS))
    return replace(cut, train_rows=(len(cut) - AFTER_READINGS) // 2)


def shifted(stretch: Series, random_state: int) -> Shifted | None:
    """`stretch` with a level shift, up or down, of a random metric that varies, near its end; None if none varies."""
    random = np.random.default_rng(random_state)
    at = len(stretch) - AFTER_READINGS
    sigma = np.nan_to_num(np.nanstd(np.where(np.isnan(stretch.values[:at]).all(axis=0), 0.0, stretch.values[:at]), axis=0))
    moving = np.flatnonzero(sigma > 0)
    if len(moving) == 0:
        return None
    metric = int(random.choice(moving))
    values = stretch.values.copy()
    values[at:, metric] += random.choice([-1.0, 1.0]) * SHIFT_SIGMAS * sigma[metric]
    labels = np.arange(len(stretch)) >= at
    return Shifted(replace(stretch, values=values, labels=labels), metric, at)
