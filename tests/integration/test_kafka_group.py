"""The consumer group on a real broker: who gets which partitions, and that positions travel only in transactions."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from kafka_logs import fresh_connection, open_fresh
from tidegate.adapters.kafka import KafkaConnection, KafkaGroup, KafkaLog
from tidegate.contracts.topics import ANOMALIES, COMMANDS, TELEMETRY
from tidegate.ports import Commit, Outgoing, Share

pytestmark = pytest.mark.kafka

PARTITIONS = 4
SESSION_SECONDS = 6.0


@pytest.fixture
def connection(kafka: str) -> KafkaConnection:
    return fresh_connection(kafka)


@pytest.fixture
async def log(connection: KafkaConnection) -> AsyncIterator[KafkaLog]:
    log = await open_fresh(connection, PARTITIONS)
    yield log
    await log.close()


async def settled(group: KafkaGroup, *partitions: int, after: int = 0) -> Share:
    """The share once it is `partitions`, of a generation above `after`."""
    async with asyncio.timeout(40):
        share = group.share
        while not (share.settled and share.partitions == set(partitions) and share.generation > after):
            share = await group.changed(share)
    return share


async def shared_out(*groups: KafkaGroup, counts: list[int]) -> None:
    """Return once all are settled, with so many partitions each, in any order."""

    def is_so() -> bool:
        shares = [group.share for group in groups]
        return all(share.settled for share in shares) and sorted(len(share.partitions) for share in shares) == counts

    async with asyncio.timeout(60):
        while not is_so():
            changes = [asyncio.create_task(group.changed(group.share)) for group in groups]
            await asyncio.wait(changes, return_when=asyncio.FIRST_COMPLETED)
            for change in changes:
                change.cancel()
            await asyncio.gather(*changes, return_exceptions=True)


async def test_members_share_the_partitions_and_whoever_leaves_gives_them_back(
    log: KafkaLog, connection: KafkaConnection
) -> None:
    first = KafkaGroup(connection, SESSION_SECONDS)
    assert first.share == Share()
    await settled(first, 0, 1, 2, 3)
    second = KafkaGroup(connection, SESSION_SECONDS)
    await shared_out(first, second, counts=[2, 2])
    assert sorted(first.share.partitions | second.share.partitions) == [0, 1, 2, 3]
    kept = first.share.partitions
    third = KafkaGroup(connection, SESSION_SECONDS)
    await shared_out(first, second, third, counts=[1, 1, 2])
    assert first.share.partitions <= kept, "nobody has to restore more than what was another's"
    await asyncio.gather(second.close(), third.close())
    await settled(first, 0, 1, 2, 3)
    await first.close()


async def test_more_members_than_partitions_leave_some_without(log: KafkaLog, connection: KafkaConnection) -> None:
    groups = [KafkaGroup(connection, SESSION_SECONDS) for _ in range(PARTITIONS + 1)]
    await shared_out(*groups, counts=[0, 1, 1, 1, 1])
    assert sorted(index for group in groups for index in group.share.partitions) == [0, 1, 2, 3]
    await asyncio.gather(*(group.close() for group in groups))


async def test_a_member_that_asks_for_its_place_has_it_confirmed_under_a_later_generation(
    log: KafkaLog, connection: KafkaConnection
) -> None:
    group = KafkaGroup(connection, SESSION_SECONDS)
    before = await settled(group, 0, 1, 2, 3)
    group.rejoin()
    group.rejoin()
    assert not group.share.settled
    after = await settled(group, 0, 1, 2, 3, after=before.generation)
    assert after.generation == before.generation + 1
    await group.close()
    assert not group.share.settled


async def test_commits_hold_while_the_group_has_members_and_nobody_else_commits_positions(
    log: KafkaLog, connection: KafkaConnection
) -> None:
    await log.append([Outgoing(TELEMETRY, 0, b"s", b"reading")] * 5)
    group = KafkaGroup(connection, SESSION_SECONDS)
    await settled(group, 0, 1, 2, 3)
    await log.take_over(0)
    await log.commit(Commit(0, [Outgoing(ANOMALIES, 0, b"k", b"fact")], {TELEMETRY: 3, COMMANDS: 0}))
    group.rejoin()
    await settled(group, 0, 1, 2, 3, after=1)
    await group.close()
    await log.take_over(0)
    assert await log.positions(0) == {TELEMETRY: 3, COMMANDS: 0}
    assert [await log.positions(index) for index in (1, 2, 3)] == [{}, {}, {}]
    await log.commit(Commit(0, [], {TELEMETRY: 5}))
    await log.take_over(0)
    assert (await log.positions(0))[TELEMETRY] == 5, "also when the group is empty"


async def test_a_member_whose_broker_cannot_be_reached_goes_on_trying_and_can_be_closed() -> None:
    group = KafkaGroup(KafkaConnection("127.0.0.1:9"), SESSION_SECONDS)
    async with asyncio.timeout(20):
        share = await group.changed(Share())
    assert "127.0.0.1:9" in share.trouble
    group.rejoin()
    assert (share.settled, share.partitions) == (False, frozenset())
    await group.close()
