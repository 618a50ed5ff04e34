"""What is followed: all of a stretch or nothing, once however often, the same again from the topics."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from history_rig import (
    PARTITIONS,
    anomaly,
    content,
    fill,
    follow,
    follower,
    opened,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from histories import fresh_history
from tidegate.adapters.history import Database, SqlViews
from tidegate.adapters.history.tables import FACTS, OFFSETS
from tidegate.adapters.history.writer import FactWriter
from tidegate.adapters.memory import ManualClock, MemoryLog
from tidegate.errors import HistoryUnavailableError


async def test_a_stretch_that_comes_again_changes_nothing(database: Database, log: MemoryLog) -> None:
    await fill(log)
    await follow(log, database)
    before = await content(database)
    assert all(before[table.name] for table in FACTS if table.name != "replays")
    await FactWriter(database).begin_again()
    await follow(log, database)
    assert await content(database) == before


async def test_a_history_made_anew_equals_the_one_that_was_followed_as_facts_came(database: Database, log: MemoryLog) -> None:
    one = follower(log, database)
    for seed in range(6):
        await fill(log, seed, rounds=20)
        await one.catch_up()
    while await one.catch_up():
        pass
    before = await content(database)
    await FactWriter(database).begin_again(forget=True)
    assert not any((await content(database)).values())
    await follow(log, database)
    assert await content(database) == before


async def test_processes_that_follow_into_one_database_at_once_write_what_one_would(
    url: str, database: Database, log: MemoryLog, tmp_path: Path
) -> None:
    await fill(log)
    async with opened(url) as second, opened(url) as third:
        await asyncio.gather(*(follow(log, each) for each in (database, second, third)))
    (tmp_path / "alone").mkdir()
    alone = fresh_history(tmp_path / "alone")
    await follow(log, alone)
    assert await content(database) == await content(alone)
    await alone.close()


async def test_a_failure_inside_the_transaction_leaves_rows_and_offsets_as_they_were(
    database: Database, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(log, rounds=20)
    one = follower(log, database)
    await one.catch_up()
    before = await content(database)
    await fill(log, seed=2, rounds=20)
    upsert = FactWriter._upsert

    async def fails(self: FactWriter, connection: AsyncConnection, table: Any, *rest: Any, **named: Any) -> None:
        await upsert(self, connection, table, *rest, **named)
        if table is OFFSETS:
            raise HistoryUnavailableError("gone before the commit")

    with monkeypatch.context() as patch:
        patch.setattr(FactWriter, "_upsert", fails)
        with pytest.raises(HistoryUnavailableError):
            await one.catch_up()
        assert await content(database) == before
    while await one.catch_up():
        pass
    after = await content(database)
    await FactWriter(database).begin_again(forget=True)
    await follow(log, database)
    assert await content(database) == after


async def test_a_follower_from_before_a_rebuild_leaves_no_gap(database: Database, log: MemoryLog) -> None:
    await fill(log)
    old = await follow(log, database)
    before = await content(database)
    await FactWriter(database).begin_again(forget=True)
    await log.append([anomaly(99)])
    while await old.catch_up():
        pass
    again = await content(database)
    assert {row[0] for row in again["anomalies"]} == {row[0] for row in before["anomalies"]} | {"a099"}


async def test_a_history_of_a_log_that_is_no_more_begins_again_with_the_new_one(database: Database, log: MemoryLog) -> None:
    await fill(log)
    await follow(log, database)
    new = MemoryLog(PARTITIONS, clock=ManualClock())
    await new.append([anomaly(500)])
    await follow(new, database)
    assert (await SqlViews(database, PARTITIONS).anomaly("a500")) is not None


async def test_a_version_that_comes_late_does_not_replace_a_newer_one(database: Database, log: MemoryLog) -> None:
    await log.append([anomaly(1, 3), anomaly(1, 2), anomaly(2, 1), anomaly(1, 1)])
    await follow(log, database)
    await log.append([anomaly(1, 2)])
    await follow(log, database)
    found = await SqlViews(database, PARTITIONS).anomaly("a001")
    assert found is not None
    assert found.version == 3
