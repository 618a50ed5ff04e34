"""The in-memory log's own verbs: crash, restart, fail, pause, end, compact. What every log promises is in tests/contract."""

import asyncio

import pytest

from tidegate.adapters.clock import SystemClock
from tidegate.adapters.memory import ManualClock, MemoryLog
from tidegate.contracts.topics import FORECASTS, TELEMETRY
from tidegate.errors import DependencyError, LogFullError
from tidegate.ports import Commit, Outgoing


def telemetry(value: bytes) -> Outgoing:
    return Outgoing(TELEMETRY, 0, b"site", value)


async def values(log: MemoryLog, topic: str = TELEMETRY) -> list[bytes | None]:
    return [record.value for record in await log.read(topic, 0, 0, max_records=100, max_bytes=1 << 20)]


async def test_the_chosen_commit_fails_once_and_leaves_nothing() -> None:
    log = MemoryLog()
    log.fail("commit", LogFullError("full"), after=1)
    await log.commit(Commit(0, [telemetry(b"1")], {TELEMETRY: 1}))
    with pytest.raises(LogFullError):
        await log.commit(Commit(0, [telemetry(b"2")], {TELEMETRY: 2}))
    assert await values(log) == [b"1"]
    assert await log.positions(0) == {TELEMETRY: 1}
    await log.commit(Commit(0, [telemetry(b"3")], {TELEMETRY: 3}))
    assert await values(log) == [b"1", b"3"]


async def test_a_write_may_fail_after_it_took_effect_as_a_timeout_does() -> None:
    log = MemoryLog()
    log.fail("append", DependencyError("timed out"), written=True)
    log.fail("commit", DependencyError("timed out"), written=True)
    with pytest.raises(DependencyError):
        await log.append([telemetry(b"1")])
    with pytest.raises(DependencyError):
        await log.commit(Commit(0, [telemetry(b"2")], {TELEMETRY: 2}))
    assert await values(log) == [b"1", b"2"]
    assert await log.positions(0) == {TELEMETRY: 2}


async def test_failures_of_appends_and_commits_are_counted_apart_and_in_order() -> None:
    log = MemoryLog()
    log.fail("commit", DependencyError("first"))
    log.fail("commit", DependencyError("third"), after=2)
    await log.append([telemetry(b"1")])
    with pytest.raises(DependencyError, match="first"):
        await log.commit(Commit(0, [], {}))
    await log.commit(Commit(0, [], {}))
    with pytest.raises(DependencyError, match="third"):
        await log.commit(Commit(0, [], {}))


async def test_a_crash_refuses_everything_until_restart_and_keeps_what_was_committed() -> None:
    log = MemoryLog()
    await log.commit(Commit(0, [telemetry(b"1")], {TELEMETRY: 1}))
    log.crash()
    with pytest.raises(DependencyError, match="crashed"):
        await log.append([telemetry(b"2")])
    log.restart()
    assert await values(log) == [b"1"]
    assert await log.positions(0) == {TELEMETRY: 1}


async def test_a_crash_loses_what_was_under_way() -> None:
    log = MemoryLog()
    log.pause()
    writing = asyncio.create_task(log.append([telemetry(b"1")]))
    await asyncio.sleep(0)
    log.crash()
    with pytest.raises(DependencyError, match="crashed"):
        await writing
    log.restart()
    assert await values(log) == []


async def test_a_pause_holds_writers_until_resumed() -> None:
    log = MemoryLog()
    log.pause()
    writing = asyncio.create_task(log.append([telemetry(b"1")]))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not writing.done()
    log.resume()
    assert await writing == [0]


async def test_after_the_end_nobody_waits() -> None:
    log = MemoryLog()
    waiting = asyncio.create_task(log.wait(60))
    await asyncio.sleep(0)
    log.end()
    await asyncio.wait_for(waiting, 30)
    await asyncio.wait_for(log.wait(60), 30)
    assert log.ended


async def test_compaction_keeps_the_last_of_each_key_of_compacted_topics_only() -> None:
    log = MemoryLog()
    for value in (b"1", b"2"):
        await log.append([Outgoing(FORECASTS, 0, b"device", value), Outgoing(FORECASTS, 0, None, value), telemetry(value)])
    await log.compact()
    assert await values(log, FORECASTS) == [b"1", b"2", b"2"]
    assert await values(log) == [b"1", b"2"]


def test_a_manual_clock_moves_only_by_hand() -> None:
    clock = ManualClock(now_ms=1000)
    assert (clock.now_ms(), clock.monotonic()) == (1000, 0.0)
    clock.advance(1.5)
    clock.step(-2)
    assert (clock.now_ms(), clock.monotonic()) == (500, 1.5)


def test_the_system_clock_tells_milliseconds_and_never_steps_back() -> None:
    clock = SystemClock()
    assert clock.now_ms() > 1_700_000_000_000
    assert clock.monotonic() <= clock.monotonic()
