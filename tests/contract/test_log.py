"""What every `ports.Log` promises, held against each implementation. A new one joins by adding itself to `LOGS`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from kafka_logs import fresh_connection, open_fresh
from tidegate.adapters.embedded import EmbeddedLog
from tidegate.adapters.kafka import Delivery
from tidegate.adapters.memory import MemoryLog
from tidegate.contracts.topics import FORECASTS, TELEMETRY
from tidegate.errors import ConfigurationError, DependencyError
from tidegate.ports import Commit, Log, Outgoing, Record

PARTITIONS = 3
OpenLog = Callable[[], Awaitable[Log]]


def memory_log(_: pytest.FixtureRequest) -> OpenLog:
    log = MemoryLog(PARTITIONS)

    async def open_log() -> Log:
        log.restart()
        return log

    return open_log


def embedded_log(request: pytest.FixtureRequest) -> OpenLog:
    folder: Path = request.getfixturevalue("tmp_path")
    return lambda: EmbeddedLog.open(folder / "log.db", partitions=PARTITIONS)


def kafka_log(request: pytest.FixtureRequest) -> OpenLog:
    connection = fresh_connection(request.getfixturevalue("kafka"))
    return lambda: open_fresh(connection, PARTITIONS, ["other", "facts", "commands", "nothing-here"])


def repeating_kafka_log(request: pytest.FixtureRequest) -> OpenLog:
    connection = fresh_connection(request.getfixturevalue("kafka"), delivery=Delivery.AT_LEAST_ONCE)
    return lambda: open_fresh(connection, PARTITIONS, ["other", "facts", "commands", "nothing-here"])


LOGS: dict[str, Callable[[pytest.FixtureRequest], OpenLog]] = {
    "memory": memory_log,
    "embedded": embedded_log,
    "kafka": kafka_log,
    "kafka-at-least-once": repeating_kafka_log,
}


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.kafka] if name.startswith("kafka") else []) for name in LOGS])
def open_log(request: pytest.FixtureRequest) -> OpenLog:
    """Opens the same log again each time it is called; the one before must be closed."""
    return LOGS[request.param](request)


@pytest.fixture
async def log(open_log: OpenLog) -> AsyncIterator[Log]:
    log = await open_log()
    yield log
    await log.close()


def outgoing(value: str, *, topic: str = TELEMETRY, partition: int = 0, key: str | None = "site") -> Outgoing:
    return Outgoing(topic, partition, None if key is None else key.encode(), value.encode())


async def read_all(log: Log, topic: str = TELEMETRY, partition: int = 0, offset: int = 0) -> list[Record]:
    return list(await log.read(topic, partition, offset, max_records=100_000, max_bytes=1 << 30))


async def commit_and_settle(log: Log, commit: Commit) -> None:
    """Readers may see a commit a moment after it returned; once the owner has taken over (again), they must."""
    await log.commit(commit)
    await log.take_over(commit.partition)


def values(records: list[Record]) -> list[str]:
    return [(record.value or b"").decode() for record in records]


async def test_an_empty_log_starts_and_ends_at_zero_and_reads_nothing(log: Log) -> None:
    assert await read_all(log) == []
    assert (await log.start_offset(TELEMETRY, 0), await log.end_offset(TELEMETRY, 0)) == (0, 0)
    assert await log.positions(0) == {}
    assert log.partitions == PARTITIONS


async def test_records_come_back_in_order_exactly_as_written(log: Log) -> None:
    headers = (("content-type", b"application/json"), ("trace", b"\x00\xff"), ("trace", b""))
    full = Outgoing(TELEMETRY, 1, b"site", b'{"a": 1}', headers)
    tombstone = Outgoing(TELEMETRY, 1, b"site", None)
    bare = Outgoing(TELEMETRY, 1, None, b"")
    offsets = await log.append([full, tombstone, bare])
    records = await read_all(log, partition=1)
    assert [record.offset for record in records] == offsets
    assert [(r.topic, r.partition, r.key, r.value, r.headers) for r in records] == [
        (TELEMETRY, 1, b"site", b'{"a": 1}', headers),
        (TELEMETRY, 1, b"site", None, ()),
        (TELEMETRY, 1, None, b"", ()),
    ]
    assert all(record.timestamp_ms > 0 for record in records)


async def test_offsets_start_at_zero_and_rise_in_each_partition_of_each_topic(log: Log) -> None:
    offsets = await log.append([outgoing("a"), outgoing("b", partition=2), outgoing("c"), outgoing("d", topic="other")])
    assert offsets == [0, 0, 1, 0]
    assert (await log.append([outgoing("e")]))[0] > 1
    assert await log.end_offset(TELEMETRY, 0) > 2


async def test_an_empty_append_is_allowed_and_writes_nothing(log: Log) -> None:
    assert await log.append([]) == []
    assert await log.end_offset(TELEMETRY, 0) == 0


async def test_reading_stops_at_the_record_bound_and_goes_on_where_it_stopped(log: Log) -> None:
    await log.append([outgoing(str(number)) for number in range(10)])
    first = list(await log.read(TELEMETRY, 0, 0, max_records=4, max_bytes=1 << 20))
    rest = await read_all(log, offset=first[-1].offset + 1)
    assert values(first) == ["0", "1", "2", "3"]
    assert values(rest) == ["4", "5", "6", "7", "8", "9"]


async def test_reading_stops_at_the_byte_bound_but_always_gives_one_record(log: Log) -> None:
    await log.append([outgoing("x" * 1000) for _ in range(5)])
    assert len(await log.read(TELEMETRY, 0, 0, max_records=100, max_bytes=2500)) == 2
    assert len(await log.read(TELEMETRY, 0, 0, max_records=100, max_bytes=1)) == 1


async def test_reading_past_the_end_gives_nothing(log: Log) -> None:
    await log.append([outgoing("a")])
    assert await read_all(log, offset=1) == []
    assert await read_all(log, offset=10**12) == []


async def test_a_commit_writes_outputs_and_positions_together(log: Log) -> None:
    await commit_and_settle(log, Commit(1, [outgoing("fact", topic="facts", partition=1)], {TELEMETRY: 7, "commands": 2}))
    assert values(await read_all(log, "facts", 1)) == ["fact"]
    assert await log.positions(1) == {TELEMETRY: 7, "commands": 2}
    assert await log.positions(0) == {}


async def test_a_later_commit_moves_only_the_positions_it_names(log: Log) -> None:
    await log.commit(Commit(0, [], {TELEMETRY: 7, "commands": 2}))
    await commit_and_settle(log, Commit(0, [], {TELEMETRY: 9}))
    assert await log.positions(0) == {TELEMETRY: 9, "commands": 2}


async def test_taking_over_keeps_what_was_committed_and_the_next_commit_goes_on_from_there(log: Log) -> None:
    await log.take_over(0)
    await log.commit(Commit(0, [outgoing("first", topic="facts")], {TELEMETRY: 1}))
    await log.take_over(0)
    await log.take_over(0)
    assert await log.positions(0) == {TELEMETRY: 1}
    await commit_and_settle(log, Commit(0, [outgoing("second", topic="facts")], {TELEMETRY: 2}))
    assert values(await read_all(log, "facts")) == ["first", "second"]


async def test_a_refused_commit_leaves_neither_outputs_nor_positions(log: Log) -> None:
    bad = [outgoing("good"), outgoing("bad", partition=PARTITIONS)]
    with pytest.raises(ConfigurationError, match="partition 3 does not exist"):
        await log.commit(Commit(0, bad, {TELEMETRY: 5}))
    assert await read_all(log) == []
    assert await log.positions(0) == {}


@pytest.mark.parametrize("partition", [-1, PARTITIONS])
async def test_a_partition_the_log_does_not_have_is_refused_everywhere(log: Log, partition: int) -> None:
    with pytest.raises(ConfigurationError):
        await log.append([outgoing("a", partition=partition)])
    with pytest.raises(ConfigurationError):
        await read_all(log, partition=partition)
    with pytest.raises(ConfigurationError):
        await log.positions(partition)


async def test_concurrent_appends_all_land_each_once_and_each_together(log: Log) -> None:
    batches = [[outgoing(f"{batch}-{number}") for number in range(5)] for batch in range(40)]
    offsets = await asyncio.gather(*(log.append(batch) for batch in batches))
    by_offset = {record.offset: record.value for record in await read_all(log)}
    assert len(by_offset) == 200
    for batch, taken in zip(batches, offsets, strict=True):
        assert taken == sorted(taken)
        assert taken[-1] - taken[0] == 4, "another batch came in between"
        assert [by_offset[offset] for offset in taken] == [record.value for record in batch]


async def test_trimming_forgets_what_is_before_and_reading_starts_at_the_new_start(log: Log) -> None:
    await log.append([outgoing(str(number)) for number in range(10)])
    await log.trim(TELEMETRY, 0, 6)
    await log.trim(TELEMETRY, 0, 3)
    assert await log.start_offset(TELEMETRY, 0) == 6
    assert values(await read_all(log)) == ["6", "7", "8", "9"]


async def test_offsets_are_never_reused_after_everything_was_trimmed(log: Log) -> None:
    await log.append([outgoing("a"), outgoing("b")])
    await log.trim(TELEMETRY, 0, 10**9)
    end = await log.end_offset(TELEMETRY, 0)
    assert await log.start_offset(TELEMETRY, 0) == end == 2
    assert await log.append([outgoing("c")]) == [2]


async def test_trimming_what_was_never_written_does_nothing(log: Log) -> None:
    await log.trim("nothing-here", 0, 100)
    assert await log.end_offset("nothing-here", 0) == 0


async def test_waiting_ends_when_something_is_appended(log: Log) -> None:
    waiting = asyncio.create_task(log.wait(60))
    await asyncio.sleep(0)
    await log.append([outgoing("a")])
    await asyncio.wait_for(waiting, 30)


async def test_waiting_ends_when_something_is_committed(log: Log) -> None:
    waiting = asyncio.create_task(log.wait(60))
    await asyncio.sleep(0)
    await log.commit(Commit(0, [], {TELEMETRY: 1}))
    await asyncio.wait_for(waiting, 30)


async def test_what_was_written_between_two_waits_is_not_missed(log: Log) -> None:
    await log.append([outgoing("a")])
    await log.wait(60)
    await log.append([outgoing("b")])
    await asyncio.wait_for(log.wait(60), 30)


async def test_waiting_with_nothing_new_ends_at_the_timeout(log: Log) -> None:
    await log.append([outgoing("a")])
    await log.wait(60)
    await asyncio.wait_for(log.wait(0.01), 30)


async def test_positions_records_and_ends_survive_closing_and_reopening(open_log: OpenLog) -> None:
    log = await open_log()
    await log.append([outgoing(str(number)) for number in range(4)])
    await commit_and_settle(log, Commit(0, [outgoing("fact", topic="facts")], {TELEMETRY: 3}))
    await log.trim(TELEMETRY, 0, 2)
    await log.close()
    again = await open_log()
    assert await again.positions(0) == {TELEMETRY: 3}
    assert values(await read_all(again)) == ["2", "3"]
    assert values(await read_all(again, "facts")) == ["fact"]
    assert await again.append([outgoing("4")]) == [4]
    await again.close()


async def test_closing_twice_is_fine_and_use_after_closing_is_refused(log: Log) -> None:
    await log.append([outgoing("a")])
    await log.close()
    await log.close()
    with pytest.raises(DependencyError, match="closed"):
        await log.append([outgoing("b")])
    with pytest.raises(DependencyError, match="closed"):
        await log.commit(Commit(0, [], {}))
    with pytest.raises(DependencyError, match="closed"):
        await read_all(log)
    with pytest.raises(DependencyError, match="closed"):
        await log.wait(0)


async def test_closing_wakes_those_who_wait(log: Log) -> None:
    waiting = asyncio.create_task(log.wait(60))
    await asyncio.sleep(0)
    await log.close()
    with pytest.raises(DependencyError, match="closed"):
        await asyncio.wait_for(waiting, 30)


async def test_a_compacted_topic_always_shows_the_last_record_of_each_key(log: Log) -> None:
    for round_number in range(30):
        await log.append([outgoing(f"{key}{round_number}", topic=FORECASTS, key=f"device-{key}") for key in range(100)])
    last = {record.key: record.value for record in await read_all(log, FORECASTS)}
    assert last == {f"device-{key}".encode(): f"{key}29".encode() for key in range(100)}
    assert await log.end_offset(FORECASTS, 0) >= 3000
