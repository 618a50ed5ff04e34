"""SQLite's errors in Tidegate's words, with what to do about each."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tidegate.errors import DependencyError, LogFullError, LogInUseError, StateLostError

_FULL_ADVICE = "free disk space, or raise the log's size limit; writing resumes by itself"
_LOST_ADVICE = "restore the file from a backup, or move it away to start with an empty log"


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Run the block; what SQLite raises leaves as one of ours.

    Raises:
        LogFullError: no space left on the disk or within the size limit.
        StateLostError: the file is not a database, or its pages are damaged.
        LogInUseError: some other program holds SQLite's own lock on the file.
        DependencyError: anything else SQLite complains about.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _translate(error, path) from error


def _translate(error: sqlite3.Error, path: Path) -> DependencyError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return LogFullError(f"no space left for {path}, nothing was written", advice=_FULL_ADVICE)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StateLostError(f"{path} is damaged: {error}", advice=_LOST_ADVICE)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LogInUseError(f"{path} is locked by another program", advice="close the program that has it open")
    return DependencyError(f"{path}: {error}", advice="check disk, folder and rights")
