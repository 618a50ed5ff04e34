"""The databases that history promises the same on: SQLite and a real PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from history_rig import DIALECTS, PARTITIONS, opened

from tidegate.adapters.history import Database
from tidegate.adapters.memory import ManualClock, MemoryLog


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'history.db'}"
    else:
        yield request.getfixturevalue("postgres").new_database()


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with opened(url) as made:
        yield made


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(PARTITIONS, clock=ManualClock())
