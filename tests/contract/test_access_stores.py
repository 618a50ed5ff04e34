"""What every store of keys and every audit promises: the doubles in memory, SQLite, PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tidegate.adapters.history import SqlAudit, SqlKeys, open_database
from tidegate.adapters.history.migrate import migrate
from tidegate.adapters.memory import MemoryAudit, MemoryKeys
from tidegate.contracts.access import ApiKey, AuditEntry, AuditFilter, AuditResult, PrincipalKind
from tidegate.contracts.ids import CommandId
from tidegate.contracts.paging import PageRequest, from_cursor
from tidegate.errors import InputError
from tidegate.ports import StoredKey

KEY = ApiKey("0123456789abcdef", "desk", ["operator@plant-7", "reader@*"], 1_700_000_000_000, "root")
STORED = StoredKey(KEY, bytes(range(32)))
ENTRY = AuditEntry(
    "a", 5, "desk", PrincipalKind.KEY, "drain", "plant-7", AuditResult.TAKEN, 202, "", CommandId("c-1"), "r-1", "192.0.2.7"
)


@pytest.fixture(params=["memory", "sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture
async def stores(kind: str, tmp_path: Path) -> AsyncIterator[tuple[Any, Any]]:
    if kind == "memory":
        yield MemoryKeys(), MemoryAudit()
        return
    database = open_database(f"sqlite:///{tmp_path / 'history.db'}")
    await migrate(database)
    yield SqlKeys(database), SqlAudit(database)
    await database.close()


@pytest.fixture
def keys(stores: tuple[Any, Any]) -> Any:
    return stores[0]


@pytest.fixture
def audit(stores: tuple[Any, Any]) -> Any:
    return stores[1]


async def test_a_key_is_found_as_it_was_kept_and_no_other_is(keys: Any) -> None:
    await keys.add(STORED)
    assert await keys.find(KEY.id) == STORED
    for other in ("fedcba9876543210", "", KEY.id.upper(), f"{KEY.id}' OR '1'='1"):
        assert await keys.find(other) is None


async def test_keys_are_listed_the_last_made_first(keys: Any) -> None:
    for number in range(3):
        key = replace(KEY, id=f"{number:016x}", created_at_ms=KEY.created_at_ms + number)
        await keys.add(StoredKey(key, bytes(32)))
    assert [key.id[-1] for key in await keys.all()] == ["2", "1", "0"]


async def test_a_key_is_revoked_once_and_keeps_its_time(keys: Any) -> None:
    await keys.add(STORED)
    assert (await keys.revoke(KEY.id, 10)).revoked_at_ms == 10
    assert (await keys.revoke(KEY.id, 20)).revoked_at_ms == 10
    assert (await keys.find(KEY.id)).key.revoked_at_ms == 10
    assert await keys.revoke("fedcba9876543210", 10) is None


async def test_an_end_moves_forward_and_never_back(keys: Any) -> None:
    await keys.add(STORED)
    assert [(await keys.expire(KEY.id, at)).expires_at_ms for at in (30, 20, 40)] == [30, 20, 20]
    assert await keys.expire("fedcba9876543210", 10) is None


async def test_the_last_use_is_the_latest(keys: Any) -> None:
    await keys.add(STORED)
    for at in (30, 20):
        await keys.used(KEY.id, at)
    assert (await keys.find(KEY.id)).key.last_used_at_ms == 30
    await keys.used("fedcba9876543210", 10)


async def test_entries_come_newest_first_in_pages_that_neither_repeat_nor_skip(audit: Any) -> None:
    for number in range(7):
        await audit.record(replace(ENTRY, id=f"{number}", at_ms=number // 2))
    seen: list[str] = []
    cursor = None
    while True:
        page = await audit.entries(PageRequest(3, cursor), AuditFilter())
        seen += [entry.id for entry in page.items]
        if page.next_cursor is None:
            break
        cursor = from_cursor(page.next_cursor)
    assert seen == list("6543210")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AuditFilter(), "cba"),
        (AuditFilter(principal="anna"), "b"),
        (AuditFilter(site="plant-8"), "c"),
        (AuditFilter(action="freeze"), "b"),
        (AuditFilter(result=AuditResult.REFUSED), "c"),
        (AuditFilter(command="c-1"), "ba"),
        (AuditFilter(since_ms=6), "cb"),
        (AuditFilter(until_ms=6), "a"),
        (AuditFilter(site="plant-7", principal="nobody"), ""),
    ],
)
async def test_entries_are_found_by_what_they_say(audit: Any, wanted: AuditFilter, found: str) -> None:
    await audit.record(ENTRY)
    await audit.record(replace(ENTRY, id="b", at_ms=6, principal="anna", action="freeze"))
    await audit.record(replace(ENTRY, id="c", at_ms=7, site="plant-8", result=AuditResult.REFUSED, command=None))
    page = await audit.entries(PageRequest(), wanted)
    assert "".join(entry.id for entry in page.items) == found


async def test_an_entry_comes_back_as_it_was_recorded(audit: Any) -> None:
    entries = [ENTRY, replace(ENTRY, id="b", site=None, command=None, principal="Ännä <b>'; DROP TABLE audit;--", address="")]
    for entry in entries:
        await audit.record(entry)
    assert (await audit.entries(PageRequest(), AuditFilter())).items == entries[::-1]


async def test_a_cursor_of_another_list_is_refused(audit: Any) -> None:
    with pytest.raises(InputError, match="another list"):
        await audit.entries(PageRequest(3, ("plant-7", "pump-1")), AuditFilter())
