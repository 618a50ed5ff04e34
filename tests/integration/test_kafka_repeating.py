"""At least once: wherever its owner ends, a batch that is in the journal is told in full, and nothing else is told at all."""

import asyncio
from collections.abc import Sequence

import pytest

from kafka_logs import fresh_connection, open_fresh
from tidegate.adapters.kafka import Delivery, KafkaConnection, KafkaLog
from tidegate.adapters.kafka.repeating import RepeatingOwner
from tidegate.adapters.memory import ManualClock
from tidegate.contracts import topics
from tidegate.contracts.codec import encode
from tidegate.contracts.journal import JournalRecord
from tidegate.core.forecaster import Forecaster
from tidegate.errors import DependencyError, OwnerReplacedError
from tidegate.pipeline.settle import has_gone_through
from tidegate.ports import Commit, Outgoing
from tidegate_training.evaluate.acceptance.rerun import digest_after_recovery, published, rerun
from worker_rig import CONFIGURATION, Rig, readings, topology, universal, with_limits

pytestmark = pytest.mark.kafka

START_MS = 1_700_000_000_000
SPIKE = 70
BEFORE_JOURNAL, BEFORE_FACTS, BEFORE_SNAPSHOT, BEFORE_POSITIONS = range(4)


class HaltingOwner(RepeatingOwner):
    """Stands still before step `halt_before` of the first commit that tells of something `telling`, until it is let go."""

    def __init__(self, connection: KafkaConnection, telling: str = topics.ANOMALIES, halt_before: int = BEFORE_FACTS) -> None:
        super().__init__(connection, 0)
        self.halted, self.go_on = asyncio.Event(), asyncio.Event()
        self.failure: Exception | None = None
        self._telling, self._halt_before = telling, halt_before
        self._left = -1

    async def commit(self, commit: Commit) -> None:
        if any(record.topic == self._telling for record in commit.outputs) and not self.halted.is_set():
            self._left = self._halt_before
        await super().commit(commit)

    async def _send(self, records: Sequence[Outgoing]) -> None:
        await self._step()
        await super()._send(records)
        if self._left == 0 and self._halt_before == BEFORE_POSITIONS:
            await self._step()

    async def _step(self) -> None:
        due, self._left = self._left == 0, self._left - 1
        if due:
            self.halted.set()
            await self.go_on.wait()
            if self.failure is not None:
                raise self.failure


@pytest.fixture
def connection(kafka: str) -> KafkaConnection:
    return fresh_connection(kafka, delivery=Delivery.AT_LEAST_ONCE)


@pytest.fixture(scope="module")
def forecasters() -> dict[str, Forecaster]:
    return universal()


def batch(sequence: int, fact: str) -> Commit:
    """A journaled batch that says `fact` and leaves a snapshot."""
    record = JournalRecord(0, sequence, START_MS, [], "digest", {}, "test")
    return Commit(
        0,
        [
            Outgoing(topics.JOURNAL, 0, b"0", encode(record)),
            Outgoing(topics.ANOMALIES, 0, b"site/device", fact.encode()),
            Outgoing(topics.SNAPSHOTS, 0, b"0/0/0", f"state after {fact}".encode()),
        ],
        {topics.TELEMETRY: sequence + 1},
    )


def unjournaled(commit: Commit) -> list[Outgoing]:
    return [record for record in commit.outputs if record.topic != topics.JOURNAL]


async def seen(log: KafkaLog, topic: str = topics.ANOMALIES) -> list[str]:
    return [(record.value or b"").decode() for record in await log.read(topic, 0, 0, max_records=1000, max_bytes=1 << 20)]


def halting(log: KafkaLog, connection: KafkaConnection, **settings: int) -> HaltingOwner:
    owner = HaltingOwner(connection, **settings)  # type: ignore[arg-type]  # there is only the one number
    log._owners[0] = owner
    return owner


async def standstill(owner: HaltingOwner, commits: "asyncio.Task[None]") -> None:
    """Wait until `owner` stands still; `commits` must not have ended before."""
    halted = asyncio.create_task(owner.halted.wait())
    done, _ = await asyncio.wait([halted, commits], timeout=60, return_when=asyncio.FIRST_COMPLETED)
    assert halted in done, commits


async def test_an_owner_that_wakes_after_its_successor_can_write_nothing_more(connection: KafkaConnection) -> None:
    first, second = await open_fresh(connection, 1), await KafkaLog.open(connection)
    owner = halting(first, connection)
    await first.take_over(0)
    asleep = asyncio.create_task(first.commit(batch(0, "of the first")))
    await standstill(owner, asleep)
    await second.take_over(0)
    assert await second.positions(0) == {topics.TELEMETRY: 1}, "the batch holds from the moment it is in the journal"
    await second.complete(0, unjournaled(batch(0, "of the first")))
    await second.commit(batch(1, "of the second"))
    owner.go_on.set()
    with pytest.raises(OwnerReplacedError):
        await asleep
    with pytest.raises(OwnerReplacedError):
        await first.commit(batch(1, "too late"))
    assert await seen(second) == ["of the first", "of the second"]
    assert (await seen(second, topics.SNAPSHOTS))[-1] == "state after of the second"
    assert len(await seen(second, topics.JOURNAL)) == 2
    assert await second.positions(0) == {topics.TELEMETRY: 2}
    await first.close()
    await second.close()


async def test_a_batch_that_never_came_to_the_journal_is_told_nowhere(connection: KafkaConnection) -> None:
    first, second = await open_fresh(connection, 1), await KafkaLog.open(connection)
    owner = halting(first, connection, halt_before=BEFORE_JOURNAL)
    await first.take_over(0)
    asleep = asyncio.create_task(first.commit(batch(0, "never")))
    await standstill(owner, asleep)
    await second.take_over(0)
    await second.commit(batch(0, "instead"))
    owner.go_on.set()
    with pytest.raises(OwnerReplacedError):
        await asleep
    assert await seen(second) == ["instead"]
    assert len(await seen(second, topics.JOURNAL)) == 1
    await first.close()
    await second.close()


async def test_a_commit_that_fails_after_its_journal_record_is_completed_when_it_is_settled(connection: KafkaConnection) -> None:
    log = await open_fresh(connection, 1)
    owner = halting(log, connection)
    owner.failure = DependencyError("the broker is gone")
    owner.go_on.set()
    await log.take_over(0)
    with pytest.raises(DependencyError, match="the broker is gone"):
        await log.commit(batch(0, "fact"))
    assert await seen(log) == []
    assert await has_gone_through(log, batch(0, "fact"), 0)
    assert await seen(log) == ["fact"]
    assert await seen(log, topics.SNAPSHOTS) == ["state after fact"]
    assert not await has_gone_through(log, batch(1, "next"), 1)
    await log.commit(batch(1, "next"))
    assert await seen(log) == ["fact", "next"]
    await log.close()


async def test_either_mode_goes_on_where_the_other_stopped_even_in_the_middle_of_a_batch(connection: KafkaConnection) -> None:
    once = fresh_connection(connection.bootstrap_servers)
    repeating = fresh_connection(connection.bootstrap_servers)
    both = {"group": once.group, "topic_prefix": once.topic_prefix}
    repeating = KafkaConnection(connection.bootstrap_servers, **both, delivery=Delivery.AT_LEAST_ONCE)
    log = await open_fresh(once, 1)
    await log.commit(batch(0, "once"))
    await log.close()
    log = await KafkaLog.open(repeating)
    owner = halting(log, repeating)
    await log.take_over(0)
    assert await log.positions(0) == {topics.TELEMETRY: 1}
    await log.complete(0, unjournaled(batch(0, "once")))
    assert await seen(log) == ["once"], "what was written exactly once is whole"
    asleep = asyncio.create_task(log.commit(batch(1, "repeated")))
    await standstill(owner, asleep)
    again = await KafkaLog.open(once)
    await again.take_over(0)
    assert await again.positions(0) == {topics.TELEMETRY: 2}
    await again.complete(0, unjournaled(batch(1, "repeated")))
    await again.commit(batch(2, "once more"))
    owner.go_on.set()
    with pytest.raises(OwnerReplacedError):
        await asleep
    await again.take_over(0)
    assert await seen(again) == ["once", "repeated", "once more"]
    assert await again.positions(0) == {topics.TELEMETRY: 3}
    await log.close()
    await again.close()


@pytest.mark.parametrize("halt_before", [BEFORE_JOURNAL, BEFORE_FACTS, BEFORE_SNAPSHOT, BEFORE_POSITIONS])
async def test_a_worker_killed_anywhere_in_a_commit_loses_nothing_and_makes_nothing_up(
    connection: KafkaConnection, forecasters: dict[str, Forecaster], halt_before: int
) -> None:
    clock, log = ManualClock(START_MS), await open_fresh(connection, 1)
    owner = halting(log, connection, halt_before=halt_before)
    rig = with_limits(Rig(log, clock, forecasters), snapshot_batches=1)
    rig.start()
    await rig.send(topology(), *(readings(second, start_ms=START_MS) for second in range(SPIKE)))
    await rig.drained()
    clock.advance(SPIKE)
    await rig.send(*(readings(SPIKE + more, start_ms=START_MS, spike="dev-03") for more in range(3)))
    assert rig.task is not None
    await standstill(owner, rig.task)
    await rig.kill()
    await log.close()
    log = rig.log = await KafkaLog.open(connection)
    clock.advance(3.0)
    rig.start()
    await rig.drained()
    await rig.finish()
    made = await rerun(log, forecasters, frozenset())
    anomalies, decisions = await published(log)
    assert (set(anomalies), set(decisions)) == (set(made.anomalies), set(made.decisions))
    assert anomalies, "the spike was seen"
    again = [count for count in anomalies.values() if count > 1]
    assert bool(again) == (halt_before in {BEFORE_SNAPSHOT}), "told twice only where it had been told and not noted"
    assert await digest_after_recovery(log, forecasters, CONFIGURATION) == made.digest
    await log.close()
