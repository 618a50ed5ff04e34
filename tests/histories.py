"""Databases of history for tests: SQLite files, migrated once for each process of tests and then copied."""

import asyncio
import shutil
import tempfile
import threading
from functools import cache
from pathlib import Path

from tidegate.adapters.history import Database, migrate, open_database


def fresh_history(folder: Path) -> Database:
    """An empty history in `folder`."""
    file = folder / "history.db"
    shutil.copyfile(_template(), file)
    return open_database(f"sqlite:///{file}")


@cache
def _template() -> Path:
    file = Path(tempfile.mkdtemp(prefix="tidegate-history-")) / "template.db"
    # In a thread of its own, for whoever asks may have a loop that runs.
    maker = threading.Thread(target=lambda: asyncio.run(_make(file)))
    maker.start()
    maker.join()
    return file


async def _make(file: Path) -> None:
    database = open_database(f"sqlite:///{file}")
    await migrate(database)
    await database.close()
