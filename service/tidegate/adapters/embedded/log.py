"""`ports.Log` over one SQLite file (WAL, synchronous=FULL): what was returned as written survives a power cut.

Order of a commit: 1. outputs and positions enter one transaction, perhaps with those of other callers; 2. the
write-ahead log is synced; 3. readers and waiters see it; 4. the caller returns; 5. replaced records of compacted topics
are forgotten, a few at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final, TypeVar

from tidegate.adapters.bell import Bell
from tidegate.adapters.clock import SystemClock
from tidegate.adapters.embedded.compaction import keep_compact, trim_step
from tidegate.adapters.embedded.lockfile import LockFile
from tidegate.adapters.embedded.store import Store, Stream
from tidegate.adapters.embedded.worker import StoreThread
from tidegate.contracts.topics import COMPACTED
from tidegate.errors import ConfigurationError, DependencyError
from tidegate.ports import Clock, Commit, Outgoing, Record

T = TypeVar("T")

STEP_RECORDS: Final = 2000
"""Records per step of trimming or compaction: a few milliseconds, so that no commit waits noticeably behind one."""


class EmbeddedLog:
    """An open embedded log; make one with `EmbeddedLog.open`, use it from one event loop."""

    def __init__(self, partitions: int, clock: Clock, lock: LockFile, compacted: Collection[str]) -> None:
        self._partitions = partitions
        self._clock = clock
        self._lock = lock
        self._bell = Bell()
        self._thread = StoreThread(lambda store: keep_compact(store, compacted, STEP_RECORDS), self._bell.ring)
        self._closed = False

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        partitions: int = 1,
        clock: Clock | None = None,
        compacted: Collection[str] = COMPACTED,
        max_bytes: int | None = None,
    ) -> EmbeddedLog:
        """Open the log at `path`, creating file and folder when they are not there, and keep every other process out.

        The partition count is fixed when the file is made. `compacted` are the topics of which only the last record of
        each key is kept. `max_bytes` bounds the file; null means the disk does.

        Raises:
            LogInUseError: another process has it open; says which.
            ConfigurationError: the file has another partition count, or `partitions` is below 1.
            StateLostError: the file is damaged.
            DependencyError: the folder cannot be written, or the file is of another program or layout version.
        """
        if partitions < 1:
            raise ConfigurationError(f"a log has at least 1 partition, configured are {partitions}")
        _make_folder(path.parent)
        log = cls(partitions, clock or SystemClock(), LockFile(path.with_name(path.name + ".lock")), frozenset(compacted))
        try:
            await log._thread.start(lambda: Store(path, partitions, max_bytes))
        except BaseException:
            await log.close()
            raise
        return log

    @property
    def partitions(self) -> int:
        """The partition count shared by all topics."""
        return self._partitions

    async def append(self, records: Sequence[Outgoing]) -> list[int]:
        """Write `records` together, sharing an fsync with concurrent callers; return their offsets once durable.

        Raises:
            LogFullError: no space; nothing was written.
            DependencyError: the log is closed, or the disk failed.
        """
        self._check(records)
        return await self._write(lambda store: store.append(records, self._clock.now_ms()))

    async def take_over(self, partition: int) -> None:
        """Nothing to do: whoever has the file open is the only owner, and a failed commit left nothing under way."""
        self._check_partition(partition)
        self._check_open()

    async def release(self, partition: int) -> None:
        """Nothing to let go of: the file stays open."""

    async def commit(self, commit: Commit) -> None:
        """Write outputs and positions together; after an error neither is there.

        Raises:
            LogFullError: no space; nothing was written.
            DependencyError: the log is closed, or the disk failed.
        """
        self._check(commit.outputs)
        self._check_partition(commit.partition)

        def step(store: Store) -> None:
            store.append(commit.outputs, self._clock.now_ms())
            store.set_positions(commit.partition, commit.positions)

        await self._write(step)

    async def complete(self, partition: int, outputs: Sequence[Outgoing]) -> None:
        """Nothing to do: a commit is written whole."""

    async def read(self, topic: str, partition: int, offset: int, *, max_records: int, max_bytes: int) -> Sequence[Record]:
        """Committed records from `offset` on; `max_bytes` counts keys and values.

        Raises:
            StateLostError: the file is damaged.
            DependencyError: the log is closed, or the disk failed.
        """
        self._check_partition(partition)
        return await self._read(lambda store: store.read(topic, partition, offset, max_records, max_bytes))

    async def start_offset(self, topic: str, partition: int) -> int:
        """Offset of the oldest record kept (the end offset when none is)."""
        return (await self._stream(topic, partition)).start_offset

    async def end_offset(self, topic: str, partition: int) -> int:
        """Offset the next record will get."""
        return (await self._stream(topic, partition)).end_offset

    async def wait(self, timeout_seconds: float) -> None:
        """Return when something was written since this task's last `wait`, or after the timeout.

        Raises:
            DependencyError: the log is closed, or was closed meanwhile.
        """
        self._check_open()
        await self._bell.wait(timeout_seconds)
        self._check_open()

    async def positions(self, partition: int) -> dict[str, int]:
        """Committed next offsets, by input topic."""
        self._check_partition(partition)
        return await self._read(lambda store: store.positions(partition))

    def held_seconds(self, topic: str, partition: int) -> float:
        """0: there are no transactions but commits, which hold nobody up."""
        self._check_partition(partition)
        return 0.0

    async def trim(self, topic: str, partition: int, before_offset: int) -> None:
        """Forget records before `before_offset`, a step at a time; other writers get their turn in between."""
        self._check_partition(partition)
        while await self._write(lambda store: trim_step(store, topic, partition, before_offset, STEP_RECORDS)) == STEP_RECORDS:
            pass

    async def used_bytes(self) -> int:
        """Bytes of the file in use; space freed by trimming is reused before the file grows."""
        return await self._read(Store.used_bytes)

    async def close(self) -> None:
        """Finish what waits, fold the write-ahead log into the file, let the next process in. Idempotent."""
        self._closed = True
        await self._thread.stop()
        self._lock.release()
        self._bell.ring()

    async def _stream(self, topic: str, partition: int) -> Stream:
        self._check_partition(partition)
        return await self._read(lambda store: store.stream(topic, partition) or Stream(0))

    async def _read(self, step: Callable[[Store], T]) -> T:
        self._check_open()
        return await self._thread.run(step, writes=False)

    async def _write(self, step: Callable[[Store], T]) -> T:
        self._check_open()
        return await self._thread.run(step, writes=True)

    def _check(self, records: Sequence[Outgoing]) -> None:
        for partition in {record.partition for record in records}:
            self._check_partition(partition)

    def _check_partition(self, partition: int) -> None:
        if not 0 <= partition < self._partitions:
            raise ConfigurationError(f"partition {partition} does not exist, the log has {self._partitions} (counted from 0)")

    def _check_open(self) -> None:
        if self._closed:
            raise DependencyError("the log is closed", advice="open it again")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DependencyError(f"cannot make folder {folder}: {error.strerror}", advice="check path and rights") from error
