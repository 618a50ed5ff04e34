"""Follows the output topics into the database, from where it was left. What is read and how far go down in one transaction.

A process that ends between two rounds, or a database that goes away in one, costs nothing but reading the same again.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from tidegate.adapters.history.database import Database
from tidegate.adapters.history.documents import FOLLOWED
from tidegate.adapters.history.migrate import migrate
from tidegate.adapters.history.waiting import letters_waiting
from tidegate.adapters.history.writer import FactWriter, Place, Stretch
from tidegate.contracts import topics
from tidegate.errors import DependencyError, HistoryBusyError, HistoryFullError, HistoryUnavailableError
from tidegate.ports import LettersWaiting, Log

MAX_RECORDS: Final = 500
"""Records of one partition in one read: some milliseconds of decoding, then other tasks have their turn."""

MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes per read; one larger record still comes, alone."""

IDLE_SECONDS: Final = 1.0
"""Seconds. The log wakes us when something is committed; this bounds the wait should a wake-up be lost."""

SETTLE_SECONDS: Final = 0.05
"""Seconds between two rounds when there was nothing left: every append wakes us, and a round over all topics and partitions
per append would cost more than the appends."""

TRY_AGAIN_SECONDS: Final = 1.0
"""Seconds before a database or log that failed is tried again."""

COUNT_SECONDS: Final = 15.0
"""Seconds between two counts of the dead letters that wait: as often as Prometheus usually asks."""

_log = structlog.get_logger(__name__)


class Follower:
    """One process's reader of the topics; `waiting` are the dead letters nobody replayed, as last counted."""

    def __init__(self, log: Log, database: Database) -> None:
        self._log = log
        self._database = database
        self._writer = FactWriter(database)
        self._offsets: dict[Place, int] | None = None
        self._migrated = False
        self._waiting = LettersWaiting()
        self.skipped = 0

    def waiting(self) -> LettersWaiting:
        """Dead letters that the log keeps and nobody replayed. Never blocks."""
        return self._waiting

    async def prepare(self) -> None:
        """Migrate the database if it can be reached; otherwise `run` does so later.

        Raises:
            HistoryError: it is newer, damaged or somebody else's: waiting would not help.
        """
        try:
            await self._migrate()
        except (HistoryUnavailableError, HistoryBusyError, HistoryFullError) as error:
            _log.warning("history_waits", error=str(error))

    async def run(self) -> None:
        """Follow the log until cancelled. What cannot be read or written is tried again; REST shows `as_of` meanwhile."""
        counted = float("-inf")
        loop = asyncio.get_running_loop()
        while True:
            try:
                moved = await self.catch_up()
                if loop.time() - counted >= COUNT_SECONDS:
                    await self.count()
                    counted = loop.time()
            except DependencyError as error:
                _log.warning("history_waits", error=str(error))
                self._offsets = None
                await asyncio.sleep(TRY_AGAIN_SECONDS)
                continue
            if moved == 0:
                await self._log.wait(IDLE_SECONDS)
                await asyncio.sleep(SETTLE_SECONDS)

    async def catch_up(self) -> int:
        """Read one stretch of every topic and partition and write them; returns how many records that were (0: no more).

        Raises:
            HistoryError: the database; what was read is read again.
            DependencyError: the log.
        """
        await self._migrate()
        if self._offsets is None:
            self._offsets = await self._writer.offsets()
        stretches = [stretch for topic in FOLLOWED for stretch in await self._stretches(topic)]
        if not stretches:
            return 0
        written = await self._writer.write(stretches)
        self._offsets.update(written.offsets)
        self.skipped += written.skipped
        return sum(len(each.records) for each in stretches)

    async def count(self) -> None:
        """Count the dead letters that wait anew."""
        starts = [await self._log.start_offset(topics.DEADLETTER, each) for each in range(self._log.partitions)]
        self._waiting = await letters_waiting(self._database, starts)

    async def _stretches(self, topic: str) -> Sequence[Stretch]:
        found = [await self._stretch(topic, partition) for partition in range(self._log.partitions)]
        return [stretch for stretch in found if stretch is not None]

    async def _stretch(self, topic: str, partition: int) -> Stretch | None:
        assert self._offsets is not None  # noqa: S101 - `catch_up` read them
        start = await self._log.start_offset(topic, partition)
        offset = max(self._offsets.get((topic, partition), 0), start)
        records = await self._log.read(topic, partition, offset, max_records=MAX_RECORDS, max_bytes=MAX_BYTES)
        await asyncio.sleep(0)
        return Stretch(topic, partition, records, records[-1].offset + 1) if records else None

    async def _migrate(self) -> None:
        if not self._migrated:
            await migrate(self._database)
            self._migrated = True
