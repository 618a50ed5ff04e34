"""What is committed while the run goes on: each journal record as soon as a read-committed reader sees it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from tidegate.contracts.codec import decode
from tidegate.contracts.journal import JournalRecord


class StandstillError(RuntimeError):
    """Something did not happen for so long that nobody should wait for it."""


@dataclass(frozen=True, slots=True)
class Committed:
    """A journal record: when the broker took it (Unix milliseconds), and where the batch's inputs end."""

    stamp_ms: int
    ends: dict[str, int]


class JournalWatch:
    """Follows one journal topic, all partitions, over a broker's own listener: what disturbs the workers spares it."""

    def __init__(self, consumer: AIOKafkaConsumer, partitions: int) -> None:
        self.commits: dict[int, list[Committed]] = {partition: [] for partition in range(partitions)}
        self.positions: dict[int, dict[str, int]] = defaultdict(dict)
        self._consumer = consumer
        self._news = asyncio.Condition()
        self._task = asyncio.create_task(self._run(), name="journal-watch")

    @classmethod
    async def open(cls, servers: str, topic: str, partitions: int) -> Self:
        """Follow `topic` from its beginning."""
        consumer = AIOKafkaConsumer(bootstrap_servers=servers, isolation_level="read_committed", retry_backoff_ms=200)
        await consumer.start()
        assigned = [TopicPartition(topic, partition) for partition in range(partitions)]
        consumer.assign(assigned)
        await consumer.seek_to_beginning(*assigned)
        return cls(consumer, partitions)

    async def close(self) -> None:
        """Stop following."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._consumer.stop()

    async def until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Return when `condition` holds, which is looked at at every commit and some times a second.

        Raises:
            StandstillError: it does not hold within `seconds`; names `what`.
        """
        try:
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(condition)
        except TimeoutError:
            raise StandstillError(f"{what}: not within {seconds:.0f} s; positions {dict(self.positions)}") from None

    def first_since(self, partition: int, stamp_ms: float) -> int | None:
        """When the partition first committed at or after `stamp_ms`; None while it has not."""
        return next((each.stamp_ms for each in self.commits[partition] if each.stamp_ms >= stamp_ms), None)

    async def _run(self) -> None:
        while True:
            try:
                found = await self._consumer.getmany(timeout_ms=200)
            except KafkaError:  # the broker is being mistreated
                await asyncio.sleep(0.1)
                continue
            for place, records in found.items():
                for record in records:
                    self._take(place.partition, record.value, record.timestamp)
            async with self._news:
                self._news.notify_all()

    def _take(self, partition: int, value: bytes, stamp_ms: int) -> None:
        entry = decode(value, JournalRecord)
        self.commits[partition].append(Committed(stamp_ms, {span.topic: span.end for span in entry.inputs}))
        self.positions[partition].update(self.commits[partition][-1].ends)
