"""Who may step now, among the partitions of one process: first come, first served, so many at once, and while one is on trial
nobody else.

First come, first served is what keeps a flooded partition from starving the others: having committed, it queues behind all of
them. So many at once, because what steps holds a batch, decoded, in memory, and they all share one interpreter.

If the process ends during a trial, it was then that trial's doing, or somebody's outside: a crash that another partition
caused must never count against an innocent reading here.
"""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

BEAT_SECONDS: Final = 1.0
"""Between two signs of life of a partition that waits for its turn."""

AT_ONCE: Final = max(2, os.cpu_count() or 1)
"""Steps at once: at least two, so that a slow one does not hold up all others."""

Beat = Callable[[], None]


class Turns:
    """Shared by the workers of one event loop. A trial waits for running steps; no step begins beside it."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._on_trial: int | None = None
        self._running = 0
        self._queue: deque[object] = deque()
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def step(self, partition: int, beat: Beat) -> AsyncIterator[None]:
        """One step of `partition`; waits, calling `beat`, for its turn. On trial it needs none."""
        await self._until_due(partition, beat)
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._tell()

    async def _until_due(self, partition: int, beat: Beat) -> None:
        ticket = object()
        self._queue.append(ticket)
        try:
            while not self._is_due(partition, ticket):
                await self._wait(beat)
        finally:
            self._queue.remove(ticket)
            self._tell()

    def _is_due(self, partition: int, ticket: object) -> bool:
        if self._on_trial is not None:
            return self._on_trial == partition
        return self._running < self._at_once and self._queue[0] is ticket

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
