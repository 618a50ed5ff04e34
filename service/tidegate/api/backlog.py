"""How much waits for the worker, and the refusal to add to it when that is too much: full means no, never drop silently."""

from typing import Final

from tidegate.api.errors import OverloadedError
from tidegate.ports import Clock, LiveState

REFRESH_SECONDS: Final = 0.1
"""Seconds between two looks at the worker: a look costs some reads of the log, a request should not."""


class Backlog:
    """Records waiting: what the worker last said, plus what went through this door since."""

    def __init__(self, live: LiveState, clock: Clock, max_pending_records: int) -> None:
        self._live = live
        self._clock = clock
        self._limit = max_pending_records
        self._looked_at = float("-inf")
        self._pending = 0

    async def admit(self) -> None:
        """Count one more record as waiting.

        Raises:
            OverloadedError: as many wait as may; nothing was counted.
        """
        now = self._clock.monotonic()
        if now - self._looked_at >= REFRESH_SECONDS:
            self._looked_at = now
            self._pending = sum((await self._live.lag()).values())
        if self._pending >= self._limit:
            raise OverloadedError(
                f"{self._pending} records wait for the worker, expected fewer than {self._limit}",
                advice="wait as Retry-After says and send again; nothing of this request was taken",
            )
        self._pending += 1
