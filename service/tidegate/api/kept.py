"""Answers that cost much and are asked for again and again, each kept for a moment. Bounded; nothing is computed unasked."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from tidegate.ports import Clock

T = TypeVar("T")


class Kept(Generic[T]):
    """The last answer by name. Who asks while one is being computed waits for that one; one that fails is not kept."""

    def __init__(self, clock: Clock, seconds: float, limit: int) -> None:
        self._clock = clock
        self._seconds = seconds
        self._limit = limit
        self._answers: dict[str, tuple[float, asyncio.Task[T]]] = {}

    async def answer(self, name: str, compute: Callable[[], Awaitable[T]]) -> T:
        """The answer under `name`, from `compute` where there is none, or none that is young enough. Raises what that raises."""
        now = self._clock.monotonic()
        kept = self._answers.get(name)
        if kept is None or (kept[1].done() and (now - kept[0] >= self._seconds or _failed(kept[1]))):
            self._answers.pop(name, None)
            if len(self._answers) >= self._limit:
                del self._answers[next(iter(self._answers))]
            kept = self._answers[name] = now, asyncio.create_task(_awaited(compute))
        # Shielded: whoever hangs up must not take the answer away from the others that wait for it.
        return await asyncio.shield(kept[1])


def _failed(task: asyncio.Task[T]) -> bool:
    return task.cancelled() or task.exception() is not None


async def _awaited(compute: Callable[[], Awaitable[T]]) -> T:
    return await compute()
