"""A log in memory that can crash, pause, fail and end on request; the same promises as the real ones while the process lives."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from tidegate.adapters.bell import Bell
from tidegate.adapters.memory.clock import ManualClock
from tidegate.contracts.topics import COMPACTED
from tidegate.errors import ConfigurationError, DependencyError
from tidegate.ports import Clock, Commit, Outgoing, Record

Writing = Literal["append", "commit"]


@dataclass(frozen=True, slots=True)
class Failure:
    """The `countdown`-th `writing` from now raises `error`; `written` says whether it takes effect first.

    A write that took effect and still raised is what a broker's time-out looks like: the caller cannot know.
    """

    writing: Writing
    countdown: int
    error: Exception
    written: bool


class MemoryLog:
    """`ports.Log` in memory. `crash`, `restart`, `pause`, `resume`, `end` and `fail` do what their names say."""

    def __init__(self, partitions: int = 1, *, clock: Clock | None = None, compacted: Collection[str] = COMPACTED) -> None:
        self._partitions = partitions
        self._clock = clock or ManualClock()
        self._compacted = frozenset(compacted)
        self._records: dict[tuple[str, int], dict[int, Record]] = {}
        self._starts: dict[tuple[str, int], int] = {}
        self._ends: dict[tuple[str, int], int] = {}
        self._positions: dict[int, dict[str, int]] = {}
        self._failures: list[Failure] = []
        self._bell = Bell()
        self._running = asyncio.Event()
        self._running.set()
        self._down = ""
        self.ended = False

    @property
    def partitions(self) -> int:
        """The partition count shared by all topics."""
        return self._partitions

    def fail(self, writing: Writing, error: Exception, *, after: int = 0, written: bool = False) -> None:
        """Let the `writing` after the next `after` ones raise `error`, once; it takes effect first when `written`."""
        self._failures.append(Failure(writing, after, error, written))

    def crash(self) -> None:
        """Lose whatever is under way; every call raises until `restart`. What was committed stays."""
        self._down = "the log crashed"
        self._running.set()
        self._bell.ring()

    def restart(self) -> None:
        """Come back after `crash` or `close` with what was committed, and with no failure pending."""
        self._down = ""
        self._failures.clear()

    def pause(self) -> None:
        """Hold all reads and writes until `resume`, as a stalled disk does."""
        self._running.clear()

    def resume(self) -> None:
        """Let held calls go on."""
        self._running.set()

    def end(self) -> None:
        """Say that nothing more will come: `ended` is True and `wait` never waits again, so that a loop can run out."""
        self.ended = True
        self._bell.ring()

    async def append(self, records: Sequence[Outgoing]) -> list[int]:
        """Write `records` together and return their offsets."""
        self._check([record.partition for record in records])
        await self._ready()
        failure = self._due("append")
        if failure is not None and not failure.written:
            raise failure.error
        offsets = self._store(records)
        if failure is not None:
            raise failure.error
        return offsets

    async def take_over(self, partition: int) -> None:
        """Nothing to do: there is one process, and a failed commit left nothing under way."""
        self._check([partition])
        await self._ready()

    async def release(self, partition: int) -> None:
        """Nothing to let go of."""

    async def commit(self, commit: Commit) -> None:
        """Write outputs and positions together."""
        self._check([commit.partition, *(record.partition for record in commit.outputs)])
        await self._ready()
        failure = self._due("commit")
        if failure is None or failure.written:
            self._positions.setdefault(commit.partition, {}).update(commit.positions)
            self._store(commit.outputs)
        if failure is not None:
            raise failure.error

    async def complete(self, partition: int, outputs: Sequence[Outgoing]) -> None:
        """Nothing to do: a commit is written whole."""

    async def read(self, topic: str, partition: int, offset: int, *, max_records: int, max_bytes: int) -> Sequence[Record]:
        """Committed records from `offset` on; `max_bytes` counts keys and values."""
        self._check([partition])
        await self._ready()
        name = (topic, partition)
        kept = self._records.get(name, {})
        wanted = range(max(offset, self._starts.get(name, 0)), self._ends.get(name, 0))
        found: list[Record] = []
        size = 0
        for record in islice((kept[at] for at in wanted if at in kept), max(max_records, 1)):
            size += len(record.key or b"") + len(record.value or b"")
            if found and size > max_bytes:
                break
            found.append(record)
        return found

    async def start_offset(self, topic: str, partition: int) -> int:
        """Offset of the oldest record kept (the end offset when none is)."""
        self._check([partition])
        await self._ready()
        return self._starts.get((topic, partition), 0)

    async def end_offset(self, topic: str, partition: int) -> int:
        """Offset the next record will get."""
        self._check([partition])
        await self._ready()
        return self._ends.get((topic, partition), 0)

    async def wait(self, timeout_seconds: float) -> None:
        """Return when something was written since this task's last `wait`, or after the timeout."""
        self._check_up()
        if not self.ended:
            await self._bell.wait(timeout_seconds)
        self._check_up()

    async def positions(self, partition: int) -> dict[str, int]:
        """Committed next offsets, by input topic."""
        self._check([partition])
        await self._ready()
        return dict(self._positions.get(partition, {}))

    def held_seconds(self, topic: str, partition: int) -> float:
        """0: there are no transactions but commits, which hold nobody up."""
        self._check([partition])
        return 0.0

    async def trim(self, topic: str, partition: int, before_offset: int) -> None:
        """Forget records before `before_offset`."""
        self._check([partition])
        await self._ready()
        name = (topic, partition)
        start = min(max(before_offset, self._starts.get(name, 0)), self._ends.get(name, 0))
        self._starts[name] = start
        self._records[name] = {at: record for at, record in self._records.get(name, {}).items() if at >= start}

    async def compact(self) -> None:
        """Forget all records of compacted topics but the last of each key; happens only on request."""
        await self._ready()
        for name, kept in self._records.items():
            if name[0] in self._compacted:
                last = {record.key: at for at, record in kept.items()}
                self._records[name] = {at: record for at, record in kept.items() if record.key is None or last[record.key] == at}

    async def close(self) -> None:
        """Refuse further calls. Idempotent; `restart` opens again, as reopening a file would."""
        self._down = self._down or "the log is closed"
        self._running.set()
        self._bell.ring()

    def _store(self, records: Sequence[Outgoing]) -> list[int]:
        offsets: list[int] = []
        for record in records:
            name = (record.topic, record.partition)
            offset = self._ends.get(name, 0)
            self._ends[name] = offset + 1
            kept = self._records.setdefault(name, {})
            kept[offset] = Record(*name, offset, record.key, record.value, record.headers, self._clock.now_ms())
            offsets.append(offset)
        self._bell.ring()
        return offsets

    def _due(self, writing: Writing) -> Failure | None:
        waiting, due = [], None
        for failure in self._failures:
            if failure.writing != writing:
                waiting.append(failure)
            elif failure.countdown == 0 and due is None:
                due = failure
            else:
                waiting.append(Failure(writing, max(failure.countdown - 1, 0), failure.error, failure.written))
        self._failures = waiting
        return due

    async def _ready(self) -> None:
        self._check_up()
        await self._running.wait()
        self._check_up()

    def _check_up(self) -> None:
        if self._down:
            raise DependencyError(self._down, advice="open it again")

    def _check(self, partitions: Collection[int]) -> None:
        for partition in partitions:
            if not 0 <= partition < self._partitions:
                raise ConfigurationError(f"partition {partition} does not exist, the log has {self._partitions} (counted from 0)")
