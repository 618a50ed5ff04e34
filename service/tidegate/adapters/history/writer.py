"""Writes stretches of the output topics, each with how far it reaches, in one transaction: all of it or nothing.

A stretch that was written before, whole or in part, changes nothing, so several processes may follow the topics into one
database, and a process may end at any moment.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import Table, and_, bindparam, delete, false, or_, select, text, true, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.adapters.history import tables
from tidegate.adapters.history.database import Database
from tidegate.adapters.history.documents import Changes, Row, clean, take
from tidegate.contracts.codec import decode, encode
from tidegate.contracts.plan import Decision
from tidegate.contracts.views import DecisionHistory, DecisionView
from tidegate.core.plan_history import has_ended, with_fact
from tidegate.errors import InputError
from tidegate.ports import Record

_LOCK: Final = 0x7464_6766
"""Key of PostgreSQL's advisory lock for writers: they take turns, and so never wait for each other's rows in a circle."""

_FIRST_ASKED: Final = (
    update(tables.COMMANDS)
    .where(tables.COMMANDS.c.id == bindparam("asked_id"), tables.COMMANDS.c.digest == "")
    .values(digest=bindparam("asked_digest"))
)

_STAYS: Final = frozenset({"sent_at_ms"})
"""Columns of a row that a later one leaves as they are."""

_log = structlog.get_logger(__name__)

Place = tuple[str, int]
"""A topic and a partition of it."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Records of one partition of a topic, in order, read up to `next_offset`, when history was thought to reach to `after`."""

    topic: str
    partition: int
    after: int
    records: Sequence[Record]
    next_offset: int


@dataclass(frozen=True, slots=True)
class Written:
    """How far each partition is written now, and how many records were new and were not understood."""

    offsets: Mapping[Place, int]
    records: int = 0
    skipped: int = 0


class FactWriter:
    """The only writer of the tables of facts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert: Any = postgresql.insert if database.dialect == "postgresql" else sqlite.insert

    async def offsets(self) -> dict[Place, int]:
        """How far each partition was written; one that is absent was not begun.

        Raises:
            HistoryError: the database cannot be asked.
        """
        async with self._database.reading() as connection:
            return await _offsets(connection)

    async def write(self, stretches: Sequence[Stretch]) -> Written:
        """Write what is new of `stretches` and how far they reach; records that are not understood are passed and logged.

        A stretch that begins beyond what is written is left out, for what is between would be missing: somebody has begun to
        build history anew since it was read.

        Raises:
            HistoryError: nothing was written, or, where the server was lost, it is not known; writing again is right.
        """
        async with self._database.writing() as connection:
            if self._database.dialect == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            offsets = await _offsets(connection)
            reached = [each for each in stretches if each.after <= offsets.get(_place(each), 0) < each.next_offset]
            changes, records, skipped = Changes(), 0, 0
            for each in reached:
                new = [record for record in each.records if record.offset >= offsets.get(_place(each), 0)]
                records, skipped = records + len(new), skipped + _take_all(new, changes)
                await asyncio.sleep(0)
            await self._apply(connection, changes)
            await self._upsert(connection, tables.OFFSETS, [_offset_row(each) for each in reached])
        return Written(offsets | {_place(each): each.next_offset for each in reached}, records, skipped)

    async def begin_again(self, places: Iterable[Place] | None = None, *, forget: bool = False) -> None:
        """Let everything, or `places`, be read from the log's start again; with `forget` what is known of them goes first.

        Raises:
            HistoryError: nothing was changed.
        """
        of = [and_(tables.OFFSETS.c.topic == topic, tables.OFFSETS.c.partition == number) for topic, number in places or ()]
        async with self._database.writing() as connection:
            await connection.execute(delete(tables.OFFSETS).where(true() if places is None else or_(false(), *of)))
            for table in tables.FACTS if forget else ():
                await connection.execute(delete(table))

    async def _apply(self, connection: AsyncConnection, changes: Changes) -> None:
        for table, rows in changes.latest.items():
            await self._upsert(connection, table, _newest(table, rows), newer="version")
        if changes.facts:
            await self._upsert(connection, tables.DECISIONS, await _folded(connection, changes.facts), newer="version")
        for table, rows in changes.once.items():
            await self._add(connection, table, rows)
        for table, rows in changes.final.items():
            await self._upsert(connection, table, _newest(table, rows))
        if changes.asked:
            await connection.execute(_FIRST_ASKED, changes.asked)
        for table, words in changes.keyed.items():
            await self._upsert(connection, table, [row for row in words.values() if row is not None])
            gone = [{"gone": key} for key, row in words.items() if row is None]
            if gone:
                await connection.execute(delete(table).where(table.c.key == bindparam("gone")), gone)

    async def _upsert(self, connection: AsyncConnection, table: Table, rows: Sequence[Row], newer: str | None = None) -> None:
        """Put `rows` in place of those with their keys; with `newer` only where that column does not fall."""
        if not rows:
            return
        insert = self._insert(table)
        keys = [column.name for column in table.primary_key]
        replaced = {name: insert.excluded[name] for name in rows[0] if name not in keys and name not in _STAYS}
        rises = insert.excluded[newer] >= table.c[newer] if newer else None
        await connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=replaced, where=rises), rows)

    async def _add(self, connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
        await connection.execute(self._insert(table).on_conflict_do_nothing(), rows)


def _take_all(records: Iterable[Record], changes: Changes) -> int:
    """Add what `records` say to `changes`; returns how many were not understood."""
    skipped = 0
    for record in records:
        try:
            take(record, changes)
        except InputError as error:
            skipped += 1
            place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            _log.error("fact_not_understood", **place, error=str(error))
    return skipped


async def _folded(connection: AsyncConnection, facts: Sequence[tuple[Decision, int]]) -> list[Row]:
    """The rows of the plans that `facts` are about, after them; each fact comes with its log time."""
    plans = {clean(fact.plan_id) for fact, _ in facts}
    known = select(tables.DECISIONS.c.plan_id, tables.DECISIONS.c.version, tables.DECISIONS.c.document)
    found = await connection.execute(known.where(tables.DECISIONS.c.plan_id.in_(plans)))
    known_views = {row.plan_id: (row.version, decode(row.document, DecisionView)) for row in found}
    rows: dict[str, Row] = {}
    for fact, time_ms in sorted(facts, key=lambda each: each[0].version):
        plan = clean(fact.plan_id)
        version, view = known_views.get(plan, (-1, None))
        if fact.version > version:
            after = with_fact(None if view is None else DecisionHistory(view, None, []), fact)
            known_views[plan] = (fact.version, after.decision)
            rows[plan] = _decision_row(plan, fact.version, after, time_ms)
    return list(rows.values())


def _decision_row(plan: str, version: int, history: DecisionHistory, time_ms: int) -> Row:
    view = history.decision
    return {
        "plan_id": plan,
        "version": version,
        "site": clean(view.site),
        "status": view.status,
        "proposed_at_ms": view.proposed_at_ms,
        "ended_at_ms": time_ms if has_ended(history) else None,
        "document": encode(view),
    }


def _newest(table: Table, rows: Sequence[Row]) -> list[Row]:
    """The last of `rows` of each key: one statement must not touch a row twice, and need not."""
    keys = [column.name for column in table.primary_key]
    latest: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(row[name] for name in keys)
        if key not in latest or row.get("version", 0) >= latest[key].get("version", 0):
            latest[key] = row
    return list(latest.values())


async def _offsets(connection: AsyncConnection) -> dict[Place, int]:
    found = await connection.execute(select(tables.OFFSETS.c.topic, tables.OFFSETS.c.partition, tables.OFFSETS.c.next_offset))
    return {(row.topic, row.partition): row.next_offset for row in found}


def _place(stretch: Stretch) -> Place:
    return (stretch.topic, stretch.partition)


def _offset_row(stretch: Stretch) -> Row:
    last = stretch.records[-1].timestamp_ms if stretch.records else 0
    return {"topic": stretch.topic, "partition": stretch.partition, "next_offset": stretch.next_offset, "time_ms": last}
