"""Brings a database to the form that this release knows. Refuses one that is newer, for an old release would spoil it."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from tidegate.adapters.history.database import Database
from tidegate.adapters.history.metadata import METADATA
from tidegate.errors import HistoryDamagedError, HistoryForeignError, HistoryNewerError

_LOCK: Final = 0x7464_6769
"""Key of PostgreSQL's advisory lock: processes that start together migrate one after the other."""


async def migrate(database: Database) -> None:
    """Apply what is missing, in one transaction; processes that do so at once wait for each other.

    A database that is not for us answers no question from then on, until this succeeds.

    Raises:
        HistoryNewerError: a later release migrated it.
        HistoryForeignError: it has tables of our names that are not ours.
        HistoryError: it cannot be reached or written.
    """
    try:
        async with database.writing(migrates=True) as connection:
            if database.dialect == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            await connection.run_sync(_upgrade, database.name)
    except (HistoryNewerError, HistoryForeignError, HistoryDamagedError) as error:
        database.refusal = error
        raise
    database.refusal = None


def revision(connection: Connection) -> str | None:
    """The form that the database has; None before the first migration."""
    return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """The form that this release knows."""
    return str(ScriptDirectory.from_config(_configuration()).get_current_head())


def _upgrade(connection: Connection, name: str) -> None:
    configuration = _configuration()
    known = {script.revision for script in ScriptDirectory.from_config(configuration).walk_revisions()}
    current = revision(connection)
    if current is not None and current not in known:
        raise HistoryNewerError(
            f"{name} has form {current!r}, this release knows up to {newest()!r}",
            advice="run the newer release, or restore a backup from before it (docs/history.md)",
        )
    if current is None and (foreign := sorted(set(inspect(connection).get_table_names()) & set(METADATA.tables))):
        raise HistoryForeignError(
            f"{name} has tables {', '.join(foreign)} that Tidegate did not make", advice="give Tidegate a database of its own"
        )
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")


def _configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    return configuration
