"""What became of a commit that failed: did it go through after all, or did another process take the partition over?

The journal is asked twice. Before taking over, for if another process has committed since, fencing that one would stop two
instead of one; and after, because only then can nothing that was under way still appear.
"""

from tidegate.adapters.tail import last_record
from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.journal import JournalRecord
from tidegate.errors import OwnerReplacedError
from tidegate.ports import Commit, Log


async def has_gone_through(log: Log, commit: Commit, sequence: int) -> bool:
    """Take the partition over again and say whether `commit`, with the journal's record `sequence`, is part of the log.

    If it is, all of it is: a log that writes the journal's record first is made to write the rest.

    Raises:
        OwnerReplacedError: another process has committed a batch since.
        DependencyError: the log cannot be asked now.
    """
    await _is_journaled(log, commit, sequence)
    await log.take_over(commit.partition)
    journaled = await _is_journaled(log, commit, sequence)
    if journaled:
        await log.complete(commit.partition, [record for record in commit.outputs if record.topic != topics.JOURNAL])
    return journaled


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
