"""What became of a failed commit: it is found out from the journal, also when another process went on meanwhile."""

import pytest

from tidegate.adapters.memory import MemoryLog
from tidegate.adapters.tail import last_record
from tidegate.contracts import topics
from tidegate.contracts.codec import encode
from tidegate.contracts.journal import JournalRecord
from tidegate.errors import DependencyError, OwnerReplacedError
from tidegate.pipeline.settle import has_gone_through
from tidegate.ports import Commit, Outgoing


def batch(sequence: int, tick_ms: int = 0) -> Commit:
    record = JournalRecord(0, sequence, tick_ms, inputs=[], configuration_digest="", bundles={}, code_version="")
    return Commit(0, [Outgoing(topics.JOURNAL, 0, b"0", encode(record))])


@pytest.fixture
async def log() -> MemoryLog:
    log = MemoryLog()
    await log.commit(batch(0))
    return log


@pytest.mark.parametrize("written", [True, False])
async def test_a_commit_that_failed_is_found_or_not_as_it_was_written_or_not(log: MemoryLog, written: bool) -> None:
    log.fail("commit", DependencyError("no answer"), written=written)
    with pytest.raises(DependencyError):
        await log.commit(batch(1))
    assert await has_gone_through(log, batch(1), 1) is written


async def test_the_first_batch_of_all_has_not_gone_through_an_empty_journal() -> None:
    assert await has_gone_through(MemoryLog(), batch(0), 0) is False


@pytest.mark.parametrize("others", [[batch(1, tick_ms=5)], [batch(1, tick_ms=5), batch(2)]])
async def test_another_process_that_went_on_meanwhile_replaces_us(log: MemoryLog, others: list[Commit]) -> None:
    for other in others:
        await log.commit(other)
    with pytest.raises(OwnerReplacedError, match="another batch"):
        await has_gone_through(log, batch(1), 1)


async def test_the_last_record_of_a_partition_is_found_or_there_is_none(log: MemoryLog) -> None:
    assert await last_record(log, topics.ANOMALIES, 0) is None
    await log.append([Outgoing(topics.FORECASTS, 0, b"key", b"%d" % number) for number in range(40)])
    await log.append([Outgoing(topics.FORECASTS, 0, b"other", b"last")])
    await log.append([Outgoing(topics.FORECASTS, 0, b"key", None)])
    last = await last_record(log, topics.FORECASTS, 0)
    assert last is not None
    assert last.offset == 41
