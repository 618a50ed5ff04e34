"""The audit in the database of history. Only ever added to, and shortened at its old end by retention."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, insert, select, tuple_

from tidegate.adapters.history.access_tables import AUDIT
from tidegate.adapters.history.database import Database
from tidegate.contracts.access import AuditEntry, AuditFilter, AuditResult, PrincipalKind
from tidegate.contracts.ids import CommandId
from tidegate.contracts.paging import AsOf, Page, PageRequest, to_cursor
from tidegate.errors import InputError

_OF = AUDIT.c

_MAX_TEXT: Final = 256
"""Characters of a text; what is asked for may hold text of a stranger's choosing."""


class SqlAudit:
    """`ports.AuditTrail`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, entry: AuditEntry) -> None:
        """Add `entry`."""
        row = {column.name: _storable(getattr(entry, column.name)) for column in AUDIT.columns}
        async with self._database.writing(durable=True) as connection:
            await connection.execute(insert(AUDIT).values(row))

    async def entries(self, page: PageRequest, wanted: AuditFilter) -> Page[AuditEntry]:
        """The entries that are meant, the newest first."""
        query = _after(page, select(AUDIT).where(*_conditions(wanted)))
        query = query.order_by(_OF.at_ms.desc(), _OF.id.desc()).limit(page.limit + 1)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        shown = [_entry(row) for row in rows[: page.limit]]
        cursor = to_cursor((shown[-1].at_ms, shown[-1].id)) if len(rows) > page.limit else None
        return Page(shown, cursor, AsOf())


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    equal = ("principal", "site", "action", "result", "command")
    conditions = [_OF[name] == value for name in equal if (value := getattr(wanted, name)) is not None]
    if wanted.since_ms is not None:
        conditions.append(_OF.at_ms >= wanted.since_ms)
    if wanted.until_ms is not None:
        conditions.append(_OF.at_ms < wanted.until_ms)
    return conditions


def _after(page: PageRequest, query: Select[Any]) -> Select[Any]:
    if page.after is None:
        return query
    if not isinstance(page.after[0], int):
        raise InputError("the cursor is of another list", advice="start over without a cursor")
    return query.where(tuple_(_OF.at_ms, _OF.id) < tuple_(*page.after))


def _storable(value: Any) -> Any:
    """Text without NUL, which PostgreSQL cannot store, and no longer than anybody reads."""
    return value.replace("\x00", "�")[:_MAX_TEXT] if isinstance(value, str) else value


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        at_ms=row.at_ms,
        principal=row.principal,
        kind=PrincipalKind(row.kind),
        action=row.action,
        site=row.site,
        result=AuditResult(row.result),
        status=row.status,
        code=row.code,
        command=None if row.command is None else CommandId(row.command),
        request_id=row.request_id,
        address=row.address,
    )
