"""Waking those who wait for new records: one bell per log, which remembers for each task what it has already heard."""

import asyncio
from contextlib import suppress
from typing import Any, cast
from weakref import WeakKeyDictionary


class Bell:
    """Rings when something was written. A ring between two waits is not lost: the next wait returns at once."""

    def __init__(self) -> None:
        self._rings = 0
        self._next = asyncio.Event()
        self._heard: WeakKeyDictionary[asyncio.Task[Any], int] = WeakKeyDictionary()

    def ring(self) -> None:
        """Wake every waiting task; call from the event loop's thread."""
        self._rings += 1
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self, timeout_seconds: float) -> None:
        """Return when the bell rang since this task's last wait (since the start, for its first), or after the timeout."""
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        if self._heard.get(task, 0) == self._rings:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._next.wait(), timeout_seconds)
        self._heard[task] = self._rings
