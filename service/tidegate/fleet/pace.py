"""When a reading may go out: in step with the wall clock, or at once. The only place in the fleet that knows the time."""

import asyncio
import time
from typing import Protocol


class Pace(Protocol):
    """Maps the stream's own time to permission to send."""

    def is_due(self, moment_ms: int) -> bool:
        """Whether a reading of `moment_ms` may go out now."""
        ...

    async def until(self, moment_ms: int) -> None:
        """Return when `moment_ms` has come; gives other tasks a turn even if it has."""
        ...


class AtOnce:
    """Everything is due."""

    def is_due(self, moment_ms: int) -> bool:
        """True."""
        return True

    async def until(self, moment_ms: int) -> None:
        """Return after giving other tasks a turn."""
        await asyncio.sleep(0)


class WallClock:
    """Moment `origin_ms` of the stream is the wall-clock time `started_ms`; from there it runs `speed` times as fast."""

    def __init__(self, origin_ms: int, started_ms: int, speed: float = 1.0) -> None:
        self._origin_ms, self._started_ms, self._speed = origin_ms, started_ms, speed

    def is_due(self, moment_ms: int) -> bool:
        """Whether the clock has reached the moment."""
        return self._wait_seconds(moment_ms) <= 0

    async def until(self, moment_ms: int) -> None:
        """Sleep until the moment."""
        await asyncio.sleep(max(0.0, self._wait_seconds(moment_ms)))

    def _wait_seconds(self, moment_ms: int) -> float:
        due_ms = self._started_ms + (moment_ms - self._origin_ms) / self._speed
        return due_ms / 1000 - time.time()


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000
