"""Requests to whichever broker leads a partition or coordinates the group, tried again while that changes.

aiokafka's consumer follows partitions; the log's port reads anywhere at any time and must know whether there was nothing.
So reads here are single fetches over aiokafka's client and its own decoding of records (docs/decisions/0010).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Self, TypeVar

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import KafkaConnectionError, KafkaError, LeaderNotAvailableError, NoError, for_code
from aiokafka.protocol.admin import DeleteRecordsRequest
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest

from tidegate.adapters.kafka.connection import KafkaConnection, translated
from tidegate.adapters.kafka.refusal import connecting

T = TypeVar("T")

READ_COMMITTED: Final = 1
"""Isolation level: up to the first open transaction, and nothing of aborted ones."""

EARLIEST: Final = -2
"""Asks for the offset of the oldest record kept."""

LATEST: Final = -1
"""Asks, read-committed, for the last stable offset: where the first open transaction starts, or else the end."""

_BACKOFF_SECONDS: Final = 0.05


class Cluster:
    """One connection to each broker needed, for short questions; a question that waits (long poll) needs its own."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._client = AIOKafkaClient(**connection.client_settings())

    @classmethod
    async def open(cls, connection: KafkaConnection, topics: Sequence[str]) -> Self:
        """Connect, and learn who leads `topics` (as they are called on the cluster).

        Raises:
            DependencyError: no broker answers.
            ConfigurationError: the addresses cannot be understood, or a broker and we refuse each other.
        """
        async with connecting(connection, "connect"):
            cluster = cls(connection)
            try:
                async with asyncio.timeout(connection.request_seconds):
                    await cluster._client.bootstrap()
                    if not await cluster._client.set_topics(topics):
                        raise KafkaConnectionError("the broker went away before it told of the topics")
            except BaseException:
                await cluster.close()
                raise
        return cluster

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def partitions(self, topic: str) -> int:
        """How many partitions `topic` has; 0 when there is no such topic."""
        return len(self._client.cluster.partitions_for_topic(topic) or ())

    def leader(self, topic: str, partition: int) -> int | None:
        """The broker that leads the partition; None while nobody does."""
        leader = self._client.cluster.leader_for_partition(TopicPartition(topic, partition))
        return None if leader in (None, -1) else int(leader)

    async def refresh(self) -> None:
        """Learn anew who leads what."""
        with translated(self._connection, "learn who leads the partitions"):
            await self._client.force_metadata_update()

    async def offset(self, topic: str, partition: int, which: int) -> int:
        """The `EARLIEST` or `LATEST` offset."""
        request = OffsetRequest(-1, READ_COMMITTED, [(topic, [(partition, which)])])
        answer = await self._ask_leader(topic, partition, request, _only_partition, "ask for an offset")
        return int(answer[3])

    async def fetch(self, topic: str, partition: int, offset: int, max_bytes: int) -> tuple[Any, ...]:
        """One fetch that does not wait: partition, error code, high watermark, last stable offset, ..., records.

        The error code may say "out of range"; it has to be told apart from others by the caller, who knows the offset.
        """
        request = FetchRequest(0, 0, max_bytes, READ_COMMITTED, [(topic, [(partition, offset, max_bytes)])], rack_id="")
        return await self._ask_leader(topic, partition, request, _fetched, "read")

    async def poll(self, node: int, topics: list[tuple[str, list[tuple[int, int, int]]]], wait_ms: int) -> Any:
        """One fetch over many partitions of one broker that waits up to `wait_ms` for something to read in any of them."""
        with translated(self._connection, "wait for records"):
            return await self._client.send(node, FetchRequest(wait_ms, 1, 1, READ_COMMITTED, topics, rack_id=""))

    async def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """Forget the records before `offset`."""
        timeout_ms = int(self._connection.request_seconds * 1000)
        request = DeleteRecordsRequest([(topic, [(partition, offset)])], timeout_ms)
        await self._ask_leader(topic, partition, request, _deleted, "trim")

    async def committed(self) -> dict[tuple[str, int], int]:
        """The group's committed offsets, by topic and partition."""

        async def ask() -> dict[tuple[str, int], int]:
            node = await self._client.coordinator_lookup(CoordinationType.GROUP, self._connection.group)
            return _committed(await self._client.send(node, OffsetFetchRequest(self._connection.group, None)))

        return await self._again(ask, "read committed positions")

    async def _ask_leader(self, topic: str, partition: int, request: Any, read: Callable[[Any], T], doing: str) -> T:
        async def ask() -> T:
            leader = self.leader(topic, partition)
            if leader is None:
                raise LeaderNotAvailableError(f"{topic}/{partition}")
            return read(await self._client.send(leader, request))

        return await self._again(ask, f"{doing} {topic}/{partition}")

    async def _again(self, ask: Callable[[], Awaitable[T]], doing: str) -> T:
        with translated(self._connection, doing):
            async with asyncio.timeout(self._connection.request_seconds):
                while True:
                    try:
                        return await ask()
                    except KafkaError as error:
                        if not error.retriable:
                            raise
                        if error.invalid_metadata:
                            await self._client.force_metadata_update()
                    await asyncio.sleep(_BACKOFF_SECONDS)


def _check(code: int) -> None:
    error = for_code(code)
    if error is not NoError:
        raise error()


def _only_partition(response: Any) -> tuple[Any, ...]:
    ((_, (answer,)),) = response.topics
    _check(answer[1])
    return tuple(answer)


def _fetched(response: Any) -> tuple[Any, ...]:
    ((_, (answer,)),) = response.topics
    error = for_code(answer[1])
    if error is not NoError and error.retriable:
        raise error()
    return tuple(answer)


def _deleted(response: Any) -> None:
    ((_, (answer, *_), *_),) = response.topics
    _check(answer[2])


def _committed(response: Any) -> dict[tuple[str, int], int]:
    _check(response.error_code)
    found = {}
    for topic, partitions in response.topics:
        for partition, offset, _, code in partitions:
            _check(code)
            if offset >= 0:
                found[topic, partition] = int(offset)
    return found
