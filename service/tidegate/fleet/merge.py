"""Many series as one stream in order of event time. Memory: the data and twenty bytes of order per reading."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import SiteId
from tidegate.contracts.reading import Reading
from tidegate.fleet.series import Series


def merge(series: Sequence[Series], limit: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield (index of series, row) by rising event time; of equal times the series given first comes first.

    Rows of one series keep their order. At most `limit` in all.
    """
    owners = np.repeat(np.arange(len(series), dtype=np.int32), [len(one) for one in series])
    starts = np.cumsum([0, *[len(one) for one in series]])
    times = np.concatenate([one.event_time_ms for one in series]) if series else np.empty(0, np.int64)
    for position in np.argsort(times, kind="stable")[:limit]:
        owner = int(owners[position])
        yield owner, int(position - starts[owner])


def aligned(series: Sequence[Series]) -> list[Series]:
    """The series moved so that all begin at the earliest beginning: recordings of different years as one fleet."""
    first_ms = min((int(one.event_time_ms[0]) for one in series if len(one)), default=0)
    return [one if not len(one) else moved(one, first_ms - int(one.event_time_ms[0])) for one in series]


def moved(series: Series, by_ms: int) -> Series:
    """The series with all event times later by `by_ms`."""
    return replace(series, event_time_ms=series.event_time_ms + by_ms)


def shift_to_now_ms(first_ms: int, last_ms: int, now_ms: int, speed: float) -> int:
    """By how much to move event times so that a replay is current and never ahead of the clock.

    At `speed` 1 or more (0: as fast as possible) the last reading is at the moment it is sent, and earlier ones lie in the
    past by (speed − 1) ÷ speed of their distance to it; below 1 the first reading is. Distances of readings stay as they are:
    squeezing them would turn a five-minute series into another one.
    """
    if speed == 0:
        return now_ms - last_ms
    if speed >= 1:
        return now_ms + round((last_ms - first_ms) / speed) - last_ms
    return now_ms - first_ms


def to_reading(series: Series, row: int, site: SiteId) -> Reading:
    """Row `row` as a reading of `site`: missing values are null, labels stay behind."""
    values: NDArray[np.float64] = series.values[row]
    metrics = {name: None if math.isnan(value) else value for name, value in zip(series.metrics, values.tolist(), strict=True)}
    return Reading(site, series.device, series.profile, int(series.event_time_ms[row]), metrics)
