"""Who listens to the stream: bounded in number and in memory, and read for only while there is one."""

import pytest

from tidegate.adapters.memory import MemoryLog
from tidegate.api.errors import OverloadedError
from tidegate.api.feed import Feed, event_of
from tidegate.api.stream_position import Position
from tidegate.contracts import topics
from tidegate.contracts.stream import FactKind
from tidegate.errors import InputError
from tidegate.ports import Outgoing, Record

FACT = b'{"site":"plant-7","id":"a"}'


async def test_a_listener_gets_what_is_committed_after_it_came_in_order() -> None:
    log = MemoryLog(2)
    feed = Feed(log)
    await log.append([Outgoing(topics.ANOMALIES, 1, b"k", FACT)])
    subscription = await feed.subscribe(size=10, max_clients=1)
    await log.append([Outgoing(topics.ANOMALIES, 1, b"k", FACT)] * 2)
    assert await feed.catch_up() == 2
    assert [(await subscription.next(1)).offset for _ in range(2)] == [1, 2]  # type: ignore[union-attr]
    assert await subscription.next(0.001) is None
    assert feed.position().at(topics.ANOMALIES, 1) == 3


async def test_a_queue_that_overflows_takes_nothing_more_until_it_starts_over() -> None:
    log = MemoryLog(1)
    feed = Feed(log)
    subscription = await feed.subscribe(size=2, max_clients=1)
    await log.append([Outgoing(topics.OUTCOMES, 0, b"k", FACT)] * 5)
    await feed.catch_up()
    assert [(await subscription.next(1)).offset for _ in range(2)] == [0, 1]  # type: ignore[union-attr]
    assert subscription.exhausted
    subscription.restart()
    assert not subscription.exhausted


async def test_clients_are_bounded_and_a_place_is_free_again_after_one_left() -> None:
    feed = Feed(MemoryLog(1))
    first = await feed.subscribe(size=1, max_clients=1)
    with pytest.raises(OverloadedError):
        await feed.subscribe(size=1, max_clients=1)
    feed.unsubscribe(first)
    feed.unsubscribe(first)
    await feed.subscribe(size=1, max_clients=1)


def record(value: bytes | None) -> Record:
    return Record(topics.DECISIONS, 0, 7, b"k", value, (), 0)


def test_what_is_no_fact_is_passed_over() -> None:
    assert event_of(record(None)) is None
    assert event_of(record(b"no")) is None
    assert event_of(record(b'{"other":1}')) is None


def test_a_line_end_in_a_fact_does_not_end_its_event() -> None:
    event = event_of(record(b'{"site":"s",\r\n\n"x":1}'))
    assert event is not None
    assert (event.kind, event.site) == (FactKind.DECISION, "s")
    assert b"\n" not in event.data
    assert b"\r" not in event.data


@pytest.mark.parametrize("token", ["", "x", "AAAA", "tidegate.anomalies.v1/0/7", "ä", "A" * 9000])
def test_a_position_that_is_not_ours_is_refused(token: str) -> None:
    with pytest.raises(InputError, match="no position of this stream"):
        Position.parse(token)
