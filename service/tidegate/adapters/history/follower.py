"""Follows the output topics into the database, from where it was left. What is read and how far go down in one transaction.

A process that ends between two rounds, or a database that goes away in one, costs nothing but reading the same again.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import structlog

from tidegate.adapters.history.database import Database
from tidegate.adapters.history.documents import FOLLOWED
from tidegate.adapters.history.migrate import migrate
from tidegate.adapters.history.waiting import letters_waiting
from tidegate.adapters.history.writer import FactWriter, Place, Stretch
from tidegate.contracts import topics
from tidegate.errors import DependencyError, HistoryBusyError, HistoryError
from tidegate.ports import HistoryLag, LettersWaiting, Log, Metrics

MAX_RECORDS: Final = 500
"""Records of one partition in one read: some milliseconds of decoding, then other tasks have their turn."""

WRITE_RECORDS: Final = 1000
"""Records that one transaction takes, or little more: SQLAlchemy prepares a statement's rows in one go, 10 ms for so many."""

MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes per read; one larger record still comes, alone."""

IDLE_SECONDS: Final = 1.0
"""Seconds. The log wakes us when something is committed; this bounds the wait should a wake-up be lost."""

SETTLE_SECONDS: Final = 0.05
"""Seconds between two rounds when there was nothing left: every append wakes us, and a round over all topics and partitions
per append would cost more than the appends."""

TRY_AGAIN_SECONDS: Final = 1.0
"""Seconds before a database or log that failed is tried again; doubled with each failure, up to `LONGEST_PAUSE_SECONDS`."""

LONGEST_PAUSE_SECONDS: Final = 15.0
"""Seconds. Whoever has mended a database does not want to wait longer to see that it helped."""

COUNT_SECONDS: Final = 15.0
"""Seconds between two counts of the dead letters that wait, and two looks at how far history was written: as often as
Prometheus usually asks."""

_log = structlog.get_logger(__name__)


class Follower:
    """One process's reader of the topics; `waiting` are the dead letters nobody replayed, as last counted."""

    def __init__(self, log: Log, database: Database, metrics: Metrics) -> None:
        self._log = log
        self._database = database
        self._metrics = metrics
        self._writer = FactWriter(database)
        self._offsets: dict[Place, int] | None = None
        self._migrated = False
        self._waiting = LettersWaiting()
        self._unread: dict[Place, int] = {}
        self._level_at = time.monotonic()
        self.skipped = 0

    def waiting(self) -> LettersWaiting:
        """Dead letters that the log keeps and nobody replayed. Never blocks."""
        return self._waiting

    def lag(self) -> HistoryLag:
        """How far history is behind the topics, by what the last round saw. Never blocks."""
        unread = sum(self._unread.values())
        late = unread > 0 or self._offsets is None
        return HistoryLag(unread, time.monotonic() - self._level_at if late else 0.0)

    async def prepare(self) -> None:
        """Migrate the database if that is possible now; otherwise `run` tries again, and questions say what is in the way.

        A database that cannot be used is no reason not to score.
        """
        try:
            await self._migrate()
        except HistoryError as error:
            self._failed(error)

    async def run(self) -> None:
        """Follow the log until cancelled. What cannot be read or written is tried again; REST shows `as_of` meanwhile."""
        counted, pause = float("-inf"), TRY_AGAIN_SECONDS
        while True:
            try:
                moved = await self.catch_up()
                if time.monotonic() - counted >= COUNT_SECONDS:
                    await self.count()
                    self._offsets = await self._writer.offsets()  # somebody may have begun to build history anew
                    counted = time.monotonic()
            except DependencyError as error:
                self._failed(error)
                await self._begin_anew(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                continue
            pause = TRY_AGAIN_SECONDS
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
            self._offsets = await self._known_offsets()
        held: list[Stretch] = []
        moved = 0
        for topic in FOLLOWED:
            for partition in range(self._log.partitions):
                stretch = await self._stretch(topic, partition)
                if stretch is not None:
                    held.append(stretch)
                    moved += len(stretch.records)
                if sum(len(each.records) for each in held) >= WRITE_RECORDS:
                    await self._write(held)
                    held = []
        if held:
            await self._write(held)
        if not any(self._unread.values()):
            self._level_at = time.monotonic()
        return moved

    async def _write(self, stretches: Sequence[Stretch]) -> None:
        started = time.perf_counter()
        written = await self._writer.write(stretches)
        self._metrics.history_written(written.records, time.perf_counter() - started)
        self._offsets = dict(written.offsets)
        for each in stretches:
            place = (each.topic, each.partition)
            left = self._unread[place] - (each.next_offset - max(each.after, each.records[0].offset))
            # Behind the last record of a transaction stands its marker, which nobody can read: one alone is no lag.
            self._unread[place] = left if left > 1 else 0
        self.skipped += written.skipped

    async def count(self) -> None:
        """Count the dead letters that wait anew."""
        starts = [await self._log.start_offset(topics.DEADLETTER, each) for each in range(self._log.partitions)]
        self._waiting = await letters_waiting(self._database, starts)

    async def _stretch(self, topic: str, partition: int) -> Stretch | None:
        assert self._offsets is not None  # noqa: S101 - `catch_up` read them
        place = (topic, partition)
        after = self._offsets.get(place, 0)
        offset = max(after, await self._log.start_offset(topic, partition))
        records = await self._log.read(topic, partition, offset, max_records=MAX_RECORDS, max_bytes=MAX_BYTES)
        await asyncio.sleep(0)
        if not records:
            self._unread.pop(place, None)
            return None
        self._unread[place] = await self._log.end_offset(topic, partition) - offset
        return Stretch(topic, partition, after, records, records[-1].offset + 1)

    async def _known_offsets(self) -> dict[Place, int]:
        """How far history was written. Beyond the log's end it is of another log, which is not there any more."""
        offsets = await self._writer.offsets()
        beyond = [place for place, offset in offsets.items() if await self._is_beyond(*place, offset)]
        if beyond:
            _log.warning("history_of_another_log", begins_again=[f"{topic}/{partition}" for topic, partition in beyond])
            await self._writer.begin_again(beyond)
        return {place: offset for place, offset in offsets.items() if place not in beyond}

    async def _is_beyond(self, topic: str, partition: int, offset: int) -> bool:
        return partition < self._log.partitions and offset > await self._log.end_offset(topic, partition)

    def _failed(self, error: DependencyError) -> None:
        self._metrics.history_failed(error.code)
        _log.warning("history_waits", code=error.code, error=str(error))

    async def _begin_anew(self, error: DependencyError) -> None:
        """After a failure nothing that was known of the database is relied on: the file may be another one by now."""
        self._offsets = None
        if isinstance(error, HistoryError) and not isinstance(error, HistoryBusyError):
            self._migrated = False
            await self._database.close()

    async def _migrate(self) -> None:
        if not self._migrated:
            await migrate(self._database)
            self._migrated = True
