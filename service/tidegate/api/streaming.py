"""One client's stream: what it missed, then what comes, without a gap or a repeat at the seam.

1. The client is subscribed, and the feed's position noted in the same step: what is committed behind it will be queued.
2. What lies between the client's position and that one is replayed from the log.
3. The queue is sent. Facts that the client has already, by its position, are passed over.
4. A client that reads slower than facts arrive overflows its queue; it goes on at 1, from the log and at its own pace.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import structlog

from tidegate.api.catching_up import missed
from tidegate.api.feed import Feed, FeedEvent, Subscription
from tidegate.api.stream_position import Position
from tidegate.contracts.codec import encode
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.stream import GAP_EVENT, STREAMED, FactKind, GapReason, StreamGap
from tidegate.errors import DependencyError
from tidegate.ports import Log

HEARTBEAT_SECONDS: Final = 15.0
"""Seconds. Proxies commonly close a connection that is silent for 30 or 60."""

RETRY_SECONDS: Final = 1.0
"""Seconds before a log that could not be read is read again."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which facts a client asks for: of one site (null: any), of some kinds (none: any), that may be `shown` to it."""

    site: str | None = None
    kinds: frozenset[FactKind] = frozenset()
    shown: Callable[[FeedEvent], bool] | None = None

    def matches(self, event: FeedEvent) -> bool:
        """Whether `event` is asked for."""
        asked = self.site in (None, event.site) and (not self.kinds or event.kind in self.kinds)
        return asked and (self.shown is None or self.shown(event))

    def skip(self, position: Position, until: Position) -> None:
        """Move `position` to `until` where nothing that is asked for can lie: other topics, partitions of other sites."""
        partition = None if self.site is None else partition_of(self.site, until.partitions)
        for topic, kind in STREAMED.items():
            for each in range(until.partitions):
                if partition not in (None, each) or (self.kinds and kind not in self.kinds):
                    position.advance(topic, each, until.at(topic, each))


class ClientStream:
    """The stream of one client that is subscribed already; `position` None starts with what comes next."""

    def __init__(
        self,
        log: Log,
        feed: Feed,
        subscription: Subscription,
        wanted: Wanted,
        position: Position | None,
        *,
        replay_records: int,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._log = log
        self._feed = feed
        self._subscription = subscription
        self._wanted = wanted
        self._until = feed.position()
        self._lost = position is not None and position.partitions != self._until.partitions
        self._position = self._until.copy() if position is None or self._lost else position
        self._replay_records = replay_records
        self._heartbeat_seconds = heartbeat_seconds

    async def events(self) -> AsyncGenerator[bytes, None]:
        """The stream as bytes of server-sent events, until the client goes."""
        try:
            yield b": facts as they are committed\n" + self._place()
            if self._lost:
                yield self._said(StreamGap(GapReason.POSITION_UNKNOWN))
            while True:
                async with aclosing(self._round()) as parts:
                    async for part in parts:
                        yield part
                self._subscription.restart()
                self._until = self._feed.position()
        finally:
            self._feed.unsubscribe(self._subscription)

    async def _round(self) -> AsyncGenerator[bytes, None]:
        """Replay, then the queue, until it overflows or the log cannot be read."""
        self._wanted.skip(self._position, self._until)
        try:
            async for each in missed(self._log, self._position, self._until, self._replay_records):
                if isinstance(each, StreamGap) or self._wanted.matches(each):
                    yield self._said(each)
        except DependencyError as error:
            _log.warning("stream_waits", error=str(error))
            yield b": the log cannot be read just now\n\n"
            await asyncio.sleep(RETRY_SECONDS)
            return
        while not self._subscription.exhausted:
            event = await self._subscription.next(self._heartbeat_seconds)
            if event is None:
                yield b": still here\n" + self._place()
            elif event.offset >= self._position.at(event.topic, event.partition):
                self._position.advance(event.topic, event.partition, event.offset + 1)
                if self._wanted.matches(event):
                    yield self._said(event)

    def _said(self, what: FeedEvent | StreamGap) -> bytes:
        name, data = (GAP_EVENT, encode(what)) if isinstance(what, StreamGap) else (what.kind.value, what.data)
        return b"event: %b\ndata: %b\n%b" % (name.encode(), data, self._place())

    def _place(self) -> bytes:
        """The id alone moves a client's position, also past facts that it did not ask for."""
        return b"id: %b\n\n" % self._position.token().encode()
