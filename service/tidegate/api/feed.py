"""Facts to stream clients as they are read: one bounded queue each. Remembers nothing; a client asks REST for the past.

A client that cannot keep up is cut off and told so. The alternatives are to grow without bound or to lose facts silently.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from tidegate.api.errors import OverloadedError


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One fact as it goes to clients: `kind` is its topic's noun, `id` its place in the log, `data` its JSON."""

    kind: str
    id: str
    data: bytes


class Subscription:
    """One client's queue of events it wants. `lagging` once it overflowed: what is queued is still delivered, then it ends."""

    def __init__(self, size: int, wants: Callable[[FeedEvent], bool] | None = None) -> None:
        self._queue: asyncio.Queue[FeedEvent] = asyncio.Queue(size)
        self._wants = wants
        self.lagging = False

    def offer(self, event: FeedEvent) -> None:
        """Queue `event`, or mark this client as lagging; never waits."""
        if not self.lagging and (self._wants is None or self._wants(event)):
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
        """Whether this client was cut off and has been given all it had queued."""
        return self.lagging and self._queue.empty()


class Feed:
    """Who listens now."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._subscriptions)

    def publish(self, event: FeedEvent) -> None:
        """Offer `event` to every listener; never waits."""
        for subscription in self._subscriptions:
            subscription.offer(event)

    def subscribe(self, *, size: int, max_clients: int, wants: Callable[[FeedEvent], bool] | None = None) -> Subscription:
        """A new listener's queue of `size` events, of those it `wants`; `unsubscribe` it when done.

        Raises:
            OverloadedError: there are `max_clients` already.
        """
        if len(self._subscriptions) >= max_clients:
            raise OverloadedError(f"{max_clients} stream clients are connected, which is the limit", advice="poll instead")
        subscription = Subscription(size, wants)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a listener. Idempotent."""
        self._subscriptions.discard(subscription)


async def as_server_sent_events(subscription: Subscription, heartbeat_seconds: float) -> AsyncIterator[bytes]:
    """`subscription` in the text/event-stream format, with a comment as heartbeat so that proxies keep it open."""
    yield b": facts as they are committed\n\n"
    while not subscription.exhausted:
        event = await subscription.next(heartbeat_seconds)
        if event is None:
            yield b": still here\n\n"
        else:
            yield b"event: %b\nid: %b\ndata: %b\n\n" % (event.kind.encode(), event.id.encode(), event.data)
    yield b'event: cut-off\ndata: "you read slower than facts arrive; ask REST for what you missed"\n\n'
