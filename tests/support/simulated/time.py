"""Time moved by hand, and an event loop that lives on it: no threads, no sockets, nothing waits for real."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

START_MS = 1_700_000_000_000

_NUDGE_SECONDS = 1e-6
"""Sums of floats fall short of a timer's moment by less than this."""


class HandTime:
    """`ports.Clock` for everybody in one world."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def now_ms(self) -> int:
        return START_MS + int(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds

    def forward(self, seconds: float) -> None:
        self.seconds += seconds + _NUDGE_SECONDS


Connect = Callable[["HandLoop", asyncio.BaseProtocol], Awaitable[asyncio.Transport]]


class HandLoop(asyncio.BaseEventLoop):
    """One process's event loop: runs what is ready and stops, instead of waiting, when nothing is.

    What asyncio would do in a thread is done at once, and a connection is whatever `connect` makes of it.
    """

    def __init__(self, time: HandTime, connect: Connect) -> None:
        super().__init__()
        self._hand_time = time
        self._connect = connect
        self._selector = self
        self._ready: Any
        self._scheduled: list[asyncio.TimerHandle]

    def time(self) -> float:
        return self._hand_time.seconds

    def run_ready(self) -> None:
        """Run until nothing is ready; timers that are due are ready."""
        if self._ready or (self._scheduled and self._scheduled[0].when() <= self.time()):
            self.run_forever()

    def pass_time(self) -> None:
        """Move this loop's time to its next timer."""
        self._hand_time.forward(max(0.0, self.next_timer() or 0.0))

    def leave(self) -> None:
        """Go on in a time of its own, which nobody else sees: how a dead process's tasks are put away."""
        self._hand_time = HandTime(self._hand_time.seconds)

    def next_timer(self) -> float | None:
        """Seconds until the next timer; None when there is none."""
        return self._scheduled[0].when() - self.time() if self._scheduled else None

    def select(self, timeout: float | None) -> list[Any]:
        """Asked by asyncio how long to wait for I/O: for ever, until a timer, or, with things ready, not at all."""
        if timeout is None or timeout > 0:
            self.stop()
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps who would have to be woken."""

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    async def create_connection(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        protocol = protocol_factory()
        return await self._connect(self, protocol), protocol
