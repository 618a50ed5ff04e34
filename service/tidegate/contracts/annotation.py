"""Annotations: what people say of anomalies and incidents afterwards. They change no fact and move no threshold.

A label decides one thing: whether an anomaly that is open may become the new normal (`absorb_after`).
"""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final

from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, FaultKind, Incident, Severity
from tidegate.contracts.ids import CommandId

MOST_LABELS: Final = 20
"""Labels kept of one anomaly: the latest of each of the last so many people."""


class AnomalyLabel(StrEnum):
    """What somebody who knows says an anomaly was. The five classes of feedback that Pinot's ThirdEye collects.

    `expected`: real, and known to come (a holiday, a test). `new-trend`: real, and how the device will behave from now on. While
    an anomaly is open, `true-alarm` keeps it so until the device returns, however long it stays where it went, and `new-trend`
    closes it with the next reading as the new normal; the last label given counts.
    """

    TRUE_ALARM = "true-alarm"
    FALSE_ALARM = "false-alarm"
    EXPECTED = "expected"
    NEW_TREND = "new-trend"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody has seen it and looks after it. `at_ms` is the tick at which the worker took the command."""

    by: str
    at_ms: int
    reason: str
    command: CommandId


@dataclass(frozen=True, slots=True)
class LabelGiven:
    """What `by` says it was. A person's later label replaces their earlier one."""

    label: AnomalyLabel
    by: str
    at_ms: int
    note: str
    command: CommandId


@dataclass(frozen=True, slots=True)
class AnomalyView(Anomaly):
    """An anomaly as REST shows it: its latest fact, who acknowledged it last, and what people say it was."""

    acknowledgement: Acknowledgement | None = None
    labels: list[LabelGiven] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class IncidentView(Incident):
    """An incident as REST shows it: its latest fact, and who acknowledged it last. Its anomalies keep their own."""

    acknowledgement: Acknowledgement | None = None


@dataclass(frozen=True, slots=True)
class Annotations:
    """What was said of one anomaly or incident."""

    acknowledgement: Acknowledgement | None = None
    labels: list[LabelGiven] = field(default_factory=list)


NOTHING_SAID: Final = Annotations()
"""Of what nobody spoke of."""


def with_label(labels: list[LabelGiven], given: LabelGiven) -> list[LabelGiven]:
    """`labels` with `given` in place of that person's earlier one, at the end; the oldest beyond `MOST_LABELS` goes."""
    return [*(each for each in labels if each.by != given.by), given][-MOST_LABELS:]


@dataclass(frozen=True, slots=True)
class AnomalyFilter:
    """Which anomalies are meant; null asks for nothing. `since_ms` (included) to `until_ms` (not) is when they opened.

    `label` is one that somebody gave and still stands by.
    """

    site: str | None = None
    device: str | None = None
    gateway: str | None = None
    profile: str | None = None
    status: AnomalyStatus | None = None
    severity: Severity | None = None
    fault_kind: FaultKind | None = None
    is_open: bool | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    acknowledged: bool | None = None
    label: AnomalyLabel | None = None


ALL_ANOMALIES: Final = AnomalyFilter()


def anomaly_view(anomaly: Anomaly, said: Annotations) -> AnomalyView:
    """`anomaly` with what people said of it."""
    return AnomalyView(**_fields(anomaly), acknowledgement=said.acknowledgement, labels=said.labels)


def incident_view(incident: Incident, said: Annotations) -> IncidentView:
    """`incident` with what people said of it."""
    return IncidentView(**_fields(incident), acknowledgement=said.acknowledgement)


def _fields(fact: Anomaly | Incident) -> dict[str, Any]:
    return {each.name: getattr(fact, each.name) for each in fields(fact)}
