"""Errors of the database in our words. The drivers' own never leave this package."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tidegate.errors import HistoryBusyError, HistoryDamagedError, HistoryError, HistoryFullError, HistoryUnavailableError

_DAMAGED: Final = "restore a backup, or move the file away: facts are read again from the topics, keys and audit are lost"

_SQLITE: Final[tuple[tuple[str, type[HistoryError], str], ...]] = (
    ("locked", HistoryBusyError, "another process writes to it; it is tried again"),
    ("full", HistoryFullError, "make room, or shorten history.retention"),
    ("not a database", HistoryDamagedError, _DAMAGED),
    ("malformed", HistoryDamagedError, _DAMAGED),
    ("readonly", HistoryUnavailableError, "let the service write to the file and its folder"),
    ("unable to open", HistoryUnavailableError, "see that the folder is there and may be written"),
    ("disk i/o", HistoryUnavailableError, "look at the disk"),
)
"""What SQLite says, and what it means; its codes are kept by the driver only in part."""

_POSTGRES: Final[tuple[tuple[str, type[HistoryError], str], ...]] = (
    ("53100", HistoryFullError, "make room on the database's disk, or shorten history.retention"),
    ("53300", HistoryBusyError, "the server has no connection left; it is tried again"),
    ("55P03", HistoryBusyError, "another process holds a lock; it is tried again"),
    ("40001", HistoryBusyError, "two writers met; it is tried again"),
    ("40P01", HistoryBusyError, "two writers met; it is tried again"),
    ("28", HistoryUnavailableError, "correct user or password: history.url, history.password_file"),
    ("3D000", HistoryUnavailableError, "create the database, or correct history.url"),
    ("42501", HistoryUnavailableError, "grant the user the right to create and write tables"),
)
"""Beginnings of SQLSTATE codes (PostgreSQL, appendix A)."""


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn whatever the driver raises in the block into an error of ours about `where`.

    Raises:
        HistoryError: what failed, by kind.
    """
    try:
        yield
    except HistoryError:
        raise
    except DBAPIError as error:
        raise _meaning(where, error.orig if error.orig is not None else error) from error
    except PoolTimeoutError as error:
        raise HistoryBusyError(f"{where} had no connection free in time") from error
    except SQLAlchemyError as error:
        raise HistoryError(f"{where}: {type(error).__name__}") from error
    except (OSError, sqlite3.Error) as error:
        raise _meaning(where, error) from error


def _meaning(where: str, error: BaseException) -> HistoryError:
    state = str(getattr(error, "sqlstate", "") or "")
    text = str(error)
    for start, kind, advice in _POSTGRES:
        if state.startswith(start):
            return kind(f"{where}: {_first_line(text)}", advice=advice)
    for part, kind, advice in _SQLITE:
        if not state and part in text.lower():
            return kind(f"{where}: {_first_line(text)}", advice=advice)
    if isinstance(error, sqlite3.Error):
        return HistoryError(f"{where}: {_first_line(text)}")
    return HistoryUnavailableError(f"{where}: {_first_line(text) or type(error).__name__}", advice="see that the database runs")


def _first_line(text: str) -> str:
    """Without what may follow: statements, values, stack."""
    return text.split("\n", 1)[0].removeprefix("<class 'asyncpg.exceptions.").strip()[:200]
