"""What is on the topics after a run, read without the service's own reader: records, producers, transactions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.record.memory_records import MemoryRecords

from tidegate.adapters.kafka import KafkaConnection
from tidegate.adapters.kafka.cluster import Cluster
from tidegate.contracts.topics import CLEANUP

_FETCH_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """A committed record; `topic` is the plain name."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True, order=True)
class Producer:
    """Who wrote a record batch: the broker raises `epoch` with every take-over."""

    id: int
    epoch: int


async def all_records(connection: KafkaConnection, partitions: int) -> dict[tuple[str, int], list[Found]]:
    """Every committed record of every topic of ours, by plain topic and partition, as a stranger's consumer reads them."""
    async with AIOKafkaConsumer(
        bootstrap_servers=connection.bootstrap_servers, isolation_level="read_committed", auto_offset_reset="earliest"
    ) as consumer:
        return {
            (topic, partition): await _records(consumer, connection, topic, partition)
            for topic in CLEANUP
            for partition in range(partitions)
        }


async def producers(connection: KafkaConnection, topic: str, partition: int) -> list[Producer]:
    """Who wrote the record batches of a partition, in their order, aborted ones and the broker's markers included."""
    cluster = await Cluster.open(connection, [connection.topic(topic)])
    try:
        wrote: list[Producer] = []
        offset = await cluster.offset(connection.topic(topic), partition, -2)
        while batches := list(_batches(await cluster.fetch(connection.topic(topic), partition, offset, _FETCH_BYTES))):
            wrote += [Producer(batch.producer_id, batch.producer_epoch) for batch in batches if batch.next_offset > offset]
            offset = batches[-1].next_offset
        return wrote
    finally:
        await cluster.close()


async def open_transactions(connection: KafkaConnection, topics: Sequence[str], partitions: int) -> list[str]:
    """The partitions of `topics` (plain names) in which a transaction is open: readers stop before their end."""
    cluster = await Cluster.open(connection, [connection.topic(topic) for topic in topics])
    try:
        found = []
        for topic in topics:
            for partition in range(partitions):
                start = await cluster.offset(connection.topic(topic), partition, -2)
                answer = await cluster.fetch(connection.topic(topic), partition, start, 1)
                if answer[3] < answer[2]:
                    found.append(f"{topic}/{partition}: stable to {answer[3]}, written to {answer[2]}")
        return found
    finally:
        await cluster.close()


async def _records(consumer: AIOKafkaConsumer, connection: KafkaConnection, topic: str, partition: int) -> list[Found]:
    place = TopicPartition(connection.topic(topic), partition)
    consumer.assign([place])
    await consumer.seek_to_beginning(place)
    end = (await consumer.end_offsets([place]))[place]
    found: list[Found] = []
    while await consumer.position(place) < end:
        for raw in (await consumer.getmany(place, timeout_ms=200)).get(place, ()):
            found.append(Found(topic, partition, raw.offset, raw.key, raw.value or b"", tuple(raw.headers)))
    return found


def _batches(answer: Sequence[object]) -> "Iterable[_Batch]":
    records = MemoryRecords(answer[-1])
    while (batch := records.next_batch()) is not None:
        yield batch


class _Batch:
    """What we look at of aiokafka's record batches."""

    producer_id: int
    producer_epoch: int
    next_offset: int
