"""Facts in memory, as people ask for them: the latest of each, bounded in number, in pages. Reads nothing by itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from tidegate.api.histories import has_ended, with_fact
from tidegate.api.idempotency import command_digest
from tidegate.api.letter_ledger import LetterLedger
from tidegate.api.letters import is_note, letter_of
from tidegate.api.shelf import Shelf
from tidegate.contracts import topics
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, Incident, IncidentStatus, Severity
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command
from tidegate.contracts.forecast import Forecast
from tidegate.contracts.letters import ALL_LETTERS, KeptLetter, LetterFilter, LetterReplayed, place_of
from tidegate.contracts.outcome import CommandOutcome
from tidegate.contracts.paging import AsOf, Page, PageRequest
from tidegate.contracts.plan import Assignment, Decision, DecisionStatus
from tidegate.contracts.views import CommandStatus, CommandView, DecisionHistory, DecisionView
from tidegate.ports import Record

T = TypeVar("T")
D = TypeVar("D", Assignment, Forecast)

MAX_ORIGINAL_BYTES: Final = 4096
"""Bytes of a dead letter's original the read model keeps: enough to see what is wrong; the topic has the rest."""


@dataclass(frozen=True, slots=True)
class FactLimits:
    """How many of each are kept. At these numbers and ordinary sizes the read model takes about 200 MB when full."""

    anomalies: int = 10_000
    incidents: int = 2_000
    decisions: int = 1_000
    devices: int = 200_000
    dead_letters: int = 2_000
    letters_counted: int = 100_000
    commands: int = 10_000


class Facts:
    """Answers as `ports.Views` promises. `apply` is the only way it changes, one record at a time, in log order per partition."""

    def __init__(self, partitions: int, limits: FactLimits | None = None) -> None:
        bounds = limits or FactLimits()
        self._anomalies: Shelf[Anomaly] = Shelf(bounds.anomalies)
        self._incidents: Shelf[Incident] = Shelf(bounds.incidents)
        self._decisions: Shelf[DecisionHistory] = Shelf(bounds.decisions)
        self._assignments: Shelf[Assignment] = Shelf(bounds.devices, newest_first=False)
        self._forecasts: Shelf[Forecast] = Shelf(bounds.devices, newest_first=False)
        self._dead_letters: Shelf[KeptLetter] = Shelf(bounds.dead_letters)
        self.letters = LetterLedger(bounds.letters_counted)
        self._commands: Shelf[CommandView] = Shelf(bounds.commands)
        self._offsets: dict[str, list[int]] = {topic: [0] * partitions for topic in self.handlers}
        self._time_ms: int | None = None

    @property
    def handlers(self) -> Mapping[str, Callable[[Record], None]]:
        """What is read, and what takes it."""
        return {
            topics.ANOMALIES: self._take_anomaly,
            topics.INCIDENTS: self._take_incident,
            topics.DECISIONS: self._take_decision,
            topics.ASSIGNMENTS: self._take_assignment,
            topics.FORECASTS: self._take_forecast,
            topics.DEADLETTER: self._take_dead_letter,
            topics.COMMANDS: self._take_command,
            topics.OUTCOMES: self._take_outcome,
        }

    def next_offset(self, topic: str, partition: int) -> int:
        """Where to read on."""
        return self._offsets[topic][partition]

    def apply(self, record: Record) -> None:
        """Take in one record; one that was taken in before changes nothing.

        Raises:
            InputError: the record is not what its topic holds (a newer release wrote it); its offset is passed all the same.
        """
        if record.offset < self.next_offset(record.topic, record.partition):
            return
        self._offsets[record.topic][record.partition] = record.offset + 1
        self._time_ms = max(record.timestamp_ms, self._time_ms or 0)
        self.handlers[record.topic](record)

    def _take_anomaly(self, record: Record) -> None:
        anomaly = decode(record.value or b"", Anomaly)
        self._anomalies.put(anomaly.id, (anomaly.opened_at_ms, anomaly.id), anomaly, closed=not anomaly.is_open)

    def _take_incident(self, record: Record) -> None:
        incident = decode(record.value or b"", Incident)
        closed = incident.status is IncidentStatus.CLOSED
        self._incidents.put(incident.id, (incident.opened_at_ms, incident.id), incident, closed=closed)

    def _take_decision(self, record: Record) -> None:
        fact = decode(record.value or b"", Decision)
        history = with_fact(self._decisions.get(fact.plan_id), fact)
        key = (history.decision.proposed_at_ms, fact.plan_id)
        self._decisions.put(fact.plan_id, key, history, closed=has_ended(history))

    def _take_assignment(self, record: Record) -> None:
        _put_latest(self._assignments, record, Assignment)

    def _take_forecast(self, record: Record) -> None:
        _put_latest(self._forecasts, record, Forecast)

    def _take_dead_letter(self, record: Record) -> None:
        if is_note(record):
            self._take_replay(decode(record.value or b"", LetterReplayed))
            return
        letter = letter_of(record)
        self.letters.add(record.partition, record.offset, letter.reason, record.timestamp_ms)
        self._put_letter(replace(letter, original=letter.original[:MAX_ORIGINAL_BYTES]))

    def _take_replay(self, note: LetterReplayed) -> None:
        place = place_of(note.letter)
        if place is not None:
            self.letters.settle(*place)
        letter = self._dead_letters.get(note.letter)
        if letter is not None:
            self._put_letter(replace(letter, replayed=letter.replayed + 1, replayed_at_ms=note.replayed_at_ms))

    def _put_letter(self, letter: KeptLetter) -> None:
        self._dead_letters.put(letter.id, (letter.received_at_ms, letter.id), letter, closed=True)

    def _take_command(self, record: Record) -> None:
        command = decode(record.value or b"", Command)
        if self._commands.get(command.id) is None:  # a repeat has no effect, and its outcome may be known already
            view = CommandView(
                command.id, command.site, command.kind, command.issued_by, CommandStatus.PENDING, digest=command_digest(command)
            )
            self._commands.put(command.id, (record.timestamp_ms, command.id), view)

    def _take_outcome(self, record: Record) -> None:
        outcome = decode(record.value or b"", CommandOutcome)
        status = CommandStatus.ACCEPTED if outcome.accepted else CommandStatus.REFUSED
        known = self._commands.get(outcome.command)
        view = CommandView(
            outcome.command,
            outcome.site,
            outcome.kind,
            outcome.issued_by,
            status,
            outcome.reason,
            outcome.decided_at_ms,
            "" if known is None else known.digest,
            outcome.plan_id,
        )
        self._commands.put(outcome.command, (record.timestamp_ms, outcome.command), view, closed=True)

    def as_of(self) -> AsOf:
        """How far the read model has read."""
        return self._as_of(*self.handlers)

    async def anomalies(
        self,
        page: PageRequest,
        *,
        site: str | None = None,
        device: str | None = None,
        status: AnomalyStatus | None = None,
        severity: Severity | None = None,
        is_open: bool | None = None,
    ) -> Page[Anomaly]:
        """The latest version of each anomaly."""
        keep = _matching(site=site, device=device, status=status, severity=severity, is_open=is_open)
        return self._page(topics.ANOMALIES, self._anomalies, page, keep)

    async def anomaly(self, anomaly_id: str) -> Anomaly | None:
        """The latest version of one anomaly."""
        return self._anomalies.get(anomaly_id)

    async def incidents(
        self, page: PageRequest, *, site: str | None = None, status: IncidentStatus | None = None
    ) -> Page[Incident]:
        """The latest version of each incident."""
        return self._page(topics.INCIDENTS, self._incidents, page, _matching(site=site, status=status))

    async def incident(self, incident_id: str) -> Incident | None:
        """The latest version of one incident."""
        return self._incidents.get(incident_id)

    async def decisions(
        self, page: PageRequest, *, site: str | None = None, status: DecisionStatus | None = None
    ) -> Page[DecisionView]:
        """Each plan as its latest fact left it."""
        matches = _matching(site=site, status=status)
        found = self._page(topics.DECISIONS, self._decisions, page, lambda history: matches(history.decision))
        return Page([history.decision for history in found.items], found.next_cursor, found.as_of)

    async def decision(self, plan_id: str) -> DecisionHistory | None:
        """One plan with all its facts."""
        return self._decisions.get(plan_id)

    async def assignments(self, page: PageRequest, *, site: str | None = None, gateway: str | None = None) -> Page[Assignment]:
        """Desired state, by site and device."""
        return self._page(topics.ASSIGNMENTS, self._assignments, page, _matching(site=site, gateway=gateway))

    async def forecast(self, site: str, device: str) -> Forecast | None:
        """The latest forecast of one device."""
        return self._forecasts.get(f"{site}/{device}")

    async def dead_letters(self, page: PageRequest, wanted: LetterFilter = ALL_LETTERS) -> Page[KeptLetter]:
        """Input that could not be used; `original` is cut to `MAX_ORIGINAL_BYTES`."""
        return self._page(topics.DEADLETTER, self._dead_letters, page, wanted.matches)

    async def dead_letter(self, letter_id: str) -> KeptLetter | None:
        """One letter, cut as in the list."""
        return self._dead_letters.get(letter_id)

    async def command(self, command_id: str) -> CommandView | None:
        """One command and what became of it."""
        return self._commands.get(command_id)

    def _page(self, topic: str, shelf: Shelf[T], request: PageRequest, keep: Callable[[T], bool]) -> Page[T]:
        items, cursor = shelf.page(request, keep)
        return Page(items, cursor, self._as_of(topic))

    def _as_of(self, *names: str) -> AsOf:
        return AsOf(self._time_ms, {name: list(self._offsets[name]) for name in names})


def _matching(**wanted: str | bool | None) -> Callable[[object], bool]:
    """Whether a value's fields equal what is wanted of them; None wants nothing."""
    fields = [(name, value) for name, value in wanted.items() if value is not None]
    return lambda item: all(getattr(item, name) == value for name, value in fields)


def _put_latest(shelf: Shelf[D], record: Record, kind: type[D]) -> None:
    """One record of a compacted topic: the latest value of its key, or the end of that key."""
    name = (record.key or b"").decode("utf-8", "replace")
    if record.value is None:
        shelf.drop(name)
        return
    value = decode(record.value, kind)
    shelf.put(name, (value.site, value.device), value)
