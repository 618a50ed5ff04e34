"""A database of history: SQLite in a file of its own, or PostgreSQL. Connections and transactions, not what is in them."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from tidegate.adapters.history.failures import translated
from tidegate.errors import ConfigurationError, HistoryError, HistoryUnavailableError

BUSY_SECONDS: Final = 5.0
"""Seconds that a writer waits for another one of the same SQLite file (the CLI beside the service)."""

BUSY_POLL_SECONDS: Final = 0.02
"""Seconds between two tries where SQLite does not wait by itself."""

ANSWER_SECONDS: Final = 20.0
"""Seconds for one statement on PostgreSQL; beyond it the server is as good as gone."""

POOL: Final = 8
"""Connections of one process to PostgreSQL: one writes, the others answer."""

_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


class Database:
    """Connections to one history. `name` is its URL without the password; safe to show.

    While `refusal` is set every question ends with it: what is there is not for us.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.name = f"history {engine.url.render_as_string(hide_password=True)}"
        self.refusal: HistoryError | None = None

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that sees one moment of the database and changes nothing.

        Raises:
            HistoryError: it cannot be asked.
        """
        self._admit()
        with translated(self.name):
            async with self._connection() as connection:
                one_moment = {} if self.dialect == "sqlite" else {"isolation_level": "REPEATABLE READ"}
                reader = await connection.execution_options(**one_moment)
                async with reader.begin():
                    yield reader

    @asynccontextmanager
    async def writing(self, *, durable: bool = False, migrates: bool = False) -> AsyncIterator[AsyncConnection]:
        """A transaction whose changes are there, all of them, when the block ends well; none otherwise.

        `durable`: also after a power cut. Facts need not be, for they are read again from their topics. `migrates`: although it
        was refused; things may have changed.

        Raises:
            HistoryError: nothing was changed, or, where the server is lost during the commit, it is not known yet.
        """
        if not migrates:
            self._admit()
        with translated(self.name):
            async with self._connection() as connection:
                writer = await connection.execution_options(tidegate_writes=True, tidegate_durable=durable)
                async with writer.begin():
                    yield writer

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection of the pool. One that was in use while the database was closed is closed once it is given back."""
        pool = self.engine.pool
        try:
            async with self.engine.connect() as connection:
                yield connection
        finally:
            if pool is not self.engine.pool:
                await greenlet_spawn(pool.dispose)

    def _admit(self) -> None:
        if self.refusal is not None:
            raise type(self.refusal)(self.refusal.message, advice=self.refusal.advice)

    async def close(self) -> None:
        """Close all connections, those in use when they are given back; the next question opens one. Idempotent."""
        await self.engine.dispose()


def open_database(url: str, password: str = "") -> Database:
    """The database at `url` (`sqlite:///file`, `postgresql://user@host/name`); connects at the first question.

    Raises:
        ConfigurationError: not such a URL.
    """
    parsed = _parsed(url, password)
    if parsed.get_backend_name() == "postgresql":
        options: dict[str, Any] = {"timeout": BUSY_SECONDS, "command_timeout": ANSWER_SECONDS}
        engine = create_async_engine(
            parsed, pool_size=POOL, max_overflow=0, pool_timeout=BUSY_SECONDS, pool_pre_ping=True, connect_args=options
        )
    else:
        engine = create_async_engine(parsed, connect_args={"timeout": BUSY_SECONDS})
        _make_folder(engine, Path(parsed.database or ""))
        _prepare_sqlite(engine)
    return Database(engine)


def _make_folder(engine: AsyncEngine, file: Path) -> None:
    """Make the folder whenever a connection is opened: it may have been moved away."""

    @event.listens_for(engine.sync_engine, "do_connect")
    def _connects(*_: Any) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HistoryUnavailableError(
                f"cannot make folder {file.parent}: {error.strerror}", advice="make it, or correct history.url"
            ) from error


def _parsed(url: str, password: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(
            "history.url is not a URL", advice="for example postgresql://tidegate@db.example/tidegate"
        ) from error
    backend = parsed.get_backend_name()
    if backend not in _DRIVERS:
        raise ConfigurationError(f"history.url is of {backend!r}, expected sqlite or postgresql")
    if parsed.password:
        raise ConfigurationError(
            "history.url has a password in it", advice="put it into history.password_file or history.password"
        )
    parsed = parsed.set(drivername=_DRIVERS[backend])
    return parsed.set(password=password) if password else parsed


def _prepare_sqlite(engine: AsyncEngine) -> None:
    """Readers beside a writer (WAL), and transactions that begin when we say so: the driver's own begin too late."""

    @event.listens_for(engine.sync_engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        _write_ahead(connection)
        cursor = connection.cursor()
        # NORMAL: a power cut may take the last transactions, whole; offsets go with their facts, so they are read again.
        for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begins(connection: Any) -> None:
        options = connection.get_execution_options()
        writes = options.get("tidegate_writes", False)
        if writes:
            connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if options.get('tidegate_durable') else 'NORMAL'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _write_ahead(connection: Any) -> None:
    """Turn WAL on. Processes that start together on a new file meet here, and SQLite refuses without its usual wait."""
    deadline = time.monotonic() + BUSY_SECONDS
    cursor = connection.cursor()
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            connection.run_async(lambda _: asyncio.sleep(BUSY_POLL_SECONDS))
        else:
            cursor.close()
            return
