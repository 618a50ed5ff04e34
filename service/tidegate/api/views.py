"""The read model in memory: follows the output topics from the oldest record kept. Changes nothing on the log.

Does not outlive the process and does not reach back beyond what the log keeps; a history in SQL can take its place behind
the same port (`ports.Views`).
"""

import asyncio
from typing import Final

import structlog

from tidegate.api.facts import FactLimits, Facts
from tidegate.contracts import topics
from tidegate.errors import DependencyError, InputError
from tidegate.ports import Log, Record

MAX_RECORDS: Final = 200
"""Records per read: a few milliseconds of decoding, then other tasks have their turn."""

MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes per read; one larger record still comes, alone."""

IDLE_SECONDS: Final = 1.0
"""Seconds. The log wakes us when something is committed; this bounds the wait should a wake-up be lost."""

SETTLE_SECONDS: Final = 0.05
"""Seconds between two rounds when there was nothing left: every append wakes us, and a round over all topics and partitions
per append would cost more than the appends."""

_log = structlog.get_logger()


class Projection(Facts):
    """Facts that keep themselves up to date; implements `ports.Views`. A restart reads everything kept again."""

    def __init__(self, log: Log, limits: FactLimits | None = None) -> None:
        super().__init__(log.partitions, limits)
        self._log = log
        self.skipped = 0

    async def run(self) -> None:
        """Follow the log until cancelled. A log that cannot be read is tried again; REST shows `as_of` meanwhile."""
        while True:
            try:
                moved = await self.catch_up()
            except DependencyError as error:
                _log.warning("projection_waits", error=str(error))
                moved = 0
            if moved == 0:
                await self._log.wait(IDLE_SECONDS)
                await asyncio.sleep(SETTLE_SECONDS)

    async def catch_up(self) -> int:
        """Read one stretch of every topic and partition; returns how many records that were (0: there is no more)."""
        moved = 0
        for topic in self.handlers:
            for partition in range(self._log.partitions):
                moved += await self._read(topic, partition)
        return moved

    async def _read(self, topic: str, partition: int) -> int:
        start = await self._log.start_offset(topic, partition)
        if topic == topics.DEADLETTER:
            self.letters.forget(partition, before=start)
        offset = max(self.next_offset(topic, partition), start)
        records = await self._log.read(topic, partition, offset, max_records=MAX_RECORDS, max_bytes=MAX_BYTES)
        for record in records:
            self._take(record)
        await asyncio.sleep(0)
        return len(records)

    def _take(self, record: Record) -> None:
        try:
            self.apply(record)
        except InputError as error:
            self.skipped += 1
            _log.error(
                "fact_not_understood", topic=record.topic, partition=record.partition, offset=record.offset, error=str(error)
            )
            return
