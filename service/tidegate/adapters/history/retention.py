"""Forgets what is over and old, a few rows at a time, so that no writer waits noticeably behind it.

Age counts from when the log took in the fact that ended a thing, not from event time: a replay of an old year stays for as
long as anything else. What still goes on is never forgotten. Compacted kinds (assignments, forecasts) have no age.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import ColumnElement, Table, and_, delete, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.adapters.history.access_tables import AUDIT
from tidegate.adapters.history.database import Database
from tidegate.adapters.history.detection_tables import NOTES, SCORES
from tidegate.adapters.history.tables import (
    ANOMALIES,
    COMMANDS,
    DEAD_LETTERS,
    DECISION_FACTS,
    DECISIONS,
    INCIDENTS,
    REPLAYS,
    TOPOLOGIES,
)
from tidegate.contracts.daily import DAY_MS
from tidegate.contracts.views import CommandStatus
from tidegate.errors import HistoryError
from tidegate.ports import Clock, Metrics

STEP_ROWS: Final = 500
"""Rows that one transaction deletes: some milliseconds, on a disk that syncs slowly some tens."""

PAUSE_SECONDS: Final = 0.05
"""Seconds between two steps, for others to write in."""

ROUND_SECONDS: Final = 3600.0
"""Seconds between two rounds: ages are in days."""

_log = structlog.get_logger(__name__)

_LATER = TOPOLOGIES.alias("later")
_LATER_COMMAND = COMMANDS.alias("later_command")


def _was_accepted(command: ColumnElement[str]) -> ColumnElement[bool]:
    return select(COMMANDS.c.id).where(COMMANDS.c.id == command, COMMANDS.c.status == CommandStatus.ACCEPTED).exists()


_SUPERSEDED: Final = (
    select(_LATER.c.command)
    .join(_LATER_COMMAND, _LATER_COMMAND.c.id == _LATER.c.command)
    .where(
        _LATER.c.site == TOPOLOGIES.c.site,
        _LATER.c.revision > TOPOLOGIES.c.revision,
        _LATER_COMMAND.c.status == CommandStatus.ACCEPTED,
    )
    .exists()
)
"""Whether a later revision of the site came into force."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows of `table`, which has one key column, go when `since` is older than the days of setting `name`, if they are `over`.

    Rows of `along` that have the same value in the column of that name go with them.
    """

    name: str
    table: Table
    since: ColumnElement[int]
    over: ColumnElement[bool]
    along: tuple[Table, ...] = ()


RULES: Final[Sequence[Rule]] = (
    Rule("anomalies_days", ANOMALIES, ANOMALIES.c.ended_at_ms, true()),
    Rule("incidents_days", INCIDENTS, INCIDENTS.c.ended_at_ms, true()),
    Rule("decisions_days", DECISIONS, DECISIONS.c.ended_at_ms, true(), (DECISION_FACTS,)),
    Rule("dead_letters_days", DEAD_LETTERS, DEAD_LETTERS.c.written_at_ms, true()),
    Rule("dead_letters_days", REPLAYS, REPLAYS.c.replayed_at_ms, true()),
    # The topology in force stays, however old; one that never came into force goes like any other command.
    Rule("topologies_days", TOPOLOGIES, TOPOLOGIES.c.sent_at_ms, and_(_was_accepted(TOPOLOGIES.c.command), _SUPERSEDED)),
    Rule("commands_days", TOPOLOGIES, TOPOLOGIES.c.sent_at_ms, ~_was_accepted(TOPOLOGIES.c.command)),
    Rule("scores_days", SCORES, SCORES.c.written_at_ms, true()),
    Rule("notes_days", NOTES, NOTES.c.sent_at_ms, true()),
    # The command of a topology says who set it and when, that of a note whether it counts.
    Rule(
        "commands_days",
        COMMANDS,
        COMMANDS.c.sent_at_ms,
        and_(
            ~select(TOPOLOGIES.c.command).where(TOPOLOGIES.c.command == COMMANDS.c.id).exists(),
            ~select(NOTES.c.command).where(NOTES.c.command == COMMANDS.c.id).exists(),
        ),
    ),
    Rule("audit_days", AUDIT, AUDIT.c.at_ms, true()),
)
"""In this order: a command goes after its topology or note."""


async def prune(database: Database, days: Mapping[str, float], now_ms: int) -> dict[str, int]:
    """Delete what is over and older than `days` say, by name of the setting; returns the deleted rows by table.

    May be run by several processes at once, and ended at any moment.

    Raises:
        HistoryError: the database; what was deleted before stays so.
    """
    deleted: dict[str, int] = {}
    for rule in RULES:
        before_ms = now_ms - round(days[rule.name] * DAY_MS)
        gone = STEP_ROWS
        while gone == STEP_ROWS:
            async with database.writing() as connection:
                gone = await _step(connection, rule, before_ms)
            deleted[rule.table.name] = deleted.get(rule.table.name, 0) + gone
            await asyncio.sleep(PAUSE_SECONDS if gone == STEP_ROWS else 0)
    return deleted


async def keep_pruned(database: Database, days: Mapping[str, float], clock: Clock, metrics: Metrics) -> None:
    """Prune now and every hour until cancelled; a database that cannot be written is tried again in the next round."""
    while True:
        try:
            deleted = await prune(database, days, clock.now_ms())
        except HistoryError as error:
            _log.warning("history_not_pruned", error=str(error))
        else:
            metrics.history_pruned(sum(deleted.values()))
            if any(deleted.values()):
                _log.info("history_pruned", **deleted)
        await asyncio.sleep(ROUND_SECONDS)


async def _step(connection: AsyncConnection, rule: Rule, before_ms: int) -> int:
    [key] = rule.table.primary_key
    old = select(key).where(rule.since < before_ms, rule.over).order_by(rule.since).limit(STEP_ROWS)
    names = (await connection.execute(old)).scalars().all()
    for table in (*rule.along, rule.table) if names else ():
        await connection.execute(delete(table).where(table.c[key.name].in_(names)))
    return len(names)
