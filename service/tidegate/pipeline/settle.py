"""What became of a commit that failed: did it go through after all, or did another process take the partition over?

The journal is asked twice. Before taking over, for if another process has committed since, fencing that one would stop two
instead of one; and after, because only then can nothing that was under way still appear.
"""

from typing import Final

from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.journal import JournalRecord
from tidegate.errors import OwnerReplacedError
from tidegate.ports import Commit, Log, Record

_PAGE_RECORDS: Final = 500
_PAGE_BYTES: Final = 1024 * 1024


async def has_gone_through(log: Log, commit: Commit, sequence: int) -> bool:
    """Take the partition over again and say whether `commit`, with the journal's record `sequence`, is part of the log.

    Raises:
        OwnerReplacedError: another process has committed a batch since.
        DependencyError: the log cannot be asked now.
    """
    await _is_journaled(log, commit, sequence)
    await log.take_over(commit.partition)
    return await _is_journaled(log, commit, sequence)


async def _is_journaled(log: Log, commit: Commit, sequence: int) -> bool:
    ours = next(record.value for record in commit.outputs if record.topic == topics.JOURNAL)
    last = await last_record(log, topics.JOURNAL, commit.partition)
    if last is not None and last.value == ours:
        return True
    found = -1 if last is None else decode(last.value or b"", JournalRecord).sequence
    if found < sequence:
        return False
    raise OwnerReplacedError(
        f"partition {commit.partition}: the journal has another batch {found}, ours is {sequence}",
        advice="nothing to do: it is restored once the group says that it is this process's",
    )


async def last_record(log: Log, topic: str, partition: int) -> Record | None:
    """The last record of a partition, or None. Looks back further and further: offsets before the end need not be records'."""
    start, end = await log.start_offset(topic, partition), await log.end_offset(topic, partition)
    back = 1
    while end > start:
        last = await _last_from(log, topic, partition, max(start, end - back))
        if last is not None or end - back <= start:
            return last
        back *= 4
    return None


async def _last_from(log: Log, topic: str, partition: int, offset: int) -> Record | None:
    last = None
    while page := await log.read(topic, partition, offset, max_records=_PAGE_RECORDS, max_bytes=_PAGE_BYTES):
        last = page[-1]
        offset = last.offset + 1
    return last
