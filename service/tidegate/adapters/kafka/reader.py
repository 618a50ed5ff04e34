"""Reads committed records from any offset of any partition, and knows when there is nothing more.

Offsets have gaps: markers of transactions and records of aborted ones take offsets and are never seen.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import NoError, OffsetOutOfRangeError, for_code
from aiokafka.record.memory_records import MemoryRecords

from tidegate.adapters.kafka.cluster import EARLIEST, READ_COMMITTED, Cluster
from tidegate.adapters.kafka.connection import KafkaConnection, translated
from tidegate.ports import Record

KEPT_BYTES: Final = 32 * 1024 * 1024
"""Bytes fetched and not yet asked for that are kept, over all partitions: a broker answers with whole batches."""

_NOT_YET_SECONDS: Final = 0.01

AtEnd = Callable[[str, int, int], None]
"""Told, with topic, partition and offset, that a reader found nothing from that offset on."""


@dataclass(slots=True)
class _Fetched:
    records: list[Record]
    next_offset: int
    stable_end: int


class Reader:
    """Reads through `cluster`; `at_end` hears of each read that found nothing."""

    def __init__(self, connection: KafkaConnection, cluster: Cluster, at_end: AtEnd) -> None:
        self._connection = connection
        self._cluster = cluster
        self._at_end = at_end
        self._kept = _Kept()

    async def read(self, topic: str, partition: int, offset: int, max_records: int, max_bytes: int) -> Sequence[Record]:
        """Committed records of the plain `topic` from `offset` on, at least one if there is one.

        `max_bytes` counts keys and values.

        Raises:
            DependencyError: Kafka does not answer.
        """
        records = self._kept.take(topic, partition, offset)
        with translated(self._connection, f"read {topic}/{partition}"):
            async with asyncio.timeout(self._connection.request_seconds):
                while not records:
                    fetched = await self._fetch(topic, partition, offset, max_bytes)
                    if not fetched.records and fetched.next_offset >= fetched.stable_end:
                        self._at_end(topic, partition, fetched.next_offset)
                        return []
                    if fetched.next_offset == offset:
                        await asyncio.sleep(_NOT_YET_SECONDS)
                    records, offset = fetched.records, fetched.next_offset
        count = _within(records, max_records, max_bytes)
        self._kept.put(topic, partition, records[count:])
        return records[:count]

    async def _fetch(self, topic: str, partition: int, offset: int, max_bytes: int) -> _Fetched:
        named = self._connection.topic(topic)
        answer = await self._cluster.fetch(named, partition, offset, max_bytes)
        error = for_code(answer[1])
        if error is OffsetOutOfRangeError:
            start = await self._cluster.offset(named, partition, EARLIEST)
            return _Fetched([], start, start + 1) if offset < start else _Fetched([], offset, offset)
        if error is not NoError:
            raise error()
        return _decoded(topic, named, partition, offset, answer)


def _decoded(topic: str, named: str, partition: int, offset: int, answer: tuple[Any, ...]) -> _Fetched:
    found = PartitionRecords(
        TopicPartition(named, partition), MemoryRecords(answer[-1]), answer[5], offset, None, None, True, READ_COMMITTED
    )
    records = [
        Record(
            topic,
            partition,
            raw.offset,
            raw.key,
            raw.value,
            tuple((name, value or b"") for name, value in raw.headers),
            raw.timestamp,
        )
        for raw in found
    ]
    return _Fetched(records, found.next_fetch_offset, answer[3])


def _within(records: Sequence[Record], max_records: int, max_bytes: int) -> int:
    """How many of `records` fit; at least one."""
    size = 0
    for count, record in enumerate(records[: max(max_records, 1)]):
        size += _size(record)
        if count and size > max_bytes:
            return count
    return min(len(records), max(max_records, 1))


def _size(record: Record) -> int:
    return len(record.key or b"") + len(record.value or b"")


class _Kept:
    """What was fetched beyond what was asked for, until it is asked for or there is no more room."""

    def __init__(self) -> None:
        self._lists: OrderedDict[tuple[str, int], tuple[list[Record], int]] = OrderedDict()
        self._bytes = 0

    def take(self, topic: str, partition: int, offset: int) -> list[Record]:
        """The records from exactly `offset` on, if they are here; what is here from elsewhere is of no use and goes."""
        records, size = self._lists.pop((topic, partition), ([], 0))
        self._bytes -= size
        return records if records and records[0].offset == offset else []

    def put(self, topic: str, partition: int, records: list[Record]) -> None:
        """Keep `records`; the longest unused go when there is no room."""
        if not records:
            return
        size = sum(map(_size, records))
        self._lists[topic, partition] = (records, size)
        self._bytes += size
        while self._bytes > KEPT_BYTES:
            _, (_, freed) = self._lists.popitem(last=False)
            self._bytes -= freed
