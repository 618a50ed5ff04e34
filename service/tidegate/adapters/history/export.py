"""Facts out of the database, one by one and oldest first, as they are kept. Reads a page at a time; holds nothing else up."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Column, Table, func, inspect, select, text, tuple_

from tidegate.adapters.history import tables
from tidegate.adapters.history.database import Database
from tidegate.adapters.history.documents import clean
from tidegate.adapters.history.metadata import METADATA
from tidegate.adapters.history.migrate import newest, revision
from tidegate.contracts.anomaly import Anomaly, Incident
from tidegate.contracts.codec import decode, to_builtins
from tidegate.contracts.forecast import Forecast
from tidegate.contracts.letters import KeptLetter
from tidegate.contracts.plan import Assignment
from tidegate.contracts.topology import Topology
from tidegate.contracts.views import CommandView, DecisionView

PAGE_ROWS: Final = 500
"""Rows read at once: less than a megabyte of most kinds."""


class FactKind(StrEnum):
    """What can be exported."""

    ANOMALIES = "anomalies"
    INCIDENTS = "incidents"
    DECISIONS = "decisions"
    COMMANDS = "commands"
    TOPOLOGIES = "topologies"
    DEAD_LETTERS = "dead-letters"
    ASSIGNMENTS = "assignments"
    FORECASTS = "forecasts"


@dataclass(frozen=True, slots=True)
class _Source:
    """Where facts of a kind are. `time` is what `since` and `until` are about; the latest of each device has none."""

    table: Table
    document: type[Any]
    time: Column[Any] | None = None


_SOURCES: Final = {
    FactKind.ANOMALIES: _Source(tables.ANOMALIES, Anomaly, tables.ANOMALIES.c.opened_at_ms),
    FactKind.INCIDENTS: _Source(tables.INCIDENTS, Incident, tables.INCIDENTS.c.opened_at_ms),
    FactKind.DECISIONS: _Source(tables.DECISIONS, DecisionView, tables.DECISIONS.c.proposed_at_ms),
    FactKind.COMMANDS: _Source(tables.COMMANDS, CommandView, tables.COMMANDS.c.sent_at_ms),
    FactKind.TOPOLOGIES: _Source(tables.TOPOLOGIES, Topology, tables.TOPOLOGIES.c.sent_at_ms),
    FactKind.DEAD_LETTERS: _Source(tables.DEAD_LETTERS, KeptLetter, tables.DEAD_LETTERS.c.received_at_ms),
    FactKind.ASSIGNMENTS: _Source(tables.ASSIGNMENTS, Assignment),
    FactKind.FORECASTS: _Source(tables.FORECASTS, Forecast),
}


def columns_of(kind: FactKind) -> list[str]:
    """The fields of a fact of `kind`, in order."""
    return list(_SOURCES[kind].document.__dataclass_fields__)


async def exported(
    database: Database, kind: FactKind, site: str | None = None, since_ms: int | None = None, until_ms: int | None = None
) -> AsyncIterator[dict[str, Any]]:
    """Yield facts of `kind` as plain values: of `site` alone, from `since_ms` (inclusive) to `until_ms` (exclusive).

    Facts that change meanwhile are exported as they are when their page is read.

    Raises:
        HistoryError: the database cannot be asked.
    """
    source = _SOURCES[kind]
    [key] = source.table.primary_key
    order = [key] if source.time is None else [source.time, key]
    query = select(*order, source.table.c.document).order_by(*order).limit(PAGE_ROWS)
    if site is not None and "site" in source.table.c:
        query = query.where(source.table.c.site == clean(site))
    if since_ms is not None and source.time is not None:
        query = query.where(source.time >= since_ms)
    if until_ms is not None and source.time is not None:
        query = query.where(source.time < until_ms)
    after: tuple[Any, ...] | None = None
    while True:
        page = query if after is None else query.where(tuple_(*order) > tuple_(*after))
        async with database.reading() as connection:
            rows = (await connection.execute(page)).all()
        for row in rows:
            fact = decode(row.document, source.document)
            if site is None or fact.site == site:
                yield to_builtins(fact)
        if len(rows) < PAGE_ROWS:
            return
        after = tuple(rows[-1])[: len(order)]


@dataclass(frozen=True, slots=True)
class HistoryStatus:
    """What a database holds: its form and the newest that this release knows, rows by table, bytes on disk, how far by topic."""

    database: str
    form: str | None
    newest_form: str
    rows: dict[str, int]
    bytes: int
    next_offsets: dict[str, dict[int, int]]


async def status_of(database: Database) -> HistoryStatus:
    """Ask `database` about itself; one that was never migrated has no rows.

    Raises:
        HistoryError: it cannot be asked.
    """
    async with database.reading() as connection:
        form = await connection.run_sync(revision)
        there = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
        rows = {}
        for table in METADATA.sorted_tables:
            if table.name in there and table is not tables.OFFSETS:
                rows[table.name] = int((await connection.execute(select(func.count()).select_from(table))).scalar_one())
        offsets: dict[str, dict[int, int]] = {}
        for row in (await connection.execute(select(tables.OFFSETS))).all() if tables.OFFSETS.name in there else []:
            offsets.setdefault(row.topic, {})[row.partition] = row.next_offset
        size = int((await connection.execute(text(_SIZE[database.dialect]))).scalar_one())
    return HistoryStatus(database.name, form, newest(), rows, size, offsets)


_SIZE: Final = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
    "postgresql": "SELECT pg_database_size(current_database())",
}
