"""Appends what has no transaction: readings and commands from the door, plans from the planner."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from tidegate.adapters.kafka.connection import KafkaConnection, translated
from tidegate.adapters.kafka.producers import delivered, discard, enqueue, open_producer
from tidegate.ports import Outgoing


class Appender:
    """One idempotent producer for all callers; their records share batches on the way."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._producer: AIOKafkaProducer | None = None
        self._turn = asyncio.Lock()

    async def append(self, records: Sequence[Outgoing]) -> list[int]:
        """Write `records`, those of one partition next to one another; return their offsets once they are durable.

        Raises:
            RecordTooLargeError: a record is larger than its topic takes.
            DependencyError: Kafka does not answer; some may have been written.
        """
        if not records:
            return []
        with translated(self._connection, "append"):
            try:
                async with asyncio.timeout(self._connection.request_seconds):
                    return await delivered(await self._enqueue(records))
            except (KafkaError, TimeoutError):
                await self._abandon()
                raise

    async def close(self) -> None:
        """Deliver what is under way and close."""
        async with self._turn:
            producer, self._producer = self._producer, None
            if producer is not None:
                await discard(producer)

    async def _enqueue(self, records: Sequence[Outgoing]) -> "list[asyncio.Future[RecordMetadata]]":
        async with self._turn:  # nobody else's records come between ours
            if self._producer is None:
                self._producer = await open_producer(self._connection)
            return await enqueue(self._producer, self._connection, records)

    async def _abandon(self) -> None:
        """Drop what the producer still holds: it would deliver it at some later time, after its callers were told otherwise."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await discard(producer)
