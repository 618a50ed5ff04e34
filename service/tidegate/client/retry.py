"""When to ask again, and when to give up: within a stated patience, further and further apart, never all at once."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

FIRST_PAUSE_SECONDS: Final = 0.1
"""Seconds before the second try when the service names no time; doubles with each further try."""

LONGEST_PAUSE_SECONDS: Final = 5.0
"""Seconds between two tries at most, whatever Retry-After says, so that patience is used and not slept through."""

SPREAD: Final = 0.25
"""Share by which a pause may be longer, at random: clients turned away together must not come back together."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How long to be patient, in seconds: with a service that is busy, and with one that cannot be reached.

    Only requests that may be repeated are tried again. `pause`, `monotonic` and `chance` are for tests.
    """

    busy_seconds: float = 30.0
    unreachable_seconds: float = 10.0
    pause: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, repr=False)
    monotonic: Callable[[], float] = field(default=time.monotonic, repr=False)
    chance: Callable[[], float] = field(default=random.random, repr=False)


NEVER: Final = Retry(busy_seconds=0.0, unreachable_seconds=0.0)
"""Ask once."""


class Patience:
    """One request's patience; starts now."""

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._started = retry.monotonic()
        self._pause_seconds = FIRST_PAUSE_SECONDS

    async def is_left(self, *, reached: bool, asked_seconds: float | None = None) -> bool:
        """Pause and return True, or False at once when the pause would outlast the patience. `asked_seconds` is Retry-After."""
        retry = self._retry
        limit = retry.busy_seconds if reached else retry.unreachable_seconds
        own = self._pause_seconds * (1 + SPREAD * retry.chance())
        wait_seconds = min(own if asked_seconds is None else asked_seconds, LONGEST_PAUSE_SECONDS)
        if retry.monotonic() - self._started + wait_seconds > limit:
            return False
        await retry.pause(wait_seconds)
        self._pause_seconds *= 2
        return True
