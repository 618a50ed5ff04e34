"""A database of history that is locked, full, newer, damaged, gone or cut off in the middle: REST says so, with what to do,
nothing is lost, and it goes on by itself once it is mended."""

import asyncio
import contextlib
import gc
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event, select

from postgres import PASSWORD, Postgres
from serving import serving
from tidegate.adapters.history import Database, Follower, SqlViews, database, follower, migrate, open_database
from tidegate.adapters.history.tables import FACTS, OFFSETS
from tidegate.adapters.history.writer import FactWriter
from tidegate.adapters.memory import ManualClock, MemoryLog, NullMetrics
from tidegate.api import examples
from tidegate.api.app import create_app
from tidegate.api.dependencies import ApiDependencies
from tidegate.api.feed import Feed
from tidegate.contracts import topics
from tidegate.contracts.codec import encode
from tidegate.ports import HistoryLag, Outgoing

PATIENCE_SECONDS = 30.0


class Tally(NullMetrics):
    """Remembers failures."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def history_failed(self, code: str) -> None:
        self.failures.append(code)


@dataclass
class Scene:
    """A door over a history that is followed in the background."""

    log: MemoryLog
    history: Database
    follower: Follower
    metrics: Tally
    client: httpx.AsyncClient

    async def happens(self, number: int) -> None:
        fact = replace(examples.ANOMALY, id=f"a{number:03}", opened_at_ms=number)
        await self.log.append([Outgoing(topics.ANOMALIES, 0, b"k", encode(fact))])

    async def shown(self) -> list[str] | None:
        answer = await self.client.get("/v1/anomalies")
        return [item["id"] for item in answer.json()["items"]] if answer.status_code == 200 else None

    async def problem(self, status: int, code: str) -> dict[str, Any]:
        """The problem that REST answers with, as soon as it does."""
        found: dict[str, Any] = {}

        async def is_there() -> bool:
            answer = await self.client.get("/v1/anomalies")
            found.update(answer.json(), http=answer.status_code)
            return bool(answer.status_code == status and found.get("code") == code)

        await until(is_there)
        assert found["advice"]
        assert PASSWORD not in str(found)
        return found


async def until(look: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not await look():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def scene(history: Database) -> AsyncIterator[Scene]:
    log, metrics = MemoryLog(1, clock=ManualClock()), Tally()
    one = Follower(log, history, metrics)
    await one.prepare()
    nothing: Any = metrics
    dependencies = ApiDependencies(log, SqlViews(history, 1), nothing, nothing, ManualClock(), Feed(log))
    running = asyncio.create_task(one.run())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=create_app(dependencies)), base_url="http://door") as client:
        try:
            yield Scene(log, history, one, metrics, client)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await history.close()


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses and patience of tests."""
    monkeypatch.setattr(follower, "TRY_AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(follower, "LONGEST_PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.3)


def move_away(folder: Path) -> None:
    for each in folder.glob("history.db*"):
        each.rename(folder / f"old-{each.name}")


def sqlite_history(folder: Path) -> Database:
    return open_database(f"sqlite:///{folder / 'history.db'}")


async def test_a_history_that_keeps_up_with_a_stream_that_never_pauses_is_level(tmp_path: Path) -> None:
    history, log = sqlite_history(tmp_path), MemoryLog(1, clock=ManualClock())
    one = Follower(log, history, NullMetrics())
    one._level_at -= 3600
    for number in range(5):
        fact = replace(examples.ANOMALY, id=f"a{number:03}")
        await log.append([Outgoing(topics.ANOMALIES, 0, b"k", encode(fact))])
        assert await one.catch_up() == 1  # no round without a record
    assert one.lag() == HistoryLag()
    assert time.monotonic() - one._level_at < 600
    await history.close()


async def test_while_another_process_locks_it_questions_are_answered_and_facts_follow_later(tmp_path: Path) -> None:
    async with scene(sqlite_history(tmp_path)) as here:
        await here.happens(1)
        await until(lambda: _shows(here, ["a001"]))
        with contextlib.closing(sqlite3.connect(tmp_path / "history.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await here.happens(2)
            await until(lambda: _failed_with(here, "history-busy"))
            assert await here.shown() == ["a001"]
            assert here.follower.lag().seconds > 0
            other.execute("ROLLBACK")
        await until(lambda: _shows(here, ["a002", "a001"]))
        await until(lambda: _level(here))


async def test_a_full_disk_keeps_what_there_is_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    history = sqlite_history(tmp_path)
    most = {"pages": 100_000}

    @event.listens_for(history.engine.sync_engine, "begin")
    def _bounded(connection: Any) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={most['pages']}")

    async with scene(history) as here:
        await here.happens(1)
        await until(lambda: _shows(here, ["a001"]))
        most["pages"] = 1  # SQLite makes that what the file has now
        for number in range(2, 150):
            await here.happens(number)
        await until(lambda: _failed_with(here, "history-full"))
        assert (await here.shown() or [])[-1] == "a001"
        most["pages"] = 100_000
        await until(lambda: _counts(here, 100))
        await until(lambda: _level(here))


async def test_a_newer_database_is_refused_with_advice_until_it_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    newer = sqlite_history(tmp_path)
    await migrate(newer)
    async with newer.writing() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999_later'")
    await newer.close()
    before = file.read_bytes()
    async with scene(sqlite_history(tmp_path)) as here:
        await here.happens(1)
        found = await here.problem(503, "history-newer")
        assert "9999_later" in found["detail"]
        assert file.read_bytes() == before
        move_away(tmp_path)
        await until(lambda: _shows(here, ["a001"]))


async def test_a_damaged_file_is_told_and_made_again_from_the_topics_once_it_is_moved_away(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"this was never a database" * 1000)
    async with scene(sqlite_history(tmp_path)) as here:
        await here.happens(1)
        found = await here.problem(503, "history-damaged")
        assert "move the file away" in found["advice"]
        (tmp_path / "history.db").rename(tmp_path / "damaged")
        await until(lambda: _shows(here, ["a001"]))


async def test_a_file_that_is_damaged_while_it_is_in_use_is_made_again_once_it_is_moved_away(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    async with scene(sqlite_history(tmp_path)) as here:
        await here.happens(1)
        await until(lambda: _shows(here, ["a001"]))
        await here.history.close()  # a restart of all connections, between which the disk fails
        with file.open("r+b") as damaged:
            damaged.write(b"\x00" * 4096)
        (tmp_path / "history.db-wal").unlink(missing_ok=True)
        await here.happens(2)
        await until(lambda: _failed_with(here, "history-damaged"))
        move_away(tmp_path)
        await until(lambda: _shows(here, ["a002", "a001"]))


async def test_a_folder_that_goes_away_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.write_text("a file stands where the folder should")
    async with scene(open_database(f"sqlite:///{folder / 'history.db'}")) as here:
        await here.happens(1)
        await here.problem(503, "history-unavailable")
        folder.unlink()
        await until(lambda: _shows(here, ["a001"]))


@pytest.mark.postgres
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
async def test_a_server_that_goes_and_comes_back_is_used_again(own_postgres: Postgres, how: signal.Signals) -> None:
    history = open_database(own_postgres.new_database(), PASSWORD)
    async with scene(history) as here:
        await here.happens(1)
        await until(lambda: _shows(here, ["a001"]))
        await asyncio.to_thread(own_postgres.stop, how)
        await here.happens(2)
        await here.problem(503, "history-unavailable")
        await until(lambda: _failed_with(here, "history-unavailable"))
        await asyncio.to_thread(own_postgres.start)
        await until(lambda: _shows(here, ["a002", "a001"]))


@pytest.mark.postgres
async def test_a_server_that_is_not_there_yet_is_waited_for(own_postgres: Postgres) -> None:
    url = own_postgres.new_database()
    own_postgres.stop()
    async with scene(open_database(url, PASSWORD)) as here:
        await here.happens(1)
        await here.problem(503, "history-unavailable")
        await asyncio.to_thread(own_postgres.start)
        await until(lambda: _shows(here, ["a001"]))


def test_the_service_goes_on_scoring_when_its_history_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"this was never a database" * 1000)
    with serving(tmp_path, TIDEGATE_HISTORY__URL=f"sqlite:///{tmp_path / 'history.db'}") as (_, client):
        answer = client.get("/v1/anomalies")
        assert (answer.status_code, answer.json()["code"]) == (503, "history-damaged")
        sent = client.post("/v1/readings", json=examples_batch())
        assert sent.status_code == 202, sent.text
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not client.get("/v1/devices").json()["items"]:
            assert time.monotonic() < deadline, "nothing was scored"
            time.sleep(0.05)
        assert 'tidegate_history_failures_total{code="history-damaged"}' in client.get("/metrics").text
        (tmp_path / "history.db").rename(tmp_path / "damaged")
        while client.get("/v1/anomalies").status_code != 200:
            assert time.monotonic() < deadline, "history did not recover"
            time.sleep(0.1)


def examples_batch() -> dict[str, Any]:
    now_ms = int(time.time() * 1000)
    reading: dict[str, Any] = {"site": "s", "device": "d1", "profile": "temperature-sensor", "event_time_ms": now_ms}
    reading["metrics"] = {"temperature_celsius": 20.0}
    return {"site": "s", "readings": [reading]}


_CHILD = """
import asyncio, sys
from pathlib import Path
from tidegate.adapters.embedded import EmbeddedLog
from tidegate.adapters.history import Follower, open_database
from tidegate.adapters.history import follower
from tidegate.adapters.memory import NullMetrics

follower.MAX_RECORDS = 7

async def main():
    log = await EmbeddedLog.open(Path(sys.argv[1]) / "log.db")
    print("begun", flush=True)
    await Follower(log, open_database(f"sqlite:///{sys.argv[1]}/history.db"), NullMetrics()).run()

asyncio.run(main())
"""


async def test_a_process_killed_at_any_moment_leaves_facts_and_offsets_that_agree(tmp_path: Path) -> None:
    from tidegate.adapters.embedded import EmbeddedLog  # noqa: PLC0415 - the child holds it between our uses

    log = await EmbeddedLog.open(tmp_path / "log.db")
    facts = [replace(examples.ANOMALY, id=f"a{number % 400:03}", version=number) for number in range(3000)]
    await log.append([Outgoing(topics.ANOMALIES, 0, b"k", encode(fact)) for fact in facts])
    await log.close()
    reached = []
    for turn in range(5):
        await asyncio.to_thread(follow_and_kill, tmp_path, 0.15 + 0.07 * turn)
        history = sqlite_history(tmp_path)
        await migrate(history)
        reached.append((await FactWriter(history).offsets()).get((topics.ANOMALIES, 0), 0))
        assert await _rows(history) == await _expected(tmp_path, reached[-1])
        await history.close()
    assert reached == sorted(reached)
    assert reached[-1] > 0


def follow_and_kill(folder: Path, seconds: float) -> None:
    """Follow in a process of its own, and end it the hard way so long after it began."""
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(folder)], stdout=subprocess.PIPE, env=os.environ)
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(seconds)
    child.kill()
    child.communicate()


async def _expected(folder: Path, until_offset: int) -> list[Any]:
    """What a history has that read so many records in one go."""
    log = MemoryLog(1, clock=ManualClock())
    facts = [replace(examples.ANOMALY, id=f"a{number % 400:03}", version=number) for number in range(until_offset)]
    await log.append([Outgoing(topics.ANOMALIES, 0, b"k", encode(fact)) for fact in facts])
    (folder / "whole.db").unlink(missing_ok=True)
    whole = open_database(f"sqlite:///{folder / 'whole.db'}")
    one = Follower(log, whole, NullMetrics())
    while await one.catch_up():
        pass
    rows = await _rows(whole)
    await whole.close()
    return rows


async def _rows(history: Database) -> list[Any]:
    async with history.reading() as connection:
        anomalies = FACTS[0]
        found = await connection.execute(select(anomalies.c.id, anomalies.c.version).order_by(anomalies.c.id))
        offsets = await connection.execute(select(OFFSETS.c.next_offset).where(OFFSETS.c.topic == topics.ANOMALIES))
        return [tuple(row) for row in found] + [tuple(row) for row in offsets]


async def _shows(here: Scene, names: list[str]) -> bool:
    return await here.shown() == names


async def _counts(here: Scene, count: int) -> bool:
    return len(await here.shown() or []) == count


async def _failed_with(here: Scene, code: str) -> bool:
    return code in here.metrics.failures


async def _level(here: Scene) -> bool:
    return here.follower.lag().records == 0 and here.follower.lag().seconds == 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("end", ["given back", "cancelled"])
async def test_a_connection_in_use_while_the_database_closes_is_closed_when_it_is_given_back(tmp_path: Path, end: str) -> None:
    opened = open_database(f"sqlite:///{tmp_path / 'history.db'}")
    inside, go = asyncio.Event(), asyncio.Event()

    async def read() -> None:
        async with opened.reading() as connection:
            await connection.execute(select(1))
            inside.set()
            await go.wait()

    reading = asyncio.create_task(read())
    await inside.wait()
    await opened.close()
    if end == "cancelled":
        reading.cancel()
    go.set()
    await asyncio.gather(reading, return_exceptions=True)
    del reading
    gc.collect()  # what is still open would warn now, and fail this test
