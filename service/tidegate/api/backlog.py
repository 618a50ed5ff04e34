"""How much waits for the worker, and the refusal to add to it when that is too much: full means no, never drop silently."""

from collections import Counter
from typing import Final

from tidegate.api.errors import OverloadedError
from tidegate.ports import Clock, LiveState

REFRESH_SECONDS: Final = 0.1
"""Seconds between two looks at the worker: a look costs some reads of the log, a request should not."""


class Backlog:
    """Records waiting, by input topic: what the worker last said, plus what went through this door since.

    Each topic has a limit of its own: gateways must be heard also while telemetry piles up.
    """

    def __init__(self, live: LiveState, clock: Clock, max_pending_records: int) -> None:
        self._live = live
        self._clock = clock
        self._limit = max_pending_records
        self._looked_at = float("-inf")
        self._pending: Counter[str] = Counter()

    async def admit(self, topic: str, records: int = 1) -> None:
        """Count `records` more of `topic` as waiting.

        Raises:
            OverloadedError: as many wait as may; nothing was counted.
        """
        now = self._clock.monotonic()
        if now - self._looked_at >= REFRESH_SECONDS:
            self._looked_at = now
            self._pending = Counter(await self._live.lag())
        if self._pending[topic] >= self._limit:
            raise OverloadedError(
                f"{self._pending[topic]} records wait for the worker, expected fewer than {self._limit}",
                advice="wait as Retry-After says and send again; nothing of this request was taken",
            )
        self._pending[topic] += records
