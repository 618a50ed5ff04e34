"""Records of the output topics as rows: decoded once, the columns that are asked by beside the fact as it was. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Table

from tidegate.adapters.history import tables
from tidegate.adapters.history.detection_tables import NOTES, SCORES
from tidegate.contracts import topics
from tidegate.contracts.anomaly import Anomaly, Incident, IncidentStatus
from tidegate.contracts.codec import decode, encode, pack, unpack
from tidegate.contracts.command import NOTES as ANNOTATING
from tidegate.contracts.command import Command, command_digest
from tidegate.contracts.deadletter import DeadLetter
from tidegate.contracts.forecast import Forecast
from tidegate.contracts.letters import NOTE_HEADERS, LetterReplayed, kept, letter_id
from tidegate.contracts.outcome import CommandOutcome
from tidegate.contracts.plan import Assignment, Decision
from tidegate.contracts.scores import ScoreBatch, samples_of
from tidegate.contracts.views import CommandStatus, CommandView
from tidegate.core.identity import fact_id
from tidegate.ports import Record

Row = dict[str, Any]

MAX_ORIGINAL_BYTES: Final = 4096
"""Bytes of a dead letter's original that history keeps: enough to see what is wrong; the topic has the rest."""


@dataclass(slots=True)
class Changes:
    """What a stretch of records comes to, in the order in which it has to be written.

    `latest` replace what is there if they are newer (`version`), `final` in any case, and `once` only where nothing is there.
    `keyed` is the last word on each key of a compacted topic, None where it ended. `facts` of plans, each with its log time,
    are folded where the plan's row is at hand. `asked` are the digests of commands, each for a row that has none.
    """

    latest: dict[Table, list[Row]] = field(default_factory=dict)
    once: dict[Table, list[Row]] = field(default_factory=dict)
    final: dict[Table, list[Row]] = field(default_factory=dict)
    keyed: dict[Table, dict[str, Row | None]] = field(default_factory=dict)
    facts: list[tuple[Decision, int]] = field(default_factory=list)
    asked: list[Row] = field(default_factory=list)


def take(record: Record, changes: Changes) -> None:
    """Add what `record` says to `changes`.

    Raises:
        InputError: the record is not what its topic holds (a newer release wrote it).
    """
    HANDLERS[record.topic](record, changes)


def _anomaly(record: Record, changes: Changes) -> None:
    fact = decode(record.value or b"", Anomaly)
    row = _columns(fact, "id version site device gateway profile status severity fault_kind is_open opened_at_ms")
    row |= {"ended_at_ms": None if fact.is_open else record.timestamp_ms, "document": record.value}
    changes.latest.setdefault(tables.ANOMALIES, []).append(row)


def _incident(record: Record, changes: Changes) -> None:
    fact = decode(record.value or b"", Incident)
    ended_at_ms = record.timestamp_ms if fact.status is IncidentStatus.CLOSED else None
    row = _columns(fact, "id version site status opened_at_ms") | {"ended_at_ms": ended_at_ms, "document": record.value}
    changes.latest.setdefault(tables.INCIDENTS, []).append(row)


def _decision(record: Record, changes: Changes) -> None:
    fact = decode(record.value or b"", Decision)
    changes.facts.append((fact, record.timestamp_ms))
    row = _columns(fact, "plan_id version") | {"document": record.value}
    changes.once.setdefault(tables.DECISION_FACTS, []).append(row)


def _assignment(record: Record, changes: Changes) -> None:
    _keyed(record, changes, tables.ASSIGNMENTS, _assignment_row)


def _assignment_row(value: bytes) -> Row:
    fact = decode(value, Assignment)
    return _columns(fact, "site device gateway") | {"coming": None if fact.coming is None else clean(fact.coming.gateway)}


def _forecast(record: Record, changes: Changes) -> None:
    _keyed(record, changes, tables.FORECASTS, lambda value: _columns(decode(value, Forecast), ""))


def _letter(record: Record, changes: Changes) -> None:
    place = letter_id(record.partition, record.offset)
    if record.headers == NOTE_HEADERS:
        note = decode(record.value or b"", LetterReplayed)
        row = {"id": place, "letter": clean(note.letter), "replayed_at_ms": note.replayed_at_ms}
        changes.once.setdefault(tables.REPLAYS, []).append(row)
        return
    letter = kept(decode(record.value or b"", DeadLetter), place)
    row = _columns(letter, "id reason site device topic partition received_at_ms")
    row |= {"log_partition": record.partition, "log_offset": record.offset, "written_at_ms": record.timestamp_ms}
    row["document"] = encode(replace(letter, original=letter.original[:MAX_ORIGINAL_BYTES]))
    changes.once.setdefault(tables.DEAD_LETTERS, []).append(row)


def _command(record: Record, changes: Changes) -> None:
    """The first command of an id counts, as it does for the worker; its outcome may be known already, but not its digest."""
    command = decode(record.value or b"", Command)
    view = CommandView(command.id, command.site, command.kind, command.issued_by, CommandStatus.PENDING)
    changes.once.setdefault(tables.COMMANDS, []).append(_command_row(view, record.timestamp_ms))
    changes.asked.append({"asked_id": clean(command.id), "asked_digest": command_digest(command)})
    if command.kind in ANNOTATING:
        changes.once.setdefault(NOTES, []).append(_note(command, record))
    if command.topology is not None:
        row = {"command": clean(command.id), "site": clean(command.site), "revision": command.topology.revision}
        row |= {"issued_by": clean(command.issued_by), "sent_at_ms": record.timestamp_ms, "document": encode(command.topology)}
        changes.once.setdefault(tables.TOPOLOGIES, []).append(row)


def _note(command: Command, record: Record) -> Row:
    subject = command.anomaly_id or command.incident_id or command.window_id or (command.window.id if command.window else "")
    row = {"command": clean(command.id), "site": clean(command.site), "kind": command.kind, "subject": clean(subject)}
    row |= {"label": command.label, "issued_by": clean(command.issued_by), "place": record.offset}
    return row | {"sent_at_ms": record.timestamp_ms, "document": encode(command)}


def _scores(record: Record, changes: Changes) -> None:
    rows = changes.once.setdefault(SCORES, [])
    for sample in samples_of(unpack(record.value or b"", ScoreBatch)):
        row = _columns(sample, "site device event_time_ms recorded_at_ms")
        row["id"] = fact_id("score", sample.site, sample.device, sample.event_time_ms, sample.recorded_at_ms)
        rows.append(row | {"written_at_ms": record.timestamp_ms, "document": pack(sample)})


def _outcome(record: Record, changes: Changes) -> None:
    outcome = decode(record.value or b"", CommandOutcome)
    status = CommandStatus.ACCEPTED if outcome.accepted else CommandStatus.REFUSED
    view = CommandView(
        outcome.command,
        outcome.site,
        outcome.kind,
        outcome.issued_by,
        status,
        outcome.reason,
        outcome.decided_at_ms,
        plan_id=outcome.plan_id,
    )
    changes.final.setdefault(tables.COMMANDS, []).append(_command_row(view, record.timestamp_ms))


def _command_row(view: CommandView, time_ms: int) -> Row:
    return _columns(view, "id site kind status decided_at_ms") | {"sent_at_ms": time_ms, "document": encode(view)}


def _keyed(record: Record, changes: Changes, table: Table, columns: Callable[[bytes], Row]) -> None:
    """One record of a compacted topic: the latest value of its key, or the end of that key; the last of a stretch counts."""
    key = clean((record.key or b"").decode("utf-8", "replace"))
    row = None if record.value is None else columns(record.value) | {"key": key, "document": record.value}
    changes.keyed.setdefault(table, {})[key] = row


def _columns(value: object, names: str) -> Row:
    return {name: clean(getattr(value, name)) for name in names.split()}


def clean(value: Any) -> Any:
    """`value` as a column holds it: PostgreSQL takes every character but NUL."""
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else value


HANDLERS: Final[Mapping[str, Callable[[Record, Changes], None]]] = {
    topics.ANOMALIES: _anomaly,
    topics.INCIDENTS: _incident,
    topics.DECISIONS: _decision,
    topics.ASSIGNMENTS: _assignment,
    topics.FORECASTS: _forecast,
    topics.DEADLETTER: _letter,
    topics.COMMANDS: _command,
    topics.OUTCOMES: _outcome,
    topics.SCORES: _scores,
}
"""What is followed, and what takes it."""

FOLLOWED: Final[Sequence[str]] = tuple(HANDLERS)
