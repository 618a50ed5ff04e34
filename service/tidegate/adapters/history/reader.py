"""Answers questions from the tables of facts; implements `ports.Views`. Writes nothing.

Lists are keyset pages: the next one begins behind the sort key of the last item seen, so it neither repeats nor skips one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Row, Select, Table, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.adapters.history import notes, tables
from tidegate.adapters.history.database import Database
from tidegate.adapters.history.detection_tables import SCORES
from tidegate.adapters.history.documents import FOLLOWED, clean
from tidegate.contracts import topics
from tidegate.contracts.annotation import ALL_ANOMALIES, Annotations, AnomalyFilter
from tidegate.contracts.anomaly import Anomaly, Incident, IncidentStatus
from tidegate.contracts.codec import decode, unpack
from tidegate.contracts.forecast import Forecast
from tidegate.contracts.letters import ALL_LETTERS, KeptLetter, LetterFilter
from tidegate.contracts.maintenance import MaintenanceView
from tidegate.contracts.paging import AsOf, Page, PageRequest, SortKey, to_cursor
from tidegate.contracts.plan import Assignment, Decision, DecisionStatus
from tidegate.contracts.scores import ScoreSample
from tidegate.contracts.topology import Topology
from tidegate.contracts.views import CommandStatus, CommandView, DecisionHistory, DecisionView, TopologyRevision
from tidegate.core.plan_history import with_fact
from tidegate.errors import InputError

T = TypeVar("T")

_REPLAYED: Final = (
    select(
        tables.REPLAYS.c.letter,
        func.count().label("replayed"),
        func.max(tables.REPLAYS.c.replayed_at_ms).label("replayed_at_ms"),
    )
    .group_by(tables.REPLAYS.c.letter)
    .subquery()
)
"""How often each letter was sent again, and when last."""


class SqlViews:
    """The read model over one database. `partitions` is how many each topic has."""

    def __init__(self, database: Database, partitions: int) -> None:
        self._database = database
        self._partitions = partitions

    async def as_of(self) -> AsOf:
        """How far history was written."""
        async with self._database.reading() as connection:
            return await self._as_of(connection, *FOLLOWED)

    async def anomalies(self, page: PageRequest, wanted: AnomalyFilter = ALL_ANOMALIES) -> Page[Anomaly]:
        """The latest version of each anomaly, the last opened first."""
        table, conditions = tables.ANOMALIES, _of_anomalies(wanted)
        return await self._newest_first(table, "opened_at_ms", "id", page, conditions, Anomaly, topics.ANOMALIES)

    async def anomaly(self, anomaly_id: str) -> Anomaly | None:
        """The latest version of one anomaly."""
        return await self._one(tables.ANOMALIES, Anomaly, id=anomaly_id)

    async def incidents(
        self, page: PageRequest, *, site: str | None = None, status: IncidentStatus | None = None
    ) -> Page[Incident]:
        """The latest version of each incident, the last opened first."""
        wanted = _equal(tables.INCIDENTS, site=site, status=status)
        return await self._newest_first(tables.INCIDENTS, "opened_at_ms", "id", page, wanted, Incident, topics.INCIDENTS)

    async def incident(self, incident_id: str) -> Incident | None:
        """The latest version of one incident."""
        return await self._one(tables.INCIDENTS, Incident, id=incident_id)

    async def decisions(
        self, page: PageRequest, *, site: str | None = None, status: DecisionStatus | None = None
    ) -> Page[DecisionView]:
        """Each plan as its latest fact left it, the last proposed first."""
        wanted = _equal(tables.DECISIONS, site=site, status=status)
        return await self._newest_first(
            tables.DECISIONS, "proposed_at_ms", "plan_id", page, wanted, DecisionView, topics.DECISIONS
        )

    async def decision(self, plan_id: str) -> DecisionHistory | None:
        """One plan with all its facts."""
        facts = tables.DECISION_FACTS
        query = select(facts.c.document).where(*_equal(facts, plan_id=plan_id)).order_by(facts.c.version)
        async with self._database.reading() as connection:
            found = await connection.execute(query)
            history: DecisionHistory | None = None
            return reduce(with_fact, (decode(row.document, Decision) for row in found), history)

    async def assignments(self, page: PageRequest, *, site: str | None = None, gateway: str | None = None) -> Page[Assignment]:
        """Desired state, by site and device."""
        table = tables.ASSIGNMENTS
        query = select(table.c.site, table.c.device, table.c.document).where(*_equal(table, site=site))
        if gateway is not None:
            query = query.where(or_(table.c.gateway == clean(gateway), table.c.coming == clean(gateway)))
        if page.after is not None:
            query = query.where(tuple_(table.c.site, table.c.device) > tuple_(*_texts(page.after)))
        query = query.order_by(table.c.site, table.c.device).limit(page.limit + 1)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
            as_of = await self._as_of(connection, topics.ASSIGNMENTS)
        return _page(rows, page.limit, lambda row: (row.site, row.device), lambda row: decode(row.document, Assignment), as_of)

    async def forecast(self, site: str, device: str) -> Forecast | None:
        """The latest forecast of one device."""
        return await self._one(tables.FORECASTS, Forecast, key=f"{site}/{device}")

    async def dead_letters(self, page: PageRequest, wanted: LetterFilter = ALL_LETTERS) -> Page[KeptLetter]:
        """Input that could not be used, the latest first; `original` is cut."""
        query = _behind(_letters().where(*_of_letters(wanted)), tables.DEAD_LETTERS, "received_at_ms", "id", page)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
            as_of = await self._as_of(connection, topics.DEADLETTER)
        return _page(rows, page.limit, lambda row: (row.received_at_ms, row.id), _letter, as_of)

    async def dead_letter(self, letter_id: str) -> KeptLetter | None:
        """One letter, cut as in the list."""
        async with self._database.reading() as connection:
            row = (await connection.execute(_letters().where(tables.DEAD_LETTERS.c.id == clean(letter_id)))).one_or_none()
        return None if row is None else _letter(row)

    async def command(self, command_id: str) -> CommandView | None:
        """One command and what became of it."""
        commands = tables.COMMANDS
        query = select(commands.c.document, commands.c.digest).where(*_equal(commands, id=command_id))
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else replace(decode(row.document, CommandView), digest=row.digest)

    async def topologies(self, page: PageRequest, site: str) -> Page[TopologyRevision]:
        """The topologies that were in force at `site`, the last first."""
        query = _behind(_revisions(site), tables.TOPOLOGIES, "revision", "command", page)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
            as_of = await self._as_of(connection, topics.COMMANDS, topics.OUTCOMES)
        return _page(rows, page.limit, lambda row: (row.revision, row.command), _revision, as_of)

    async def topology(self, site: str, revision: int) -> Topology | None:
        """The topology that was in force at `site` as `revision`."""
        async with self._database.reading() as connection:
            found = await connection.execute(_revisions(site).where(tables.TOPOLOGIES.c.revision == revision))
            row = found.first()
        return None if row is None else decode(row.document, Topology)

    async def annotations(self, subjects: Collection[str]) -> Mapping[str, Annotations]:
        """What was said of these anomalies and incidents."""
        if not subjects:
            return {}
        async with self._database.reading() as connection:
            return await notes.annotations(connection, subjects)

    async def maintenance(self, site: str) -> Sequence[MaintenanceView]:
        """The windows of `site`, the latest declared first."""
        async with self._database.reading() as connection:
            return await notes.maintenance(connection, site)

    async def samples(
        self, page: PageRequest, *, site: str, device: str, since_ms: int | None = None, until_ms: int | None = None
    ) -> Page[ScoreSample]:
        """Samples of one device by event time, the newest first."""
        wanted = [*_equal(SCORES, site=site, device=device), *_between(SCORES.c.event_time_ms, since_ms, until_ms)]
        columns = (SCORES.c.event_time_ms, SCORES.c.id, SCORES.c.document)
        query = _behind(select(*columns).where(*wanted), SCORES, "event_time_ms", "id", page)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
            as_of = await self._as_of(connection, topics.SCORES)
        return _page(rows, page.limit, lambda row: (row[0], row[1]), lambda row: unpack(row.document, ScoreSample), as_of)

    async def sample_at(self, site: str, device: str, at_ms: int) -> ScoreSample | None:
        """The last sample of a device at or before `at_ms`."""
        query = select(SCORES.c.document).where(*_equal(SCORES, site=site, device=device), SCORES.c.event_time_ms <= at_ms)
        newest = query.order_by(SCORES.c.event_time_ms.desc(), SCORES.c.recorded_at_ms.desc()).limit(1)
        async with self._database.reading() as connection:
            row = (await connection.execute(newest)).one_or_none()
        return None if row is None else unpack(row.document, ScoreSample)

    async def _newest_first(
        self,
        table: Table,
        time: str,
        name: str,
        page: PageRequest,
        wanted: Sequence[ColumnElement[bool]],
        kind: type[T],
        topic: str,
    ) -> Page[T]:
        columns = (table.c[time], table.c[name], table.c.document)
        query = _behind(select(*columns).where(*wanted), table, time, name, page)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
            as_of = await self._as_of(connection, topic)
        return _page(rows, page.limit, lambda row: (row[0], row[1]), lambda row: decode(row.document, kind), as_of)

    async def _one(self, table: Table, kind: type[T], **key: str) -> T | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(select(table.c.document).where(*_equal(table, **key)))).one_or_none()
        return None if row is None else decode(row.document, kind)

    async def _as_of(self, connection: AsyncConnection, *names: str) -> AsOf:
        offsets = tables.OFFSETS
        rows = (await connection.execute(select(offsets).where(offsets.c.topic.in_(names)))).all()
        reached = {name: [0] * self._partitions for name in names}
        for row in rows:
            if row.partition < self._partitions:
                reached[row.topic][row.partition] = row.next_offset
        return AsOf(max((row.time_ms for row in rows), default=None), reached)


def _equal(table: Table, **wanted: Any) -> list[ColumnElement[bool]]:
    """That columns equal what is wanted of them; None wants nothing."""
    return [table.c[name] == clean(value) for name, value in wanted.items() if value is not None]


def _between(column: ColumnElement[int], since: int | None, until: int | None) -> list[ColumnElement[bool]]:
    found = [] if since is None else [column >= since]
    return found if until is None else [*found, column < until]


def _of_anomalies(wanted: AnomalyFilter) -> list[ColumnElement[bool]]:
    names = ("site", "device", "gateway", "profile", "status", "severity", "fault_kind", "is_open")
    conditions = _equal(tables.ANOMALIES, **{name: getattr(wanted, name) for name in names})
    conditions += _between(tables.ANOMALIES.c.opened_at_ms, wanted.since_ms, wanted.until_ms)
    if wanted.acknowledged is not None:
        conditions.append(notes.is_acknowledged(wanted.acknowledged))
    if wanted.label is not None:
        conditions.append(notes.is_labelled(wanted.label))
    return conditions


def _behind(query: Select[Any], table: Table, time: str, name: str, page: PageRequest) -> Select[Any]:
    """`query`, newest first, from behind `page.after` on, with one row more than a page has: it says whether there is more."""
    key = tuple_(table.c[time], table.c[name])
    if page.after is not None:
        if not isinstance(page.after[0], int):
            raise _other_list()
        query = query.where(key < tuple_(page.after[0], clean(page.after[1])))
    return query.order_by(table.c[time].desc(), table.c[name].desc()).limit(page.limit + 1)


def _texts(after: SortKey) -> tuple[str, str]:
    if not isinstance(after[0], str):
        raise _other_list()
    return clean(after[0]), clean(after[1])


def _other_list() -> InputError:
    return InputError("the cursor is of another list", advice="start over without a cursor")


def _page(rows: Sequence[Any], limit: int, key: Any, item: Any, as_of: AsOf) -> Page[Any]:
    shown = rows[:limit]
    cursor = to_cursor(tuple(key(shown[-1]))) if len(rows) > limit else None
    return Page([item(row) for row in shown], cursor, as_of)


def _letters() -> Select[Any]:
    letters = tables.DEAD_LETTERS
    columns = (letters.c.received_at_ms, letters.c.id, letters.c.document, _REPLAYED.c.replayed, _REPLAYED.c.replayed_at_ms)
    return select(*columns).outerjoin(_REPLAYED, _REPLAYED.c.letter == letters.c.id)


def _of_letters(wanted: LetterFilter) -> list[ColumnElement[bool]]:
    letters = tables.DEAD_LETTERS
    names = ("reason", "site", "device", "partition", "topic")
    conditions = _equal(letters, **{name: getattr(wanted, name) for name in names})
    if wanted.since_ms is not None:
        conditions.append(letters.c.received_at_ms >= wanted.since_ms)
    if wanted.until_ms is not None:
        conditions.append(letters.c.received_at_ms < wanted.until_ms)
    if wanted.replayed is not None:
        conditions.append(_REPLAYED.c.letter.is_not(None) if wanted.replayed else _REPLAYED.c.letter.is_(None))
    return conditions


def _letter(row: Row[Any]) -> KeptLetter:
    return replace(decode(row.document, KeptLetter), replayed=row.replayed or 0, replayed_at_ms=row.replayed_at_ms)


def _revisions(site: str) -> Select[Any]:
    topologies, commands = tables.TOPOLOGIES, tables.COMMANDS
    return (
        select(topologies, commands.c.decided_at_ms)
        .join(commands, commands.c.id == topologies.c.command)
        .where(topologies.c.site == clean(site), commands.c.status == CommandStatus.ACCEPTED)
    )


def _revision(row: Row[Any]) -> TopologyRevision:
    topology = decode(row.document, Topology)
    return TopologyRevision(
        row.site, row.revision, row.issued_by, row.command, row.decided_at_ms, len(topology.gateways), len(topology.devices)
    )
