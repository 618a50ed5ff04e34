"""How fast readings come in, from the balance noted at each question. Runs no task of its own and keeps no history."""

from collections import deque
from typing import Final

from tidegate.contracts.views import Balance
from tidegate.ports import Clock

WINDOW_SECONDS: Final = 10.0
"""Seconds a rate is taken over: long enough to be steady to look at, short enough to show a stop."""

MIN_SPACING_SECONDS: Final = 0.5
"""Seconds between two notes, so that many askers do not make many notes."""


class Pulse:
    """Readings per second since the last note that is at least `WINDOW_SECONDS` old, or else since the oldest."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_at = clock.monotonic()
        self._notes: deque[tuple[float, int]] = deque()

    def readings_per_second(self, balance: Balance) -> float | None:
        """The rate up to `balance`, which is noted; None the first time, when there is nothing to compare with."""
        now = self._clock.monotonic()
        while len(self._notes) > 1 and now - self._notes[1][0] >= WINDOW_SECONDS:
            self._notes.popleft()
        rate = self._rate(now, balance.received)
        if not self._notes or now - self._notes[-1][0] >= MIN_SPACING_SECONDS:
            self._notes.append((now, balance.received))
        return rate

    def uptime_seconds(self) -> float:
        """Seconds since start-up, when this was made."""
        return self._clock.monotonic() - self._started_at

    def _rate(self, now: float, received: int) -> float | None:
        if not self._notes or now <= self._notes[0][0]:
            return None
        start, first = self._notes[0]
        return (received - first) / (now - start)
