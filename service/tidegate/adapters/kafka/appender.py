"""Appends what has no transaction: readings and commands from the door, plans from the planner."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

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
            producer = self._producer
            try:
                async with asyncio.timeout(self._connection.request_seconds):
                    async with self._turn:  # nobody else's records come between ours
                        producer = self._producer = self._producer or await open_producer(self._connection)
                        futures = await enqueue(producer, self._connection, records)
                    return await delivered(futures)
            except (KafkaError, TimeoutError):
                await self._abandon(producer)
                raise

    async def close(self) -> None:
        """Deliver what is under way and close."""
        async with self._turn:
            producer, self._producer = self._producer, None
            if producer is not None:
                await discard(producer)

    async def _abandon(self, producer: AIOKafkaProducer | None) -> None:
        """Drop what `producer` still holds: it would deliver it at some later time, after its callers were told otherwise."""
        if producer is not None and producer is self._producer:
            self._producer = None
            await discard(producer)
