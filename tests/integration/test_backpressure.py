"""Full means wait, and whoever waits holds up nobody else: partitions and inputs under a flood, by counts, not by clocks."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

import pytest
import pytest_asyncio

from tidegate.adapters.memory import ManualClock, MemoryLog, NullMetrics
from tidegate.adapters.metrics import PrometheusMetrics
from tidegate.adapters.planner import InlinePlanner
from tidegate.contracts import topics
from tidegate.contracts.codec import encode
from tidegate.contracts.ids import DeviceId, MetricName, SiteId
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.core.forecaster import Forecaster
from tidegate.pipeline.turns import Turns
from tidegate.pipeline.worker import PartitionWorker, WorkerLimits, WorkerPorts
from tidegate.ports import Commit, Metrics, Outgoing, Record
from worker_rig import CONFIGURATION, PROFILE, universal

PARTITIONS = 4
SITES = {partition_of(name, PARTITIONS): SiteId(name) for name in (f"site-{number}" for number in range(50))}
START_MS = 1_700_000_000_000
LIMITS = WorkerLimits(batch_records=5, tick_seconds=0.5)
DEVICES = 10


class Counting(MemoryLog):
    """Remembers, by partition, who read telemetry how often, and in which order commits came."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(PARTITIONS, clock=clock)
        self.reads: Counter[int] = Counter()
        self.commits: list[int] = []

    async def read(self, topic: str, partition: int, offset: int, *, max_records: int, max_bytes: int) -> Sequence[Record]:
        found = await super().read(topic, partition, offset, max_records=max_records, max_bytes=max_bytes)
        if topic == topics.TELEMETRY:
            self.reads[partition] += 1
        return found

    async def commit(self, commit: Commit) -> None:
        await super().commit(commit)
        self.commits.append(commit.partition)


class Slow:
    """The real forecaster, which waits while the test holds it."""

    def __init__(self, real: Forecaster) -> None:
        self.manifest, self.identity, self._real = real.manifest, real.identity, real
        self.may_step, self.waits = threading.Event(), threading.Event()
        self.may_step.set()

    def step(self, *arguments: object) -> object:
        if not self.may_step.is_set():
            self.waits.set()
        assert self.may_step.wait(60), "the test has to let go"
        return self._real.step(*arguments)  # type: ignore[arg-type]


class House:
    """Workers of one process on one log; they share turns, and nothing else."""

    def __init__(self, turns: Turns) -> None:
        self.clock = ManualClock(START_MS)
        self.log = Counting(self.clock)
        self.stop = asyncio.Event()
        self.turns = turns
        self.workers: dict[int, PartitionWorker] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self.sent: Counter[int] = Counter()

    def work(self, partition: int, forecaster: Forecaster, metrics: Metrics | None = None) -> None:
        shown = metrics or NullMetrics()
        ports = WorkerPorts(self.log, InlinePlanner(), self.clock, shown, {"universal": forecaster}, self.turns)
        worker = self.workers[partition] = PartitionWorker(partition, ports, CONFIGURATION, LIMITS)
        self.tasks.append(asyncio.create_task(worker.run(self.stop)))

    async def send(self, partition: int, records: int) -> None:
        """So many batches of a reading of each device, a second apart."""
        made = []
        for second in range(self.sent[partition], self.sent[partition] + records):
            at_ms, site = START_MS + second * 1000, SITES[partition]
            rows = [Reading(site, DeviceId(f"d{n}"), PROFILE.name, at_ms, {MetricName("load"): 1.0}) for n in range(DEVICES)]
            made.append(Outgoing(topics.TELEMETRY, partition, site.encode(), encode(ReadingBatch(site, rows))))
        self.sent[partition] += records
        self.clock.advance(records)
        await self.log.append(made)

    async def taken(self, partition: int) -> int:
        """Telemetry records committed."""
        return (await self.log.positions(partition)).get(topics.TELEMETRY, 0)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await self.log.wait(0.05)

    async def drained(self, partition: int) -> None:
        async with asyncio.timeout(60):
            while await self.taken(partition) < self.sent[partition]:
                await self.log.wait(0.05)


@pytest.fixture(scope="module")
def forecaster() -> Forecaster:
    return universal()["universal"]


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    house = House(Turns(at_once=2))
    yield house
    for task in house.tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_slow_partition_stops_no_other_and_nothing_is_fetched_for_it_meanwhile(
    house: House, forecaster: Forecaster
) -> None:
    slow = Slow(forecaster)
    house.work(0, slow)  # type: ignore[arg-type]
    house.work(1, forecaster)
    for partition in (0, 1):  # the first batch after a start is on trial, with nobody else beside it
        await house.send(partition, 1)
        await house.drained(partition)
    slow.may_step.clear()
    await house.send(0, 99)
    await house.until(slow.waits.is_set)
    before = house.log.reads[0], house.log.commits.count(0)
    await house.send(1, 100)
    await house.drained(1)
    assert house.log.commits.count(1) >= 100 / LIMITS.batch_records
    assert (house.log.reads[0], house.log.commits.count(0)) == before, "it waits, and its records wait on the log"
    slow.may_step.set()
    await house.drained(0)
    balance = await house.workers[0].call(lambda partition: partition.balance)
    assert (balance.received, balance.scored) == (100 * DEVICES, 100 * DEVICES)


async def test_flooded_partitions_commit_a_few_times_at_most_before_it_is_the_turn_of_another(
    house: House, forecaster: Forecaster
) -> None:
    for partition in range(PARTITIONS):
        house.work(partition, forecaster)
    for partition in (0, 1, 2):
        await house.send(partition, 300)
    await house.until(lambda: len(house.log.commits) > 2 * PARTITIONS)
    for _ in range(10):
        begin = len(house.log.commits)
        await house.send(3, 1)
        await house.drained(3)
        between = Counter(house.log.commits[begin:])
        assert max(between[flooded] for flooded in (0, 1, 2)) <= 4, between
    assert min([await house.taken(flooded) for flooded in (0, 1, 2)]) < 300, "the flood has to have lasted that long"


async def test_commands_and_acks_never_wait_behind_a_flood_of_telemetry(house: House, forecaster: Forecaster) -> None:
    house.work(0, forecaster)
    await house.send(0, 300)
    await house.until(lambda: len(house.log.commits) > 3)
    for number in range(10):
        begin = len(house.log.commits)
        words = [Outgoing(topics.COMMANDS, 0, b"s", b"{}"), Outgoing(topics.ACKS, 0, b"s", b"{}")]
        await house.log.append(words)
        async with asyncio.timeout(60):
            while (found := await house.log.positions(0)).get(topics.COMMANDS, 0) <= number:
                await house.log.wait(0.05)
        assert found[topics.ACKS] == number + 1
        assert len(house.log.commits) - begin <= 3
    assert await house.taken(0) < 300, "the flood has to have lasted that long"


async def test_the_lag_shown_is_what_waited_when_a_batch_began_and_falls_to_nothing(house: House, forecaster: Forecaster) -> None:
    metrics = PrometheusMetrics()
    house.work(0, forecaster, metrics)
    await house.send(0, 20)
    await house.until(lambda: 'tidegate_lag_records{topic="tidegate.telemetry.v1"} 20.0' in metrics.render().decode())
    await house.drained(0)
    house.clock.advance(1.0)
    await house.until(lambda: 'tidegate_lag_records{topic="tidegate.telemetry.v1"} 0.0' in metrics.render().decode())
