"""Who may step now, among the partitions of one process. While one is on trial, nobody else steps.

If the process ends during a trial, it was then that trial's doing, or somebody's outside: a crash that another partition
caused must never count against an innocent reading here.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

BEAT_SECONDS: Final = 1.0
"""Between two signs of life of a partition that waits for its turn."""

Beat = Callable[[], None]


class Turns:
    """Shared by the workers of one event loop. A trial waits for running steps; no step begins beside it."""

    def __init__(self) -> None:
        self._on_trial: int | None = None
        self._running = 0
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def step(self, partition: int, beat: Beat) -> AsyncIterator[None]:
        """One step of `partition`; waits, calling `beat`, while another partition is on trial."""
        while self._on_trial not in (None, partition):
            await self._wait(beat)
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._tell()

    @asynccontextmanager
    async def trial(self, partition: int, beat: Beat) -> AsyncIterator[None]:
        """The trial of `partition`, its commits included; waits, calling `beat`, for its turn and for running steps."""
        while self._on_trial is not None:
            await self._wait(beat)
        self._on_trial = partition
        try:
            while self._running:
                await self._wait(beat)
            yield
        finally:
            self._on_trial = None
            self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _wait(self, beat: Beat) -> None:
        changed = self._changed
        try:
            async with asyncio.timeout(BEAT_SECONDS):
                await changed.wait()
        except TimeoutError:
            beat()
