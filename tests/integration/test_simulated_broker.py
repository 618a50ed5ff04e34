"""The broker that the search of the protocol runs on, against a real one: asked the same, both say the same, word for word."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka.client import CoordinationType
from aiokafka.errors import ConcurrentTransactions, for_code
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
    TxnOffsetCommitRequest,
)
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from kafka_logs import fresh_connection
from support.simulated.broker import Broker
from support.simulated.network import Network
from support.simulated.time import HandLoop, HandTime
from support.simulated.world import CONNECTION
from tidegate.adapters.kafka import KafkaConnection, TopicPlan, create_topics
from tidegate.adapters.kafka.cluster import Cluster
from tidegate.adapters.kafka.reader import Reader
from tidegate.contracts.topics import ANOMALIES, CLEANUP, TELEMETRY

pytestmark = pytest.mark.kafka


@dataclass
class Hand:
    """Asks a broker by hand, and writes down what it says: producers by letter, ids and epochs as they count from there."""

    connection: KafkaConnection
    cluster: Cluster
    said: list[Any] = field(default_factory=list)
    _holders: dict[str, tuple[int, int]] = field(default_factory=dict)
    _sequences: dict[str, int] = field(default_factory=dict)

    async def find(self) -> None:
        """Ask who coordinates: a broker that was never asked makes its own topics only now."""
        names = {CoordinationType.TRANSACTION: self.connection.transactional_id(0), CoordinationType.GROUP: self.connection.group}
        for kind, name in names.items():
            await self._ask(FindCoordinatorRequest(name, kind), lambda answer: answer.error_code)

    async def initialise(self, who: str, seconds: float = 60.0) -> None:
        """`who` takes the transactional id over; asked again while the broker is busy ending what was under way."""
        request = InitProducerIdRequest(self.connection.transactional_id(0), int(seconds * 1000))
        answer = await self._ask(request, lambda answer: answer.error_code)
        first = min([epoch for _, epoch in self._holders.values()], default=answer.producer_epoch)
        self._holders[who] = (answer.producer_id, answer.producer_epoch)
        self._sequences[who] = 0
        self._say("initialise", who, answer.error_code, answer.producer_epoch - first)

    async def join(self, who: str) -> None:
        """`who` makes the partition part of its transaction; asked again while the one before is being ended."""
        request = AddPartitionsToTxnRequest(*self._whom(who), [(self.connection.topic(ANOMALIES), [0])])
        answer = await self._ask(request, _only)
        self._say("join", who, _only(answer))

    async def produce(self, who: str, value: str, *, skip: int = 0, again: bool = False) -> None:
        """One record of `who`, in the transaction it may or may not have."""
        sequence = self._sequences[who] + skip - again
        builder = DefaultRecordBatchBuilder(2, 0, 1, *self._holders[who], sequence, 1 << 20)
        builder.append(0, 0, b"key", value.encode(), [])
        topics = [(self.connection.topic(ANOMALIES), [(0, bytes(builder.build()))])]
        request = ProduceRequest(self.connection.transactional_id(0), -1, 5000, topics)
        answer = await self._ask(request, lambda answer: answer.topics[0][1][0][1])
        code, offset = answer.topics[0][1][0][1:3]
        self._sequences[who] += int(code == 0 and not again)
        self._say("produce", who, code, offset)

    async def position(self, who: str, offset: int, *, join: bool = True) -> None:
        """`who` proposes the group's position in its transaction."""
        group = self.connection.group
        if join:
            answer = await self._ask(AddOffsetsToTxnRequest(*self._whom(who), group), lambda answer: answer.error_code)
            self._say("join group", who, answer.error_code)
        name, *rest = self._whom(who)
        topics = [(self.connection.topic(TELEMETRY), [(0, offset, "")])]
        answer = await self._ask(TxnOffsetCommitRequest(name, group, *rest, topics), _only)
        self._say("position", who, _only(answer))

    async def end(self, who: str, *, commit: bool = True) -> None:
        """`who` ends its transaction."""
        answer = await self._ask(EndTxnRequest(*self._whom(who), commit), lambda answer: answer.error_code)
        self._say("end", who, answer.error_code)

    async def settle(self) -> None:
        """Wait until the markers are written: until nothing before the end is open."""
        async with asyncio.timeout(30):
            while await self._offset(isolation=1) != await self._offset(isolation=0):  # noqa: ASYNC110 only it knows
                await asyncio.sleep(0.1)

    async def look(self) -> None:
        """What readers see: records, offsets, positions."""
        reader = Reader(self.connection, self.cluster, lambda *_: None)
        seen = [record.value for record in await reader.read(ANOMALIES, 0, 0, 100, 1 << 20)]
        ends = (await self._offset(isolation=1), await self._offset(isolation=0))
        self.said.append(("seen", seen, ends, list((await self.cluster.committed()).values())))

    async def _offset(self, isolation: int) -> int:
        request = OffsetRequest(-1, isolation, [(self.connection.topic(ANOMALIES), [(0, -1)])])
        return int((await self._ask(request, lambda answer: answer.topics[0][1][0][1])).topics[0][1][0][3])

    async def _ask(self, request: Any, code: Callable[[Any], int]) -> Any:
        """The answer, asked for again while the broker is busy: ending a transaction, or making a topic known to itself."""
        leader = self.cluster.leader(self.connection.topic(ANOMALIES), 0)
        async with asyncio.timeout(30):
            while True:
                answer = await self.cluster._client.send(leader, request)
                error = for_code(code(answer))
                if not error.retriable and error is not ConcurrentTransactions:
                    return answer
                await asyncio.sleep(0.02)

    def _whom(self, who: str) -> tuple[str, int, int]:
        return (self.connection.transactional_id(0), *self._holders[who])

    def _say(self, did: str, who: str, code: int, *rest: Any) -> None:
        self.said.append((did, who, for_code(code).__name__, *rest))


def _only(answer: Any) -> int:
    """The code for the one partition that was asked about."""
    return int(answer.errors[0][1][0][1])


async def a_commit(hand: Hand) -> None:
    await hand.initialise("a")
    await hand.join("a")
    await hand.produce("a", "one")
    await hand.produce("a", "two")
    await hand.look()
    await hand.position("a", 7)
    await hand.look()
    await hand.end("a")
    await hand.settle()
    await hand.look()


async def an_abort(hand: Hand) -> None:
    await hand.initialise("a")
    await hand.join("a")
    await hand.produce("a", "never")
    await hand.position("a", 7)
    await hand.end("a", commit=False)
    await hand.settle()
    await hand.look()
    await hand.join("a")
    await hand.produce("a", "then")
    await hand.end("a")
    await hand.settle()
    await hand.look()


async def a_take_over_in_the_middle(hand: Hand) -> None:
    await hand.initialise("a")
    await hand.join("a")
    await hand.produce("a", "never")
    await hand.position("a", 7)
    await hand.initialise("b")
    await hand.settle()
    await hand.look()
    await hand.produce("a", "late")
    await hand.join("a")
    await hand.position("a", 8)
    await hand.end("a")
    await hand.join("b")
    await hand.produce("b", "of the successor")
    await hand.end("b")
    await hand.settle()
    await hand.look()


async def a_take_over_between_two_transactions(hand: Hand) -> None:
    for who in "abc":
        await hand.initialise(who)
    await hand.join("a")
    await hand.join("c")
    await hand.produce("c", "one")
    await hand.produce("b", "of no one")
    await hand.end("c")
    await hand.settle()
    await hand.initialise("d")
    await hand.produce("c", "late")
    await hand.end("c")
    await hand.look()


async def what_is_in_no_transaction(hand: Hand) -> None:
    await hand.initialise("a")
    await hand.produce("a", "nowhere")
    await hand.position("a", 3, join=False)
    await hand.end("a")
    await hand.join("a")
    await hand.produce("a", "one")
    await hand.end("a")
    await hand.settle()
    await hand.produce("a", "after the end")
    await hand.look()


async def the_end_asked_for_twice(hand: Hand) -> None:
    await hand.initialise("a")
    await hand.join("a")
    await hand.produce("a", "one")
    await hand.end("a")
    await hand.settle()
    await hand.end("a")
    await hand.end("a", commit=False)
    await hand.look()


async def records_that_come_again_or_too_soon(hand: Hand) -> None:
    await hand.initialise("a")
    await hand.join("a")
    await hand.produce("a", "one")
    await hand.produce("a", "one", again=True)
    await hand.produce("a", "three", skip=1)
    await hand.produce("a", "two")
    await hand.end("a")
    await hand.settle()
    await hand.look()


async def a_transaction_that_takes_too_long(hand: Hand) -> None:
    await hand.initialise("a", seconds=1.0)
    await hand.join("a")
    await hand.produce("a", "never")
    await hand.settle()  # nobody ends it: the coordinator does, in its own time
    await hand.look()
    await hand.produce("a", "late")
    await hand.end("a")
    await hand.initialise("b")
    await hand.look()


Story = Callable[[Hand], Awaitable[None]]
STORIES: list[Story] = [
    a_commit,
    an_abort,
    a_take_over_in_the_middle,
    a_take_over_between_two_transactions,
    what_is_in_no_transaction,
    the_end_asked_for_twice,
    records_that_come_again_or_too_soon,
    a_transaction_that_takes_too_long,
]


async def told(story: Story, connection: KafkaConnection) -> list[Any]:
    cluster = await Cluster.open(connection, [connection.topic(ANOMALIES), connection.topic(TELEMETRY)])
    try:
        hand = Hand(connection, cluster)
        await hand.find()
        await story(hand)
        return hand.said
    finally:
        await cluster.close()


async def told_by_a_real_broker(story: Story, servers: str) -> list[Any]:
    connection = fresh_connection(servers)
    await create_topics(connection, TopicPlan(1))
    return await told(story, connection)


def told_by_the_simulated_one(story: Story) -> list[Any]:
    time = HandTime()
    broker = Broker(time, tuple(CLEANUP), 1)
    network = Network(time, broker)
    loop = HandLoop(time, network.connect)
    task = loop.create_task(told(story, CONNECTION))
    while not task.done():
        loop.run_ready()
        if not network.deliver():
            loop.pass_time()
            broker.coordinator.expire(time.seconds)
    loop.close()
    return task.result()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_both_brokers_tell_the_same_story(story: Story, kafka: str) -> None:
    assert told_by_the_simulated_one(story) == asyncio.run(told_by_a_real_broker(story, kafka))
