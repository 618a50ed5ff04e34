"""Members of a group on real brokers when a commit takes too long, and when the leader of their partitions is lost."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from functools import partial

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from broker import Broker, brokers
from kafka_logs import fresh_connection
from kafka_serving import DEVICES, batch, site_of
from tidegate.adapters.clock import SystemClock
from tidegate.adapters.kafka import KafkaConnection, KafkaGroup, KafkaLog, TopicPlan, create_topics
from tidegate.adapters.kafka.cluster import Cluster
from tidegate.adapters.memory import NullMetrics
from tidegate.adapters.planner import InlinePlanner
from tidegate.contracts.codec import encode
from tidegate.contracts.topics import CLEANUP, JOURNAL, TELEMETRY
from tidegate.core.forecaster import Forecaster
from tidegate.errors import DependencyError
from tidegate.pipeline.worker import PartitionWorker, WorkerLimits, WorkerPorts
from tidegate.pipeline.workers import Workers
from tidegate.ports import Outgoing
from tidegate_training.evaluate.acceptance.rerun import published, rerun
from worker_rig import CONFIGURATION, universal

pytestmark = pytest.mark.kafka

PARTITIONS = 2
SESSION_SECONDS = 6.0
LIMITS = WorkerLimits(tick_seconds=0.5, commit_retry_seconds=0.2)


class Refusals(NullMetrics):
    """Counts how often a commit was refused."""

    def __init__(self) -> None:
        self.count = 0

    def fenced(self) -> None:
        self.count += 1


class Member:
    """What `tidegate serve` wires, in this process."""

    def __init__(self, log: KafkaLog, connection: KafkaConnection, forecasters: Mapping[str, Forecaster]) -> None:
        self.log = log
        self.refusals = Refusals()
        self.group = KafkaGroup(connection, SESSION_SECONDS)
        ports = WorkerPorts(log, InlinePlanner(), SystemClock(), self.refusals, forecasters)
        make = partial(PartitionWorker, ports=ports, configuration=CONFIGURATION, limits=LIMITS)
        self.workers = Workers(log, self.group, self.refusals, make, retry_seconds=0.2)
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self.workers.run(self._stop))

    @property
    def ready(self) -> set[int]:
        """The partitions that this member works without anything in the way."""
        self.check()
        return {index for index, worker in self.workers.working.items() if not worker.progress.not_ready()}

    def check(self) -> None:
        """Raise what the workers ended with."""
        if self._task.done():
            self._task.result()

    async def close(self) -> None:
        self._stop.set()
        await self._task
        await self.group.close()
        await self.log.close()


class Crew:
    """The members of one group, and the readings they are given."""

    def __init__(self, connection: KafkaConnection, forecasters: Mapping[str, Forecaster], stack: AsyncExitStack) -> None:
        self.connection = connection
        self._forecasters = forecasters
        self._stack = stack
        self.sent: set[tuple[int, int]] = set()
        self.members: list[Member] = []

    async def join(self) -> Member:
        member = Member(await KafkaLog.open(self.connection), self.connection, self._forecasters)
        self._stack.push_async_callback(member.close)
        self.members.append(member)
        return member

    async def send(self, log: KafkaLog, seconds: int) -> None:
        """So many seconds of every partition's site, each a batch; what is refused is sent again, as a device would."""
        start = len(self.sent) // PARTITIONS
        for second in range(start, start + seconds):
            for index in range(PARTITIONS):
                site = site_of(index, PARTITIONS)
                record = Outgoing(TELEMETRY, index, site.encode(), encode(batch(site, range(second, second + 1))))
                await insistently(log, record)
                self.sent.add((index, second))

    async def drained(self) -> None:
        """Every partition is worked, and everything is taken."""
        await until(lambda: sorted(index for member in self.members for index in member.ready) == list(range(PARTITIONS)))
        await until(self._is_drained)

    async def _is_drained(self) -> bool:
        workers = [worker for member in self.members for worker in member.workers.working.values()]
        try:
            return not any([any((await worker.lag()).values()) for worker in workers])
        except DependencyError:
            return False

    async def check(self) -> None:
        """Every reading was scored once, no fact was told twice, and all states are those of an undisturbed run."""
        workers = {index: worker for member in self.members for index, worker in member.workers.working.items()}
        for worker in workers.values():
            balance = await worker.call(lambda partition: partition.balance)
            assert (balance.scored, balance.received) == (
                len(self.sent) // PARTITIONS * DEVICES,
                balance.scored + balance.duplicate,
            )
        shown = {index: dict([await worker.standing(digest=True)]) for index, worker in workers.items()}
        assert sorted(shown) == list(range(PARTITIONS))
        for member in self.members:
            await member.close()
        log = await KafkaLog.open(self.connection)
        for index in range(PARTITIONS):
            again = await rerun(log, self._forecasters, frozenset(), partition_index=index, digests_after=shown[index])
            assert again.digests == shown[index]
            anomalies, _ = await published(log, partition_index=index)
            assert anomalies == again.anomalies
            assert set(anomalies.values()) == {1}
        await log.close()


async def until(is_so: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(100):
        while True:
            found = is_so()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.05)


async def insistently(log: KafkaLog, record: Outgoing) -> None:
    async with asyncio.timeout(100):
        while True:
            try:
                await log.append([record])
                return
            except DependencyError:
                await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
def forecasters() -> dict[str, Forecaster]:
    return universal()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def test_a_commit_that_outlives_its_transaction_is_refused_and_the_member_goes_on_once_confirmed(
    kafka: str, forecasters: dict[str, Forecaster], stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = fresh_connection(kafka, transaction_seconds=1.0, request_seconds=30.0)
    await create_topics(connection, TopicPlan(PARTITIONS))
    crew = Crew(connection, forecasters, stack)
    member = await crew.join()
    await crew.send(member.log, 60)
    await crew.drained()
    before = member.group.share.generation

    to_be_late = set(range(PARTITIONS))
    in_time = AIOKafkaProducer.send_offsets_to_transaction

    async def too_late(self: AIOKafkaProducer, offsets: Mapping[TopicPartition, int], group_id: str) -> None:
        """Once for each partition, wait until the cluster has aborted the transaction, for only then it can be read past it."""
        index = next(iter(offsets)).partition
        if index in to_be_late:
            to_be_late.remove(index)
            begin = await member.log.end_offset(JOURNAL, index)

            async def is_aborted() -> bool:
                return await member.log.end_offset(JOURNAL, index) > begin

            await until(is_aborted)
        await in_time(self, offsets, group_id)

    monkeypatch.setattr(AIOKafkaProducer, "send_offsets_to_transaction", too_late)
    await crew.send(member.log, 60)
    await until(lambda: member.refusals.count >= PARTITIONS)
    await crew.drained()
    assert member.group.share.generation > before
    await crew.check()


@pytest.fixture
def three_brokers() -> Iterator[list[Broker]]:
    with brokers(3) as made:
        yield made


async def test_a_lost_leader_holds_the_members_up_and_costs_nothing(
    three_brokers: list[Broker], forecasters: dict[str, Forecaster], stack: AsyncExitStack
) -> None:
    connection = fresh_connection(",".join(broker.address for broker in three_brokers))
    await create_topics(connection, TopicPlan(PARTITIONS, replication_factor=3, min_insync_replicas=2))
    crew = Crew(connection, forecasters, stack)
    first, _ = await crew.join(), await crew.join()
    await crew.send(first.log, 40)
    await crew.drained()
    lost = three_brokers[await leads_most(connection) - 1]
    under_way = asyncio.create_task(crew.send(first.log, 40))
    await until(lambda: len(crew.sent) > 40 * PARTITIONS)
    lost.kill()
    await under_way
    await crew.drained()
    lost.start()
    await crew.send(first.log, 40)
    await crew.drained()
    await crew.check()


async def leads_most(connection: KafkaConnection) -> int:
    """The broker that leads most of our partitions, among those that are not the controller as well (node 1)."""
    named = [connection.topic(topic) for topic in CLEANUP]
    cluster = await Cluster.open(connection, named)
    leaders = Counter(cluster.leader(topic, index) for topic in named for index in range(PARTITIONS))
    await cluster.close()
    node = max((2, 3), key=lambda node: leaders[node])
    assert leaders[node] > 0
    return node
