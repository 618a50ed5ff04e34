"""Arrivals: what becomes of one device's readings that do not simply go forward in time, one after the other as they came.

Pure, on one device, without its state: only times and sequences. That is why it comes to the same however readings are cut
into batches. Within the horizon an older reading counts; what is not newer than the older checkpoint has been settled.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidegate.core.detection.state import NEVER, RECENT_TIMES

MOST_KEPT: Final = 1280
"""Readings of a device kept at most: two longest horizons (`MOST_LATE_INTERVALS`) and a quarter. A device that speaks more
often than it says has its checkpoints moved on sooner, and its horizon is shorter than configured."""

LEAST_APART: Final = 16
"""Readings between two checkpoints: copying a state costs as much as a few readings, stepping 16 again is cheap."""


Count = int | NDArray[np.int64] | NDArray[np.int32]


class Verdict(Enum):
    """What one reading is to its device."""

    NEWEST = "newest"
    LATE = "late"
    REPEAT = "repeat"
    TOO_LATE = "too-late"


@dataclass(slots=True)
class Standing:
    """A device's checkpoints as times, with the readings since: `times` rising, `sequences` with them.

    `recent` (rising) and `last_sequence` are what the older checkpoint remembers of the readings up to it.
    """

    horizon_ms: int
    older_ms: int
    newer_ms: int
    newest_ms: int
    times: list[int]
    sequences: list[int]
    recent: list[int]
    last_sequence: int
    since_newer: int
    moved: bool = field(default=False)

    @property
    def since_older(self) -> int:
        """Readings since the older checkpoint."""
        return len(self.times)

    def take(self, time_ms: int, sequence: int) -> Verdict:
        """Judge one reading and, when it counts, note it."""
        if time_ms <= self.older_ms:
            return Verdict.REPEAT if self._was_settled(time_ms, sequence) else Verdict.TOO_LATE
        place = bisect_left(self.times, time_ms)
        if self.times[place : place + 1] == [time_ms] or self._repeats_neighbour(place, sequence):
            return Verdict.REPEAT
        if time_ms < self.newest_ms - self.horizon_ms:
            return Verdict.TOO_LATE
        verdict = Verdict.NEWEST if time_ms > self.newest_ms else Verdict.LATE
        self.times.insert(place, time_ms)
        self.sequences.insert(place, sequence)
        self.newest_ms = max(self.newest_ms, time_ms)
        self.since_newer += time_ms > self.newer_ms
        if is_due(self.newest_ms - self.newer_ms, self.horizon_ms, self.since_older, self.since_newer):
            self._move_on()
        return verdict

    def _was_settled(self, time_ms: int, sequence: int) -> bool:
        """As `admission.order_faults` judges a device without a horizon, at the older checkpoint."""
        if time_ms in self.recent:
            return True
        if sequence == NEVER:
            return False
        return sequence == self.last_sequence or (sequence <= self.last_sequence and time_ms < self.recent[0])

    def _repeats_neighbour(self, place: int, sequence: int) -> bool:
        """Whether the last numbered reading before `place`, or the first after it, has the same sequence."""
        if sequence == NEVER:
            return False
        before = next((number for number in reversed(self.sequences[:place]) if number != NEVER), self.last_sequence)
        after = next((number for number in self.sequences[place:] if number != NEVER), NEVER)
        return sequence in (before, after)

    def _move_on(self) -> None:
        """The newer checkpoint becomes the older one, the newest reading the newer one."""
        settled = bisect_right(self.times, self.newer_ms)
        self.recent = (self.recent + self.times[:settled])[-RECENT_TIMES:]
        numbered = [number for number in self.sequences[:settled] if number != NEVER]
        self.last_sequence = numbered[-1] if numbered else self.last_sequence
        del self.times[:settled], self.sequences[:settled]
        self.older_ms, self.newer_ms, self.since_newer = self.newer_ms, self.newest_ms, 0
        self.moved = True


def is_due(age_ms: Count, horizon_ms: Count, since_older: Count, since_newer: Count) -> Any:
    """Whether checkpoints move on: the newer one has passed the horizon, or too many readings are kept. Also elementwise.

    Half as many since the newer one are too many already, so that what stays open to late readings never shrinks to nothing.
    """
    passed = (age_ms >= horizon_ms) & (since_newer >= LEAST_APART)
    return passed | (since_older >= MOST_KEPT) | (2 * since_newer >= MOST_KEPT)
