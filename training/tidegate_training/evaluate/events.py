"""Alarms against labelled events: precision, recall, F1, false alarms per device-day, delay. The definitions are here.

- An *event* is a contiguous run of labelled readings.
- An *alarm* is named by the reading it opened at. Staying open earns nothing, and an alarm that opened before an event
  does not find it.
- An event is *detected* when an alarm opens within it. Further alarms within it neither help nor hurt.
- A *false alarm* opens outside every event. One that opens at most `tolerance` readings after an event ended is neither
  (default 0: no tolerance).
- precision = detected events ÷ (detected events + false alarms); recall = detected events ÷ events; F1 their harmonic mean.
- A device-day is 24 hours of *unlabelled* readings of one device, at the profile's interval.
- *Delay* of a detected event: readings from its first to the one its first alarm opened at.

No threshold is chosen here and no alarm is moved: point adjustment, which credits a whole event to one hit, is not offered.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

SECONDS_PER_DAY = 86_400.0


class Segment(NamedTuple):
    """Readings `start` (inclusive) to `end` (exclusive)."""

    start: int
    end: int


def segments(labels: ArrayLike) -> list[Segment]:
    """The contiguous runs of non-zero values in `labels` [T], in order.

    >>> segments([0, 1, 1, 0, 1])
    [Segment(start=1, end=3), Segment(start=4, end=5)]
    """
    edges = np.diff((np.asarray(labels) != 0).astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [Segment(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]


@dataclass(frozen=True, slots=True)
class EventCounts:
    """What was counted on one device, or summed over many. `exposure_days` are unlabelled device-days."""

    events: int = 0
    detected: int = 0
    alarms: int = 0
    false_alarms: int = 0
    exposure_days: float = 0.0
    delays: tuple[int, ...] = field(default=())

    def __add__(self, other: "EventCounts") -> "EventCounts":
        """Pool two devices: counts add up, so a device weighs by its events and its days."""
        return EventCounts(
            self.events + other.events,
            self.detected + other.detected,
            self.alarms + other.alarms,
            self.false_alarms + other.false_alarms,
            self.exposure_days + other.exposure_days,
            self.delays + other.delays,
        )

    @property
    def precision(self) -> float:
        """Detected events ÷ (detected events + false alarms), 0 to 1; NaN when nothing was alarmed."""
        return _ratio(self.detected, self.detected + self.false_alarms)

    @property
    def recall(self) -> float:
        """Detected events ÷ events, 0 to 1; NaN without an event."""
        return _ratio(self.detected, self.events)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 to 1; 0 when nothing was detected, NaN without an event."""
        if self.events == 0:
            return math.nan
        return 2 * self.detected / (self.detected + self.false_alarms + self.events)

    @property
    def false_alarms_per_device_day(self) -> float:
        """False alarms ÷ exposure; NaN without exposure."""
        return _ratio(self.false_alarms, self.exposure_days)


def count_events(alarms: Sequence[int], labels: ArrayLike, *, interval_seconds: float, tolerance: int = 0) -> EventCounts:
    """Hold `alarms` (indices of the readings they opened at) against `labels` [T]; the definitions are the module's."""
    marked = np.asarray(labels) != 0
    opened = np.unique(np.asarray(alarms, dtype=np.int64))
    events = segments(marked)
    delays = [delay for event in events if (delay := _delay(opened, event)) is not None]
    excused = marked.copy()
    for event in events:
        excused[event.end : event.end + tolerance] = True
    return EventCounts(
        events=len(events),
        detected=len(delays),
        alarms=len(opened),
        false_alarms=int((~excused[opened]).sum()),
        exposure_days=float((~marked).sum()) * interval_seconds / SECONDS_PER_DAY,
        delays=tuple(delays),
    )


def _delay(opened: np.ndarray[tuple[int], np.dtype[np.int64]], event: Segment) -> int | None:
    """Readings from the start of `event` to the first alarm that opened within it."""
    first = int(np.searchsorted(opened, event.start))
    if first == len(opened) or opened[first] >= event.end:
        return None
    return int(opened[first]) - event.start


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan


def poisson_interval(count: int, exposure: float, confidence: float = 0.95) -> tuple[float, float]:
    """Exact (Garwood) interval of a Poisson rate, per unit of `exposure`; NaN without exposure.

    >>> low, high = poisson_interval(0, 10.0)
    >>> low, round(high, 3)
    (0.0, 0.369)
    """
    from scipy.special import gammaincinv  # noqa: PLC0415  # scipy comes with the `evaluate` extra

    if exposure <= 0:
        return math.nan, math.nan
    tail = (1 - confidence) / 2
    low = float(gammaincinv(count, tail)) if count else 0.0
    return low / exposure, float(gammaincinv(count + 1, 1 - tail)) / exposure


def alarm_spans(surprise: ArrayLike, threshold: float, *, close_after: int) -> list[Segment]:
    """Readings during which an alarm is open when `surprise` [T] exceeds `threshold`, declustered as the service's policy does.

    While an alarm is open no other opens; it closes at the last of `close_after` readings in a row at or below the threshold.
    NaN never exceeds.
    """
    told = np.asarray(surprise, dtype=np.float64)
    above = np.flatnonzero(told > threshold)
    if len(above) == 0:
        return []
    fresh = np.diff(above, prepend=above[0] - close_after - 2) > close_after
    last = np.append(above[:-1][fresh[1:]], above[-1])
    ends = np.minimum(last + max(close_after, 1), len(told))
    return [Segment(int(start), int(end)) for start, end in zip(above[fresh], ends, strict=True)]


def open_alarms(surprise: ArrayLike, threshold: float, *, close_after: int) -> list[int]:
    """Readings at which an alarm opens; see `alarm_spans`."""
    return [span.start for span in alarm_spans(surprise, threshold, close_after=close_after)]
