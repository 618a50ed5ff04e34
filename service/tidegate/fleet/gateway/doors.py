"""How an agent reads its assignments and says its words: over REST with a long poll, or on the topics themselves.

Whatever a read returns has everything that was committed when it was called: a lease counts on it (docs/decisions/0015).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from tidegate.client import TidegateClient
from tidegate.contracts import topics
from tidegate.contracts.ack import Ack
from tidegate.contracts.codec import decode, encode
from tidegate.contracts.ids import DeviceId, GatewayId, SiteId
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.plan import Assignment
from tidegate.ports import Log, Outgoing

MAX_WORDS: Final = 1000
"""Acks in one request."""

PAUSE_SECONDS: Final = 1.0
"""Between two reads of a gateway that has more devices than fit on a page: no tag tells of a change on the later ones."""

_PAGE_RECORDS: Final = 1000
_PAGE_BYTES: Final = 4 * 1024 * 1024


class GatewayDoor(Protocol):
    """The service as a gateway's agent sees it. One call at a time of each."""

    async def assignments(self, wait_seconds: float) -> Sequence[Assignment]:
        """All that name this gateway, as they stood when this was called or later; returns sooner when they change.

        Raises:
            DependencyError: nobody answers, or what is read is not known to be fresh.
            InputError: the service refuses it.
        """
        ...

    async def say(self, words: Sequence[Ack]) -> None:
        """Send `words`; returns once they are durable. Saying them again is harmless.

        Raises:
            DependencyError: nobody answers.
            InputError: the service refuses them.
        """
        ...

    async def close(self) -> None:
        """Let go of connections. Idempotent."""
        ...


class RestGatewayDoor:
    """Over REST. The client's own timeout has to be longer than any `wait_seconds`."""

    def __init__(self, client: TidegateClient, site: SiteId, gateway: GatewayId) -> None:
        self._client = client
        self._site = site
        self._gateway = gateway
        self._seen = ""
        self._known: Sequence[Assignment] = ()

    async def assignments(self, wait_seconds: float) -> Sequence[Assignment]:
        """See `GatewayDoor.assignments`."""
        asking = self._client.assignments
        answer = await asking.when_changed(
            self._gateway, self._seen, site=self._site, wait_seconds=int(wait_seconds) if self._seen else 0, fresh=True
        )
        if answer is not None:
            page, self._seen = answer
            self._known = page.items
            if page.next_cursor is not None:
                self._seen = ""
                self._known = await asking.of_gateway(self._gateway, site=self._site, fresh=True).all()
                await asyncio.sleep(min(wait_seconds, PAUSE_SECONDS))
        return self._known

    async def say(self, words: Sequence[Ack]) -> None:
        """See `GatewayDoor.say`."""
        for start in range(0, len(words), MAX_WORDS):
            await self._client.acks.send(words[start : start + MAX_WORDS])

    async def close(self) -> None:
        """See `GatewayDoor.close`."""
        await self._client.close()


class LogGatewayDoor:
    """On the topics of a log that `open_log` opens and this closes: every assignment of the site's partition is read."""

    def __init__(self, open_log: Callable[[], Awaitable[Log]], site: SiteId, gateway: GatewayId) -> None:
        self._open_log = open_log
        self._site = site
        self._gateway = gateway
        self._log: Log | None = None
        self._offset = 0
        self._known: dict[DeviceId, Assignment] = {}

    async def assignments(self, wait_seconds: float) -> Sequence[Assignment]:
        """See `GatewayDoor.assignments`."""
        log = await self._opened()
        until, first = time.monotonic() + wait_seconds, self._offset == 0
        while not await self._follow(log) and not first and (left := until - time.monotonic()) > 0:
            await log.wait(min(left, PAUSE_SECONDS))
        return [each for each in self._known.values() if self._names(each)]

    async def say(self, words: Sequence[Ack]) -> None:
        """See `GatewayDoor.say`."""
        log = await self._opened()
        partition, key = partition_of(self._site, log.partitions), self._site.encode()
        await log.append([Outgoing(topics.ACKS, partition, key, encode(word)) for word in words])

    async def close(self) -> None:
        """See `GatewayDoor.close`."""
        if self._log is not None:
            await self._log.close()

    async def _opened(self) -> Log:
        if self._log is None:
            self._log = await self._open_log()
        return self._log

    async def _follow(self, log: Log) -> bool:
        """Read to the end; true when something of this gateway changed."""
        partition, changed = partition_of(self._site, log.partitions), False
        self._offset = max(self._offset, await log.start_offset(topics.ASSIGNMENTS, partition))
        while page := await log.read(
            topics.ASSIGNMENTS, partition, self._offset, max_records=_PAGE_RECORDS, max_bytes=_PAGE_BYTES
        ):
            for record in page:
                changed |= record.value is not None and self._take(decode(record.value, Assignment))
            self._offset = page[-1].offset + 1
        return changed

    def _take(self, assignment: Assignment) -> bool:
        """Remember `assignment` while it names this gateway; true when it does or did."""
        if assignment.site != self._site:
            return False
        before = self._known.pop(assignment.device, None)
        if self._names(assignment):
            self._known[assignment.device] = assignment
        return before is not None or self._names(assignment)

    def _names(self, assignment: Assignment) -> bool:
        coming = None if assignment.coming is None else assignment.coming.gateway
        return self._gateway in (assignment.gateway, coming)
