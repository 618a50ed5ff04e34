"""Who is to be told of what, by the facts so far and by the time of day. Pure; bounded; forgets what is over and told.

An alert that goes on is told again and again, each time as ending some minutes from now: should we fall silent, it resolves
by itself instead of standing for ever. Its labels are its identity, so one whose labels change ends and begins anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.api.alerting.wording import Wording
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, Incident
from tidegate.ports import Alert

AGAIN_MS: Final = 60_000
"""Milliseconds between two times that the same alert is told."""

HOLD_MS: Final = 5 * AGAIN_MS
"""Milliseconds for which an alert stands without being told again: an api that restarts must not resolve what goes on."""

SHORT_MS: Final = 60_000
"""Milliseconds for which also the shortest alert fires: one that had ended when it came would be told to nobody."""

OLD_MS: Final = 3_600_000
"""Milliseconds after which what was over when we learned of it is told to nobody: it is history, and looked up there."""

MOST: Final = 5000
"""Alerts kept at a time. More at once are one event, which incidents and the rules on metrics tell of."""


@dataclass(slots=True)
class Entry:
    """One alert: what it is about, when it was first and last told, and with which labels."""

    fact: Anomaly | Incident
    labels: Mapping[str, str]
    told_first_ms: int | None = None
    told_last_ms: int | None = None
    changed: bool = True

    @property
    def is_over(self) -> bool:
        """Whether what it is about has ended."""
        return not _goes_on(self.fact)


class AlertBook:
    """Everything that somebody is to be told, by id."""

    def __init__(self, wording: Wording) -> None:
        self._wording = wording
        self._entries: dict[str, Entry] = {}
        self._ended: list[Entry] = []
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._entries)

    def note(self, fact: Anomaly | Incident, recorded_at_ms: int, now_ms: int) -> None:
        """Take in a fact, in the order of the log or again; older versions than what is known change nothing."""
        entry = self._entries.get(fact.id)
        if entry is not None:
            self._revise(entry, fact)
        elif self._wording.wants(fact) and (_goes_on(fact) or _may_be_news(fact, now_ms - recorded_at_ms)):
            if len(self._entries) >= MOST:
                self.dropped += 1
            else:
                self._entries[fact.id] = Entry(fact, self._wording.labels(fact))

    def due(self, now_ms: int) -> list[tuple[Entry, Alert]]:
        """What is to be told now."""
        entries = [*self._ended, *self._entries.values()]
        return [(entry, self._alert(entry, now_ms)) for entry in entries if _is_due(entry, now_ms)]

    def told(self, told: Sequence[tuple[Entry, Alert]], now_ms: int) -> None:
        """Note that these were handed over; what is over and told is forgotten."""
        for entry, alert in told:
            entry.told_first_ms = now_ms if entry.told_first_ms is None else entry.told_first_ms
            entry.told_last_ms = now_ms
            entry.changed = False
            if entry.is_over and alert.ends_at_ms <= now_ms and self._entries.get(entry.fact.id) is entry:
                del self._entries[entry.fact.id]
        self._ended = [entry for entry in self._ended if entry.told_last_ms != now_ms]

    def _revise(self, entry: Entry, fact: Anomaly | Incident) -> None:
        if fact.version <= entry.fact.version:
            return
        labels = self._wording.labels(fact)
        if labels != entry.labels and entry.told_first_ms is not None:
            self._ended.append(Entry(entry.fact, entry.labels, entry.told_first_ms))
        if labels != entry.labels:
            entry.labels, entry.told_first_ms = labels, None
        entry.changed = entry.changed or _goes_on(fact) != _goes_on(entry.fact) or entry.told_first_ms is None
        entry.fact = fact

    def _alert(self, entry: Entry, now_ms: int) -> Alert:
        fact, wording = entry.fact, self._wording
        starts = min(fact.opened_at_ms, now_ms - 1)
        return Alert(entry.labels, wording.annotations(fact), starts, self._end(entry, now_ms), wording.link_to(fact))

    def _end(self, entry: Entry, now_ms: int) -> int:
        if any(entry is each for each in self._ended):
            return now_ms
        if not entry.is_over:
            return now_ms + HOLD_MS
        return max(now_ms, (now_ms if entry.told_first_ms is None else entry.told_first_ms) + SHORT_MS)


def _is_due(entry: Entry, now_ms: int) -> bool:
    """New or changed ones at once, the others by and by; one that ended early waits until it has fired for long enough."""
    if entry.changed or entry.told_last_ms is None:
        return True
    if entry.is_over:
        return now_ms >= (entry.told_first_ms or 0) + SHORT_MS
    return now_ms - entry.told_last_ms >= AGAIN_MS


def _may_be_news(fact: Anomaly | Incident, age_ms: int) -> bool:
    """Whether something that is over is worth a word: it ended of late, and was not taken back."""
    return age_ms < OLD_MS and fact.status is not AnomalyStatus.RETRACTED


def _goes_on(fact: Anomaly | Incident) -> bool:
    return fact.is_open if isinstance(fact, Anomaly) else fact.closed_at_ms is None
