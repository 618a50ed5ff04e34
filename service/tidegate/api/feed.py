"""Facts to stream clients as they are committed: one bounded queue each. Remembers nothing but how far it has read.

Reads the streamed topics only while somebody listens, from their ends on; what came before is `catching_up`'s.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog

from tidegate.api.errors import OverloadedError
from tidegate.api.stream_position import Position
from tidegate.contracts.stream import STREAMED, FactKind
from tidegate.errors import DependencyError
from tidegate.ports import Log, Record

MAX_RECORDS: Final = 200
"""Records per read: a few milliseconds, then other tasks have their turn."""

MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes per read; one larger record still comes, alone."""

IDLE_SECONDS: Final = 1.0
"""Seconds. The log wakes us when something is committed; this bounds the wait should a wake-up be lost."""

SETTLE_SECONDS: Final = 0.05
"""Seconds between two rounds when there was nothing left: every append wakes us, and a round over all topics and partitions
per append would cost more than the appends."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One fact as it goes to clients: what it is about, whose it is, its place in the log, its JSON."""

    kind: FactKind
    site: str
    topic: str
    partition: int
    offset: int
    data: bytes


class Subscription:
    """One client's queue. `lagging` once it overflowed: nothing more is queued, and the log has the rest."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.restart()

    def restart(self) -> None:
        """Forget what is queued, and queue again."""
        self._queue: asyncio.Queue[FeedEvent] = asyncio.Queue(self._size)
        self.lagging = False

    def offer(self, event: FeedEvent) -> None:
        """Queue `event`, or mark this client as lagging; never waits."""
        if not self.lagging:
            try:
                self._queue.put_nowait(event)
            except asyncio.QueueFull:
                self.lagging = True

    async def next(self, timeout_seconds: float) -> FeedEvent | None:
        """The next event; None after `timeout_seconds` without one."""
        try:
            return await asyncio.wait_for(self._queue.get(), timeout_seconds)
        except TimeoutError:
            return None

    @property
    def exhausted(self) -> bool:
        """Whether this client overflowed and has been given all it had queued."""
        return self.lagging and self._queue.empty()


class Feed:
    """Who listens now, and how far the log was read for them."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._subscriptions: set[Subscription] = set()
        self._position: Position | None = None
        self._opening = asyncio.Lock()
        self._wanted = asyncio.Event()

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._subscriptions)

    async def subscribe(self, *, size: int, max_clients: int) -> Subscription:
        """A new listener's queue of `size` events, from `position` on; `unsubscribe` it when done.

        Raises:
            OverloadedError: there are `max_clients` already.
            DependencyError: the log cannot say where it ends.
        """
        async with self._opening:
            if len(self._subscriptions) >= max_clients:
                raise OverloadedError(f"{max_clients} stream clients are connected, which is the limit", advice="poll instead")
            if self._position is None:
                self._position = await self._end()
            subscription = Subscription(size)
            self._subscriptions.add(subscription)
            self._wanted.set()
            return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a listener. Idempotent."""
        self._subscriptions.discard(subscription)

    def position(self) -> Position:
        """Behind the last fact that was offered to every listener; there has to be one."""
        assert self._position is not None  # noqa: S101 - set before the first listener is
        return self._position.copy()

    async def run(self) -> None:
        """Follow the log while somebody listens, until cancelled. A log that cannot be read is tried again."""
        while True:
            await self._wanted.wait()
            try:
                moved = await self.catch_up()
            except DependencyError as error:
                _log.warning("feed_waits", error=str(error))
                moved = 0
            if not self._subscriptions:
                self._wanted.clear()
                self._position = None
            elif moved == 0:
                await self._log.wait(IDLE_SECONDS)
                await asyncio.sleep(SETTLE_SECONDS)

    async def catch_up(self) -> int:
        """Read one stretch of every topic and partition, and offer it; returns how many records that were (0: no more)."""
        position, moved = self._position, 0
        if position is None:
            return 0
        for topic in STREAMED:
            for partition in range(self._log.partitions):
                offset = position.at(topic, partition)
                records = await self._log.read(topic, partition, offset, max_records=MAX_RECORDS, max_bytes=MAX_BYTES)
                for record in records:
                    position.advance(topic, partition, record.offset + 1)
                    self._offer(record)
                moved += len(records)
                await asyncio.sleep(0)
        return moved

    def _offer(self, record: Record) -> None:
        event = event_of(record)
        if event is not None:
            for subscription in self._subscriptions:
                subscription.offer(event)

    async def _end(self) -> Position:
        return Position(
            {topic: [await self._log.end_offset(topic, each) for each in range(self._log.partitions)] for topic in STREAMED}
        )


class _Owned(msgspec.Struct):
    site: str


_owner = msgspec.json.Decoder(_Owned)


def event_of(record: Record) -> FeedEvent | None:
    """The fact in `record`; None for the end of a key, and for what is no fact (a newer release wrote it)."""
    if record.value is None:
        return None
    try:
        site = _owner.decode(record.value).site
    except msgspec.MsgspecError as error:
        _log.error("fact_not_understood", topic=record.topic, partition=record.partition, offset=record.offset, error=str(error))
        return None
    # White space between the tokens of JSON may be a line end, which would end the event.
    data = record.value.replace(b"\r", b" ").replace(b"\n", b" ")
    return FeedEvent(STREAMED[record.topic], site, record.topic, record.partition, record.offset, data)
