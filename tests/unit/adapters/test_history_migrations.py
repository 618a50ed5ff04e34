"""The database of history: migrations lead to what the code expects, and what is newer or foreign is left alone."""

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

import tidegate.adapters.history.tables  # noqa: F401 - it fills the catalogue
from tidegate.adapters.history import Database, open_database
from tidegate.adapters.history.metadata import METADATA
from tidegate.adapters.history.migrate import migrate
from tidegate.errors import ConfigurationError, HistoryDamagedError, HistoryForeignError, HistoryNewerError


def database(folder: Path) -> Database:
    return open_database(f"sqlite:///{folder / 'history.db'}")


async def test_migrations_lead_to_the_tables_of_the_code_and_may_be_repeated(tmp_path: Path) -> None:
    history = database(tmp_path)
    await migrate(history)
    await migrate(history)

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), METADATA))

    async with history.reading() as connection:
        assert await connection.run_sync(differences) == []
    await history.close()


async def test_a_newer_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    history = database(tmp_path)
    await migrate(history)
    async with history.writing() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999_later'")
    with pytest.raises(HistoryNewerError, match="9999_later"):
        await migrate(history)
    await history.close()


async def test_tables_of_somebody_else_are_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "history.db") as theirs:
        theirs.execute("CREATE TABLE commands (id INTEGER)")
    theirs.close()
    history = database(tmp_path)
    with pytest.raises(HistoryForeignError, match="commands"):
        await migrate(history)
    await history.close()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"this was never a database" * 100)
    history = database(tmp_path)
    with pytest.raises(HistoryDamagedError):
        await migrate(history)
    await history.close()


@pytest.mark.parametrize("url", ["nonsense", "mysql://root@127.0.0.1/tidegate", "://"])
def test_what_is_no_url_of_ours_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        open_database(url)
