"""Rings for gateways that wait until their assignments change: one look at each fact for all of them together.

Listens to the feed only while somebody waits. The read model may be behind the log; a ring therefore says from which place
on the change is in it. Remembers nothing of assignments.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from tidegate.api.errors import OverloadedError
from tidegate.api.feed import Feed, FeedEvent, Subscription
from tidegate.contracts import topics
from tidegate.contracts.plan import Assignment

MAX_WAITING: Final = 2_000
"""Gateways that wait at a time; each costs a few kilobytes, and the names of the devices it waits about."""

QUEUE: Final = 10_000
"""Facts that the feed may be ahead of us; beyond them everybody is rung once and looks anew."""

IDLE_SECONDS: Final = 1.0

Place = dict[int, int]
"""By partition, the offset behind which the read model has to be."""


class Watch:
    """One that waits about `gateway`. `place` is how far the read model has to be, so that it has what was rung about."""

    def __init__(self, gateway: str, place: Place) -> None:
        self.gateway = gateway
        self.place = place
        self.devices: frozenset[tuple[str, str]] = frozenset()
        self._rung = asyncio.Event()

    def ring(self, partition: int, offset: int) -> None:
        """Say that something may have changed, which the read model has once it is at `offset`."""
        self.place[partition] = max(offset, self.place.get(partition, 0))
        self._rung.set()

    async def rung(self, timeout_seconds: float) -> bool:
        """Wait for a ring; false when there was none."""
        try:
            await asyncio.wait_for(self._rung.wait(), timeout_seconds)
        except TimeoutError:
            return False
        self._rung.clear()
        return True


class _Coming(msgspec.Struct):
    gateway: str


class _Placed(msgspec.Struct):
    site: str
    device: str
    gateway: str | None = None
    coming: _Coming | None = None


_DECODER = msgspec.json.Decoder(_Placed)


class GatewayBell:
    """Everybody who waits, by gateway and by device: a device that leaves a gateway is told of under its new one's name."""

    def __init__(self, feed: Feed, max_waiting: int = MAX_WAITING) -> None:
        self._feed = feed
        self._max_waiting = max_waiting
        self._waiting = 0
        self._by_gateway: dict[str, set[Watch]] = defaultdict(set)
        self._by_device: dict[tuple[str, str], set[Watch]] = defaultdict(set)
        self._subscription: Subscription | None = None
        self._task: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._waiting

    @asynccontextmanager
    async def watch(self, gateway: str) -> AsyncIterator[Watch]:
        """A watch over `gateway`; it is rung for what is committed from here on.

        Raises:
            OverloadedError: too many wait already.
            DependencyError: the log cannot say where it ends.
        """
        if self._waiting >= self._max_waiting:
            raise OverloadedError(f"{self._waiting} gateways wait already, which is the limit", advice="ask without wait_seconds")
        self._waiting += 1
        try:
            async with self._opening:
                await self._listen()
            watch = Watch(gateway, self.place())
            self._by_gateway[gateway].add(watch)
            try:
                yield watch
            finally:
                self.about(watch, ())
                _discard(self._by_gateway, gateway, watch)
        finally:
            self._waiting -= 1
            if self._waiting == 0:
                await self._stop()

    def about(self, watch: Watch, devices: Iterable[Assignment]) -> None:
        """Ring `watch` also for these devices, and for no other ones."""
        for key in watch.devices:
            _discard(self._by_device, key, watch)
        watch.devices = frozenset((each.site, each.device) for each in devices)
        for key in watch.devices:
            self._by_device[key].add(watch)

    async def close(self) -> None:
        """Stop listening. Idempotent."""
        await self._stop()

    async def _listen(self) -> None:
        if self._subscription is None:
            self._subscription = await self._feed.subscribe(size=QUEUE, max_clients=1 << 30)
            self._task = asyncio.create_task(self._follow(self._subscription), name="gateway-bell")

    async def _stop(self) -> None:
        subscription, task, self._subscription, self._task = self._subscription, self._task, None, None
        if subscription is not None:
            self._feed.unsubscribe(subscription)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _follow(self, subscription: Subscription) -> None:
        while True:
            event = await subscription.next(IDLE_SECONDS)
            if event is not None:
                self._hear(event)
            elif subscription.exhausted:
                subscription.restart()
                self._ring_everybody()

    def _hear(self, event: FeedEvent) -> None:
        if event.topic != topics.ASSIGNMENTS:
            return
        placed = _DECODER.decode(event.data)
        watches = self._by_device.get((placed.site, placed.device), set())
        for gateway in (placed.gateway, None if placed.coming is None else placed.coming.gateway):
            if gateway is not None:
                watches = watches | self._by_gateway.get(gateway, set())
        for watch in watches:
            watch.ring(event.partition, event.offset + 1)

    def _ring_everybody(self) -> None:
        for watches in self._by_gateway.values():
            for watch in watches:
                for partition, offset in self.place().items():
                    watch.ring(partition, offset)

    def place(self) -> Place:
        """How far the feed is: what is behind that is rung about."""
        position = self._feed.position()
        return {partition: position.at(topics.ASSIGNMENTS, partition) for partition in range(position.partitions)}


def _discard(where: dict, key: object, watch: Watch) -> None:  # type: ignore[type-arg]
    watches = where.get(key)
    if watches is not None:
        watches.discard(watch)
        if not watches:
            del where[key]
