"""Alarms against labels reading by reading, as SKAB's leaderboard counts: missed-alarm rate and false-alarm rate, together.

A reading is in alarm from the one an alarm opened at until it closed. Each of the two rates alone is worthless (always-alarm
misses nothing), and F1 is hardly better where half of the readings are labelled: always-alarm gets .70 on SKAB.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class PointCounts:
    """Readings by label (labelled or not) and state (in alarm or not); adds up over series."""

    hit: int = 0
    missed: int = 0
    false: int = 0
    quiet: int = 0

    def __add__(self, other: "PointCounts") -> "PointCounts":
        """Pool two series: a series weighs by its readings."""
        return PointCounts(self.hit + other.hit, self.missed + other.missed, self.false + other.false, self.quiet + other.quiet)

    @property
    def missed_alarm_rate(self) -> float:
        """Labelled readings not in alarm ÷ labelled readings, 0 to 1; NaN without one."""
        labelled = self.hit + self.missed
        return self.missed / labelled if labelled else math.nan

    @property
    def false_alarm_rate(self) -> float:
        """Unlabelled readings in alarm ÷ unlabelled readings, 0 to 1; NaN without one."""
        unlabelled = self.false + self.quiet
        return self.false / unlabelled if unlabelled else math.nan


def count_points(alarms: Sequence[int], ends: Sequence[int], labels: ArrayLike) -> PointCounts:
    """Count the readings of one series with `labels` [T] and alarms open from `alarms[i]` to before `ends[i]`.

    >>> count_points([1], [3], [0, 0, 1, 1]).missed_alarm_rate
    0.5
    """
    marked = np.asarray(labels) != 0
    alarmed = np.zeros(len(marked), np.bool_)
    for start, end in zip(alarms, ends, strict=True):
        alarmed[start:end] = True
    return PointCounts(
        int((marked & alarmed).sum()),
        int((marked & ~alarmed).sum()),
        int((~marked & alarmed).sum()),
        int((~marked & ~alarmed).sum()),
    )
