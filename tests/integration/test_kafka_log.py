"""What only Kafka can do to a log: second owners, aborted transactions, dead processes, brokers that go and come back."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from broker import Broker
from kafka_logs import fresh_connection, open_fresh
from tidegate.adapters.kafka import KafkaConnection, KafkaLog, TopicPlan, check_topics, create_topics
from tidegate.adapters.memory import ManualClock
from tidegate.adapters.tail import last_record
from tidegate.contracts.topics import ANOMALIES, CLEANUP, FORECASTS, TELEMETRY, Cleanup
from tidegate.errors import ConfigurationError, DependencyError, OwnerReplacedError, RecordTooLargeError
from tidegate.ports import Commit, Outgoing

pytestmark = pytest.mark.kafka

LARGE = 11 * 1024 * 1024


@pytest.fixture
def connection(kafka: str) -> KafkaConnection:
    return fresh_connection(kafka)


async def make(connection: KafkaConnection, topic: str, settings: dict[str, str]) -> None:
    """Create `topic` with other settings than ours, as an operator would by mistake."""
    admin = AIOKafkaAdminClient(bootstrap_servers=connection.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(connection.topic(topic), 2, 1, topic_configs=settings)])
    await admin.close()


@pytest.fixture
async def log(connection: KafkaConnection) -> AsyncIterator[KafkaLog]:
    log = await open_fresh(connection, 2)
    yield log
    await log.close()


def facts(*values: str) -> list[Outgoing]:
    return [Outgoing(ANOMALIES, 0, b"site/device", value.encode()) for value in values]


async def seen(log: KafkaLog, topic: str = ANOMALIES) -> list[str]:
    records = await log.read(topic, 0, 0, max_records=1000, max_bytes=1 << 20)
    return [(record.value or b"").decode() for record in records]


async def test_a_second_owner_fences_the_first_which_can_never_commit_again(log: KafkaLog, connection: KafkaConnection) -> None:
    await log.take_over(0)
    await log.commit(Commit(0, facts("first"), {TELEMETRY: 1}))
    second = await KafkaLog.open(connection)
    await second.take_over(0)
    for _ in range(2):
        with pytest.raises(OwnerReplacedError, match="another process"):
            await log.commit(Commit(0, facts("of the fenced"), {TELEMETRY: 9}))
    await second.commit(Commit(0, facts("second"), {TELEMETRY: 2}))
    await second.take_over(0)
    assert await seen(second) == ["first", "second"]
    assert await second.positions(0) == {TELEMETRY: 2}
    await second.close()


async def test_owners_of_different_partitions_do_not_meet(log: KafkaLog, connection: KafkaConnection) -> None:
    second = await KafkaLog.open(connection)
    await second.take_over(1)
    await log.commit(Commit(0, facts("a"), {TELEMETRY: 1}))
    await second.commit(Commit(1, [], {TELEMETRY: 4}))
    await second.take_over(1)
    assert await second.positions(1) == {TELEMETRY: 4}
    await second.close()


async def test_what_an_owner_had_under_way_is_aborted_by_taking_over_and_readers_never_see_it(
    log: KafkaLog, connection: KafkaConnection
) -> None:
    producer = await transaction_under_way(connection)
    assert await seen(log) == [], "an open transaction is not to be seen"
    await log.take_over(0)
    assert await seen(log) == []
    assert await log.positions(0) == {}
    assert await log.end_offset(ANOMALIES, 0) > 0, "aborted records and their marker take offsets"
    assert await last_record(log, ANOMALIES, 0) is None
    await log.commit(Commit(0, facts("after"), {TELEMETRY: 1}))
    await log.take_over(0)
    assert await seen(log) == ["after"]
    last = await last_record(log, ANOMALIES, 0)
    assert last is not None, "behind a marker, too"
    assert last.value == b"after"
    await producer.stop()


async def test_a_process_killed_in_mid_transaction_leaves_nothing_behind(log: KafkaLog, connection: KafkaConnection) -> None:
    await log.commit(Commit(0, facts("before"), {TELEMETRY: 1}))
    await log.take_over(0)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        connection.bootstrap_servers,
        connection.group,
        connection.topic_prefix,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"sent\n"
    process.send_signal(signal.SIGKILL)
    await process.wait()
    await log.take_over(0)
    await log.commit(Commit(0, facts("after"), {TELEMETRY: 2}))
    await log.take_over(0)
    assert await seen(log) == ["before", "after"]
    assert await log.positions(0) == {TELEMETRY: 2}


async def test_a_record_too_large_is_refused_whole_and_the_next_commit_holds(log: KafkaLog) -> None:
    await log.take_over(0)
    too_large = [*facts("small"), Outgoing(ANOMALIES, 0, b"k", b"x" * LARGE)]
    with pytest.raises(RecordTooLargeError, match=str(LARGE + 1)):
        await log.commit(Commit(0, too_large, {TELEMETRY: 5}))
    with pytest.raises(RecordTooLargeError, match=str(LARGE + 1)):
        await log.append(too_large)
    await log.take_over(0)
    await log.commit(Commit(0, facts("next"), {TELEMETRY: 1}))
    await log.take_over(0)
    assert await seen(log) == ["next"]
    assert await log.positions(0) == {TELEMETRY: 1}


async def test_a_record_that_only_the_broker_finds_too_large_aborts_its_whole_transaction(
    connection: KafkaConnection,
) -> None:
    await make(connection, ANOMALIES, {"max.message.bytes": "2000"})
    log = await open_fresh(connection, 2)
    await log.take_over(0)
    fine = Outgoing(FORECASTS, 0, b"k", b"small")
    with pytest.raises(RecordTooLargeError):
        await log.commit(Commit(0, [fine, *facts("x" * 5000)], {TELEMETRY: 5}))
    with pytest.raises(DependencyError, match="take the partition over"):
        await log.commit(Commit(0, [fine], {TELEMETRY: 5}))
    await log.take_over(0)
    assert await seen(log, FORECASTS) == []
    assert await log.positions(0) == {}
    with pytest.raises(RecordTooLargeError):
        await log.append(facts("x" * 5000))
    assert await log.append(facts("small")) == [await log.end_offset(ANOMALIES, 0) - 1]
    await log.close()


async def test_a_record_that_the_broker_finds_invalid_aborts_its_whole_transaction_and_topics_are_suspected(
    log: KafkaLog,
) -> None:
    await log.take_over(0)
    without_key = Outgoing(FORECASTS, 0, None, b"a compacted topic wants a key")
    with pytest.raises(DependencyError, match="refused a record") as refused:
        await log.commit(Commit(0, [*facts("before"), without_key], {TELEMETRY: 5}))
    assert "tidegate topics check" in refused.value.advice
    await log.take_over(0)
    assert await seen(log) == []
    assert await log.positions(0) == {}
    await log.commit(Commit(0, facts("after"), {TELEMETRY: 1}))
    await log.take_over(0)
    assert await seen(log) == ["after"]


async def test_what_others_append_wakes_those_who_wait(log: KafkaLog, connection: KafkaConnection) -> None:
    assert await seen(log, TELEMETRY) == []
    await log.wait(0)
    waiting = asyncio.create_task(log.wait(60))
    async with AIOKafkaProducer(bootstrap_servers=connection.bootstrap_servers) as other:
        await other.send_and_wait(connection.topic(TELEMETRY), b"reading", partition=0)
    await asyncio.wait_for(waiting, 20)
    assert await seen(log, TELEMETRY) == ["reading"]


async def test_a_transaction_that_somebody_left_open_on_an_input_is_noticed_and_its_end_too(connection: KafkaConnection) -> None:
    clock = ManualClock()
    await (await open_fresh(connection, 2)).close()
    log = await KafkaLog.open(connection, clock=clock)
    topic, settings = connection.topic(TELEMETRY), connection.client_settings()
    async with AIOKafkaProducer(**settings, transactional_id=f"{connection.group}-stranger") as stranger:
        await stranger.begin_transaction()
        await stranger.send_and_wait(topic, b"held", partition=0)
        async with AIOKafkaProducer(**settings) as other:
            await other.send_and_wait(topic, b"behind it", partition=0)
            await other.send_and_wait(topic, b"elsewhere", partition=1)
        async with asyncio.timeout(30):
            while log.held_seconds(TELEMETRY, 0) < 40:
                assert await seen(log, TELEMETRY) == []
                clock.advance(1.0)
        assert log.held_seconds(TELEMETRY, 1) == log.held_seconds(ANOMALIES, 0) == 0.0
        await stranger.abort_transaction()
    async with asyncio.timeout(30):
        while log.held_seconds(TELEMETRY, 0) > 0:
            await log.wait(1.0)
    assert await seen(log, TELEMETRY) == ["behind it"]
    await log.close()


async def test_records_beyond_what_was_asked_for_are_neither_lost_nor_given_twice(log: KafkaLog) -> None:
    await log.append([Outgoing(TELEMETRY, 0, b"s", str(number).encode()) for number in range(500)])
    found, offset = [], 0
    while page := await log.read(TELEMETRY, 0, offset, max_records=7, max_bytes=1 << 20):
        found += [record.value for record in page]
        offset = page[-1].offset + 1
    assert found == [str(number).encode() for number in range(500)]
    assert (await log.read(TELEMETRY, 0, 250, max_records=1, max_bytes=1))[0].value == b"250"


async def test_a_broker_that_stops_and_comes_back_loses_and_doubles_nothing(own_broker: Broker) -> None:
    log = await open_fresh(fresh_connection(own_broker.address, request_seconds=2.5), 1)
    await log.take_over(0)
    await log.commit(Commit(0, facts("before"), {TELEMETRY: 1}))
    own_broker.kill()
    again = Commit(0, facts("again"), {TELEMETRY: 2})
    with pytest.raises(DependencyError):
        await log.commit(again)
    with pytest.raises(DependencyError):
        await log.take_over(0)
    with pytest.raises(DependencyError):
        await log.append([Outgoing(TELEMETRY, 0, b"s", b"lost")])
    own_broker.start()
    await until_committed(log, again)
    await log.append([Outgoing(TELEMETRY, 0, b"s", b"taken")])
    assert await seen(log) == ["before", "again"]
    assert await seen(log, TELEMETRY) == ["taken"], "what the caller was told had failed must not appear later"
    assert await log.positions(0) == {TELEMETRY: 2}
    await log.close()


async def test_no_broker_is_said_at_once_and_in_one_line() -> None:
    with pytest.raises(DependencyError, match=r"127\.0\.0\.1:9 cannot be reached"):
        await KafkaLog.open(KafkaConnection("127.0.0.1:9"))
    with pytest.raises(ConfigurationError, match="host:port"):
        await KafkaLog.open(KafkaConnection("127.0.0.1:port"))


async def test_missing_topics_and_unequal_partitions_are_named_when_opening(connection: KafkaConnection) -> None:
    with pytest.raises(ConfigurationError, match=rf"missing: .*{TELEMETRY}.*topics create"):
        await KafkaLog.open(connection)
    await create_topics(connection, TopicPlan(2, topics={TELEMETRY: Cleanup.DELETE}))
    await create_topics(connection, TopicPlan(3))
    with pytest.raises(ConfigurationError, match=rf"{TELEMETRY} has 2, .*{ANOMALIES} has 3"):
        await KafkaLog.open(connection)


async def test_checking_topics_says_everything_that_differs_and_creating_changes_none_of_it(connection: KafkaConnection) -> None:
    plan = TopicPlan(2)
    named = connection.topic
    assert set(await create_topics(connection, TopicPlan(1, topics={FORECASTS: Cleanup.COMPACT}))) == {named(FORECASTS)}
    await make(connection, ANOMALIES, {"cleanup.policy": "compact", "retention.ms": "1000", "max.message.bytes": "2000"})
    there = {named(FORECASTS), named(ANOMALIES)}
    assert set(await create_topics(connection, plan)) == {named(topic) for topic in CLEANUP} - there
    findings = await check_topics(connection, plan)
    about = [finding for finding in findings if finding.startswith(named(ANOMALIES))]
    assert [finding for finding in findings if finding not in about] == [
        f"{named(FORECASTS)} has 1 partitions, expected 2: all topics need the same number, so that everything about a site "
        "meets in one process"
    ]
    assert [finding.split(" (")[0].split(": ")[1] for finding in about] == [
        "cleanup.policy is compact, expected delete",
        "max.message.bytes is 2000, expected 10485760",
        "message.timestamp.type is CreateTime, expected LogAppendTime",
        "retention.ms is 1000, expected 604800000",
    ]
    assert await create_topics(connection, plan) == []


async def test_more_replicas_than_brokers_is_refused_with_the_broker_s_own_words(connection: KafkaConnection) -> None:
    with pytest.raises(DependencyError, match="replication factor"):
        await create_topics(connection, TopicPlan(replication_factor=3))


async def until_committed(log: KafkaLog, commit: Commit) -> None:
    """As the worker does it: settle, look whether it holds, and only then try again."""
    async with asyncio.timeout(60):
        while True:
            try:
                await log.take_over(0)
                if await log.positions(0) == commit.positions:
                    return
                await log.commit(commit)
            except DependencyError:
                await asyncio.sleep(0.1)


async def transaction_under_way(connection: KafkaConnection) -> AIOKafkaProducer:
    """An owner of partition 0 in the middle of a commit: output and position are sent, the end is not."""
    producer = AIOKafkaProducer(
        bootstrap_servers=connection.bootstrap_servers,
        transactional_id=connection.transactional_id(0),
        transaction_timeout_ms=60_000,
    )
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(connection.topic(ANOMALIES), b"never to be seen", partition=0)
    return producer


async def _hold(servers: str, group: str, prefix: str) -> None:
    await transaction_under_way(KafkaConnection(servers, group, prefix))
    print("sent", flush=True)
    await asyncio.sleep(600)


if __name__ == "__main__":  # the process that is killed
    asyncio.run(_hold(*sys.argv[1:]))
