"""Who works a partition, when: given, lost, refused, confirmed. The group is moved by hand; log, core and workers are real."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from tidegate.adapters.membership import Noticeboard, SoleMember
from tidegate.adapters.memory import ManualClock, MemoryLog, NullMetrics
from tidegate.adapters.planner import InlinePlanner
from tidegate.contracts import topics
from tidegate.contracts.codec import decode, encode
from tidegate.contracts.journal import JournalRecord
from tidegate.contracts.partitioner import partition_of
from tidegate.core.forecaster import Forecaster
from tidegate.errors import DependencyError, OwnerReplacedError, StateLostError
from tidegate.pipeline.live import LiveWorkers
from tidegate.pipeline.planning import WatchedPlanner
from tidegate.pipeline.worker import PartitionWorker, WorkerPorts
from tidegate.pipeline.workers import Workers
from tidegate.ports import Outgoing, Record, Share
from worker_rig import CONFIGURATION, LIMITS, SITE, readings, universal

PARTITIONS = 2
OURS = partition_of(SITE, PARTITIONS)
OTHER = 1 - OURS


class GroupByHand(Noticeboard):
    """`ports.Membership` that the test moves; `asked` counts how often somebody wanted to rejoin."""

    def __init__(self) -> None:
        super().__init__(Share())
        self.asked = 0

    def rejoin(self) -> None:
        self.asked += 1
        self.unsettle()

    def unsettle(self) -> None:
        self._show(replace(self.share, settled=False))

    def give(self, *partitions: int) -> None:
        self._show(Share(self.share.generation + 1, frozenset(partitions), settled=True))

    async def close(self) -> None: ...


class OwnedLog(MemoryLog):
    """Remembers who was taken over and let go; `hold` keeps a take-over from coming to an end."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(PARTITIONS, clock=clock)
        self.taken: list[int] = []
        self.released: list[int] = []
        self.hold = asyncio.Event()
        self.hold.set()

    async def take_over(self, partition: int) -> None:
        self.taken.append(partition)
        await self.hold.wait()
        await super().take_over(partition)

    async def release(self, partition: int) -> None:
        self.released.append(partition)


class House:
    """The workers of one process."""

    def __init__(self, forecasters: dict[str, Forecaster]) -> None:
        self.clock = ManualClock()
        self.log = OwnedLog(self.clock)
        self.group = GroupByHand()
        self.ports = WorkerPorts(self.log, InlinePlanner(), self.clock, NullMetrics(), forecasters)
        self.workers = Workers(self.log, self.group, NullMetrics(), self.make, retry_seconds=0.001)
        self.live = LiveWorkers(self.workers, {}, WatchedPlanner(self.ports.planner, self.clock, 60.0))
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(self.workers.run(self.stop))

    def make(self, index: int, *, may_take_over: Callable[[], bool]) -> PartitionWorker:
        return PartitionWorker(index, self.ports, CONFIGURATION, LIMITS, may_take_over)

    async def send(self, second: int) -> None:
        self.clock.advance(1.0)
        value = encode(readings(second, start_ms=1_700_000_000_000))
        await self.log.append([Outgoing(topics.TELEMETRY, OURS, SITE.encode(), value)])

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not is_so():
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.001)

    async def drained(self, index: int = OURS, workers: Workers | None = None) -> None:
        """Everything there is was taken, and committed."""

        async def behind() -> bool:
            worker = (workers or self.workers).working.get(index)
            return worker is None or worker.progress.not_ready() != [] or any((await worker.lag()).values())

        async with asyncio.timeout(20):
            while await behind():
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.001)

    async def journal(self, index: int = OURS) -> list[int]:
        return [decode(record.value or b"", JournalRecord).sequence for record in await self.all(topics.JOURNAL, index)]

    async def all(self, topic: str, index: int = OURS) -> list[Record]:
        return list(await self.log.read(topic, index, 0, max_records=10_000, max_bytes=1 << 30))

    async def end(self) -> None:
        self.stop.set()
        await self.task


@pytest.fixture(scope="module")
def forecasters() -> dict[str, Forecaster]:
    return universal()


@pytest.fixture
async def house(forecasters: dict[str, Forecaster]) -> AsyncIterator[House]:
    house = House(forecasters)
    yield house
    house.log.hold.set()
    if not house.task.done():
        await house.end()


async def test_a_process_works_what_the_group_gives_it_and_nothing_before(house: House) -> None:
    assert house.live.health().reasons == ["waiting for the group to share out its partitions"]
    await house.send(0)
    house.group.give(OURS)
    await house.drained()
    assert house.log.taken == [OURS]
    assert [view.partition for view in await house.live.partitions(digest=True)] == [OURS]
    assert (await house.live.balance()).scored == 12
    assert house.live.health().ready


async def test_a_member_without_partitions_is_ready_and_knows_nothing(house: House) -> None:
    house.group.give()
    await house.send(0)
    assert house.live.health().ready
    assert house.live.health().alive
    assert (await house.live.sites(), await house.live.lag(), await house.live.partitions(digest=True)) == ([], {}, [])
    with pytest.raises(DependencyError, match=f"partition {OURS} is worked by another process"):
        await house.live.device_views(SITE)


async def test_what_is_lost_is_dropped_without_a_snapshot_and_what_is_kept_goes_on_with_its_state(house: House) -> None:
    house.group.give(0, 1)
    await house.send(0)
    await house.drained()
    before = house.workers.working[OURS]
    house.group.unsettle()
    await house.send(1)
    await house.drained()
    assert house.live.health().ready, "work goes on while the group shares out"
    house.group.give(OURS)
    await house.until(lambda: OTHER not in house.workers.working)
    await house.send(2)
    await house.drained()
    assert house.workers.working[OURS] is before
    assert house.log.taken.count(OURS) == 1
    house.group.give(OTHER)
    await house.until(lambda: OURS not in house.workers.working)
    assert house.log.released == [OTHER, OURS]
    assert await house.all(topics.SNAPSHOTS) == []
    with pytest.raises(DependencyError, match="another process"):
        await house.live.topology(SITE)


async def test_a_partition_that_comes_back_is_restored_from_what_others_left(house: House) -> None:
    house.group.give(OURS)
    await house.send(0)
    await house.drained()
    house.group.give()
    await house.until(lambda: not house.workers.working)
    successor = Workers(house.log, alone := SoleMember([OURS]), NullMetrics(), house.make)
    stop = asyncio.Event()
    task = asyncio.create_task(successor.run(stop))
    await house.send(1)
    await house.drained(workers=successor)
    stop.set()
    await task
    await alone.close()
    house.group.give(OURS)
    await house.send(2)
    await house.drained()
    assert (await house.live.balance()).scored == 36
    assert await house.journal() == list(range(len(await house.journal())))


async def test_who_is_refused_drops_its_state_and_takes_over_only_once_the_group_has_confirmed_it(house: House) -> None:
    house.group.give(OURS)
    await house.send(0)
    await house.drained()
    refused = house.workers.working[OURS]
    house.log.fail("commit", OwnerReplacedError("somebody else"))
    await house.send(1)
    await house.until(lambda: OURS not in house.workers.working and house.group.asked == 1)
    assert "waiting for the group" in house.live.health().reasons[0]
    with pytest.raises(DependencyError, match="about to be taken over"):
        await house.live.topology(SITE)
    assert house.log.taken == [OURS]
    assert house.live.health().alive
    house.group.give(OURS)
    await house.drained()
    assert house.log.taken == [OURS, OURS]
    assert house.workers.working[OURS] is not refused
    assert (await house.live.balance()).scored == 24
    assert await house.journal() == list(range(len(await house.journal())))


async def test_who_is_refused_what_the_group_gave_to_another_asks_for_nothing(house: House) -> None:
    house.group.give(OURS)
    await house.drained()
    house.log.fail("commit", OwnerReplacedError("somebody else"))
    house.group.give(OTHER)
    await house.send(0)
    await house.drained(OTHER)
    assert house.group.asked == 0
    assert list(house.workers.working) == [OTHER]


async def test_a_commit_without_an_answer_is_settled_only_when_the_group_says_that_nobody_else_is_next(house: House) -> None:
    house.group.give(OURS)
    await house.drained()
    taken = len(house.log.taken)
    house.group.unsettle()
    house.log.fail("commit", DependencyError("no answer"), written=True)
    await house.send(0)
    await house.until(lambda: any("settled" in reason for reason in house.live.health().reasons))
    assert len(house.log.taken) == taken
    house.group.give(OURS)
    await house.drained()
    assert len(house.log.taken) == taken + 1
    assert await house.journal() == list(range(len(await house.journal())))


async def test_a_log_that_cannot_be_reached_during_the_restore_is_waited_for(house: House) -> None:
    house.log.crash()
    house.group.give(OURS)
    await house.until(lambda: len(house.log.taken) >= 3)
    assert not house.live.health().ready
    assert house.live.health().alive
    house.log.restart()
    await house.send(0)
    await house.drained()
    assert (await house.live.balance()).scored == 12


async def test_while_a_partition_is_restored_its_lag_is_what_is_not_committed_and_not_everything(house: House) -> None:
    house.group.give(OURS)
    for second in range(3):
        await house.send(second)
    await house.drained()
    house.group.give()
    await house.until(lambda: not house.workers.working)
    await house.send(3)
    house.log.hold.clear()
    house.group.give(OURS)
    await house.until(lambda: bool(house.workers.working))
    assert (await house.live.lag())[topics.TELEMETRY] == 1
    house.log.hold.set()
    await house.drained()


async def test_partitions_lost_and_given_again_during_the_restore_leave_no_second_worker(house: House) -> None:
    house.log.hold.clear()
    for given in ([OURS], [OTHER], [OURS, OTHER], [], [OURS]):
        house.group.give(*given)
        await house.until(lambda given=given: sorted(house.workers.working) == sorted(given))  # type: ignore[misc]
    house.group.give(OTHER)
    house.group.give(OURS)  # before anybody could look
    house.log.hold.set()
    await house.send(0)
    await house.drained()
    assert list(house.workers.working) == [OURS]
    assert (await house.live.balance()).scored == 12


async def test_a_state_that_cannot_be_rebuilt_ends_all_with_its_error(house: House) -> None:
    house.group.give(OTHER)
    await house.drained(OTHER)
    await house.log.append([Outgoing(topics.JOURNAL, OURS, b"0", encode(JournalRecord(OURS, 5, 0, [], "", {}, "")))])
    house.group.give(0, 1)
    with pytest.raises(StateLostError, match="batch 5, expected 0"):
        await asyncio.wait_for(house.task, 20)
    assert sorted(house.log.released) == [0, 1]


async def test_stopping_leaves_snapshots_of_what_is_ours_and_waits_for_no_group(house: House) -> None:
    house.group.give(OURS)
    await house.send(0)
    await house.drained()
    house.group.unsettle()
    await house.end()
    assert len(await house.all(topics.SNAPSHOTS)) == 1
    assert await house.all(topics.SNAPSHOTS, OTHER) == []


async def test_equal_numbers_of_batches_have_equal_digests_wherever_they_are(house: House) -> None:
    house.group.give(OURS)
    await house.send(0)
    await house.drained()
    (before,) = await house.live.partitions(digest=True)
    house.group.give()
    await house.until(lambda: not house.workers.working)
    house.group.give(OURS)
    await house.drained()
    (after,) = await house.live.partitions(digest=True)
    assert before.digest is not None
    assert (before.sequence, before.digest) == (after.sequence, after.digest)
