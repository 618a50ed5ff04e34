"""What is durable: a partitioned log with one committing owner per partition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Record:
    """One record as read from a log. `timestamp_ms` is when the log took it in."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to be written. A null `value` is a tombstone in a compacted topic."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """What one batch of one input partition leaves behind; all of it becomes visible and durable together, or nothing does.

    `positions` are the next offsets to read, by input topic.
    """

    partition: int
    outputs: Sequence[Outgoing]
    positions: Mapping[str, int] = field(default_factory=dict)


class Log(Protocol):
    """A partitioned, durable, ordered log with one committing owner per partition.

    Every topic has `partitions` partitions. Readers see only what is committed. Offsets start at 0, rise by at least 1 and
    are never reused; old ones may be gone (`start_offset`), and some may never have been a record's (a transaction's marker).
    """

    @property
    def partitions(self) -> int:
        """The partition count shared by all topics."""
        ...

    async def append(self, records: Sequence[Outgoing]) -> list[int]:
        """Write `records` together and return their offsets once they are durable.

        Not idempotent: after an error the caller may not know whether they were written, and repeats with the same ids.

        Raises:
            LogFullError: the disk is full; nothing was written.
            RecordTooLargeError: a record is larger than the log takes; nothing was written.
            DependencyError: the log cannot be reached.
        """
        ...

    async def read(self, topic: str, partition: int, offset: int, *, max_records: int, max_bytes: int) -> Sequence[Record]:
        """Return committed records from `offset` on, in order, at least one if there is one; empty at the end. Never waits."""
        ...

    async def start_offset(self, topic: str, partition: int) -> int:
        """Offset of the oldest record kept (the end offset when none is)."""
        ...

    async def end_offset(self, topic: str, partition: int) -> int:
        """Offset the next committed record will get at the earliest; offsets before it need not all be records'."""
        ...

    async def wait(self, timeout_seconds: float) -> None:
        """Return when something was appended or committed since the last call of `wait` by this task, or after the timeout."""
        ...

    async def positions(self, partition: int) -> dict[str, int]:
        """Committed next offsets of the worker, by input topic; absent means from the start. Survives a crash."""
        ...

    async def take_over(self, partition: int) -> None:
        """Become the committing owner of `partition`; call it before reading what was committed, and after a failed commit.

        What any owner before had under way, ourselves included, is visible afterwards or never will be, and another
        process that owned it can commit no more. Idempotent.

        Raises:
            DependencyError: the log cannot be reached.
        """
        ...

    async def release(self, partition: int) -> None:
        """Let go of what `take_over` opened; a commit under way is left to whoever takes over next. Idempotent, never raises."""
        ...

    async def commit(self, commit: Commit) -> None:
        """Write outputs and positions in one transaction; returns once durable, which readers see then or a moment later.

        An error means that nothing of it is visible, or that it is not known yet: after `take_over` it is. A log that
        delivers at least once writes without a transaction, the journal's record first: see `complete`.

        Raises:
            LogFullError: the disk is full.
            OwnerReplacedError: another process took the partition over; trying again would be wrong.
            RecordTooLargeError: an output is larger than the log takes; trying again would be useless.
            DependencyError: the log cannot be reached.
        """
        ...

    def held_seconds(self, topic: str, partition: int) -> float:
        """For how long an unfinished transaction of somebody else has kept records of `topic` from being read; 0 when none does.

        Never blocks: it is what the last reads met. What is held is not lost, and is no lag as long as it cannot be read.
        """
        ...

    async def complete(self, partition: int, outputs: Sequence[Outgoing]) -> None:
        """Write `outputs`, all that the journal's last batch said, if its owner may have ended before they were written.

        Called after `take_over` and before the next commit. Nothing to do where a commit is written whole or not at all.

        Raises:
            OwnerReplacedError: another process took the partition over.
            DependencyError: the log cannot be reached; `take_over` has to be called first.
        """
        ...

    async def trim(self, topic: str, partition: int, before_offset: int) -> None:
        """Forget records before `before_offset`. Idempotent; a reader below it starts at `start_offset`."""
        ...

    async def close(self) -> None:
        """Release files and sockets. Idempotent."""
        ...
