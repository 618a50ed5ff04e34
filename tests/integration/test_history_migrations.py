"""The database of history, on SQLite and on PostgreSQL: migrations lead to what the code expects, and what is newer or foreign
is left alone."""

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

import tidegate.adapters.history.tables  # noqa: F401 - it fills the catalogue
from postgres import PASSWORD
from tidegate.adapters.history import Database, open_database
from tidegate.adapters.history.metadata import METADATA
from tidegate.adapters.history.migrate import migrate
from tidegate.errors import (
    ConfigurationError,
    HistoryDamagedError,
    HistoryError,
    HistoryForeignError,
    HistoryNewerError,
    HistoryUnavailableError,
)

DIALECTS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'history.db'}"
    else:
        yield request.getfixturevalue("postgres").new_database()


def opened(url: str) -> Database:
    return open_database(url, PASSWORD if url.startswith("postgresql") else "")


async def test_migrations_lead_to_the_tables_of_the_code_and_may_be_repeated(url: str) -> None:
    history = opened(url)
    await migrate(history)
    await migrate(history)

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), METADATA))

    async with history.reading() as connection:
        assert await connection.run_sync(differences) == []
    await history.close()


async def test_processes_that_start_together_migrate_one_after_the_other(url: str) -> None:
    together = [opened(url) for _ in range(4)]
    await asyncio.gather(*(migrate(history) for history in together))
    for history in together:
        await history.close()


async def test_a_file_that_another_process_is_just_beginning_is_waited_for(tmp_path: Path) -> None:
    """Before the file is in write-ahead mode SQLite refuses at once, without the wait it otherwise does."""
    theirs = sqlite3.connect(tmp_path / "history.db", isolation_level=None)
    theirs.execute("BEGIN IMMEDIATE")
    history = opened(f"sqlite:///{tmp_path / 'history.db'}")
    ours = asyncio.create_task(migrate(history))
    await asyncio.sleep(0.3)
    assert not ours.done()
    theirs.execute("COMMIT")
    await ours
    theirs.close()
    await history.close()


async def test_a_newer_database_is_refused_and_left_as_it_is(url: str) -> None:
    history = opened(url)
    await migrate(history)
    async with history.writing() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999_later'")
    with pytest.raises(HistoryNewerError, match="9999_later") as refusal:
        await migrate(history)
    assert "newer release" in refusal.value.advice
    await history.close()
    again = opened(url)  # the other one asks nothing any more
    async with again.reading() as connection:
        assert (await connection.exec_driver_sql("SELECT version_num FROM alembic_version")).scalar() == "9999_later"
    await again.close()


async def test_tables_of_somebody_else_are_refused(url: str) -> None:
    history = opened(url)
    async with history.writing() as connection:
        await connection.exec_driver_sql("CREATE TABLE commands (id INTEGER)")
    with pytest.raises(HistoryForeignError, match="commands"):
        await migrate(history)
    await history.close()


async def test_an_interrupted_migration_leaves_nothing(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "history.db") as theirs:
        theirs.execute("CREATE TABLE topologies_hold (id INTEGER)")
        theirs.execute("CREATE INDEX ix_topologies_site_revision ON topologies_hold (id)")  # the last step will trip over it
    theirs.close()
    history = opened(f"sqlite:///{tmp_path / 'history.db'}")
    with pytest.raises(HistoryError, match="already exists"):
        await migrate(history)
    async with history.reading() as connection:
        names = (await connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
    assert names == ["topologies_hold"]
    await history.close()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"this was never a database" * 100)
    history = opened(f"sqlite:///{tmp_path / 'history.db'}")
    with pytest.raises(HistoryDamagedError):
        await migrate(history)
    await history.close()


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("spoil", "advice"),
    [
        (lambda url: url.replace("tidegate@", "nobody@"), "password"),
        (lambda url: url.rsplit("/", 1)[0] + "/elsewhere", "create the database"),
        (lambda url: re.sub(r":\d+/", ":1/", url), "runs"),
    ],
)
async def test_a_server_that_is_not_as_described_is_told_with_what_to_do(
    request: pytest.FixtureRequest, spoil: Callable[[str], str], advice: str
) -> None:
    url = spoil(request.getfixturevalue("postgres").new_database())
    history = opened(url)
    with pytest.raises(HistoryUnavailableError) as refusal:
        await migrate(history)
    assert advice in refusal.value.advice
    assert PASSWORD not in str(refusal.value)
    await history.close()


@pytest.mark.parametrize("url", ["nonsense", "mysql://root@127.0.0.1/tidegate", "://"])
def test_what_is_no_url_of_ours_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        open_database(url)
