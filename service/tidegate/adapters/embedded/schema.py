"""The file's layout, and opening it: create or check, never guess.

One B-tree holds all records, ordered by stream (a topic's partition) and offset: its key is `stream << 44 | offset`, so
an append is an insert at the end of a range and a read is a range scan. `stream` keeps the ends, which outlive the
records; `latest` is compaction's memory of where each key was seen last.
"""

import sqlite3
from pathlib import Path
from typing import Final

from tidegate.adapters.embedded.translate import translated
from tidegate.errors import ConfigurationError, DependencyError, StateLostError

FORMAT_VERSION: Final = 1
"""Of the layout below, kept in SQLite's `user_version`."""

APPLICATION_ID: Final = 0x54494445
"""`TIDE` in ASCII, kept in SQLite's `application_id`: this file is ours."""

OFFSET_BITS: Final = 44
"""Room for 1.7e13 records in a stream (5 years at 100,000 a second) and half a million streams in SQLite's 63-bit row ids."""

_CHECKPOINT_PAGES: Final = 4000
"""16 MB of write-ahead log between checkpoints: each costs an fsync of the main file."""

_TABLES: Final = (
    "CREATE TABLE setting (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE stream (id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL,"
    " start_offset INTEGER NOT NULL, end_offset INTEGER NOT NULL, compacted_to INTEGER NOT NULL, UNIQUE (topic, partition))",
    "CREATE TABLE record (id INTEGER PRIMARY KEY, timestamp_ms INTEGER NOT NULL, key BLOB, value BLOB, headers BLOB)",
    "CREATE TABLE latest (stream INTEGER NOT NULL, key BLOB NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (stream, key))"
    " WITHOUT ROWID",
    "CREATE TABLE position (partition INTEGER NOT NULL, topic TEXT NOT NULL, next_offset INTEGER NOT NULL,"
    " PRIMARY KEY (partition, topic)) WITHOUT ROWID",
)


def connect(path: Path, partitions: int, max_bytes: int | None) -> sqlite3.Connection:
    """Open the log at `path`, creating it if it is not there, and hold SQLite's own exclusive lock.

    `max_bytes` bounds the main file; null means the disk does. The caller holds the lock file.

    Raises:
        ConfigurationError: the file was made with another partition count.
        StateLostError: the file is damaged.
        DependencyError: the file is another program's, or of a layout this release does not know.
    """
    with translated(path):
        connection = sqlite3.connect(path, isolation_level=None, timeout=0)
        try:
            _set_up(connection, max_bytes)
            _create_or_check(connection, path, partitions)
        except BaseException:
            connection.close()
            raise
    return connection


def _set_up(connection: sqlite3.Connection, max_bytes: int | None) -> None:
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit={_CHECKPOINT_PAGES * 4096 * 4}")
    if max_bytes is not None:
        page_bytes = _number(connection, "PRAGMA page_size")
        connection.execute(f"PRAGMA max_page_count={max(max_bytes // page_bytes, 1)}")


def _create_or_check(connection: sqlite3.Connection, path: Path, partitions: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    if _number(connection, "SELECT count(*) FROM sqlite_master") == 0:
        _create(connection, partitions)
    else:
        _check(connection, path, partitions)
    connection.execute("COMMIT")


def _create(connection: sqlite3.Connection, partitions: int) -> None:
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute("INSERT INTO setting VALUES ('partitions', ?)", (partitions,))
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={FORMAT_VERSION}")


def _check(connection: sqlite3.Connection, path: Path, partitions: int) -> None:
    if _number(connection, "PRAGMA application_id") != APPLICATION_ID:
        raise DependencyError(f"{path} is not a Tidegate log", advice="give the log a path of its own")
    version = _number(connection, "PRAGMA user_version")
    if version != FORMAT_VERSION:
        raise DependencyError(
            f"{path} has log format {version}, expected {FORMAT_VERSION}",
            advice="open it with the release that wrote it, or move it away to start with an empty log",
        )
    row = connection.execute("SELECT value FROM setting WHERE name = 'partitions'").fetchone()
    if row is None:
        raise StateLostError(f"{path} has lost its partition count", advice="restore the file from a backup")
    if row[0] != partitions:
        raise ConfigurationError(
            f"{path} has {row[0]} partitions, configured are {partitions}",
            advice=f"set the partition count to {row[0]}: changing it would move sites between partitions",
        )


def _number(connection: sqlite3.Connection, statement: str) -> int:
    row = connection.execute(statement).fetchone()
    return int(row[0])
