"""Anomalies and incidents: what detection says, as facts with an identity, a lifecycle and reasons.

An anomaly is one device's; an incident groups anomalies of a site with a common cause. A published fact is never
rewritten: a later version of the same id follows it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tidegate.contracts.ids import AnomalyId, DeviceId, GatewayId, IncidentId, MetricName, ProfileName, SiteId
from tidegate.contracts.version import SCHEMA_VERSION


class DeviceState(StrEnum):
    """How much a device's score may be trusted. Unknown is not normal: only `ok` claims a full judgement."""

    OK = "ok"
    WARMING = "warming"
    PARTIAL = "partial"
    STALE = "stale"


class Severity(StrEnum):
    """How far beyond the alarm threshold the score went; independent of how sure we are (`confidence`)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class AnomalyStatus(StrEnum):
    """What the latest fact about an anomaly says. `amended` and `retracted` follow from late readings (`lateness_seconds`):
    the same anomaly, which other readings now show otherwise, or one that they show never to have been."""

    OPENED = "opened"
    UPDATED = "updated"
    CLOSED = "closed"
    AMENDED = "amended"
    RETRACTED = "retracted"


REVISIONS: Final = (AnomalyStatus.AMENDED, AnomalyStatus.RETRACTED)
"""What only late readings lead to."""


class FaultKind(StrEnum):
    """What the evidence looks like; `unknown` when no kind stands out.

    The first readings tell `out-of-pattern` and `out-of-range` at most; what followed tells `spike`, `level-shift`, `drift` and
    `noise` apart, in a later version of the anomaly. `clock` is a device that is heard with times nobody can believe, and
    `link` one that is silent because its gateway fell.
    """

    UNKNOWN = "unknown"
    OUT_OF_PATTERN = "out-of-pattern"
    OUT_OF_RANGE = "out-of-range"
    LEVEL_SHIFT = "level-shift"
    STUCK = "stuck"
    SILENCE = "silence"
    DROPOUT = "dropout"
    SPIKE = "spike"
    NOISE = "noise"
    DRIFT = "drift"
    CLOCK = "clock"
    LINK = "link"
    ATTACK = "attack"
    UNKNOWN_CLASS = "unknown-class"


UNHEARD: Final = frozenset({FaultKind.SILENCE, FaultKind.CLOCK, FaultKind.LINK})
"""Kinds of an anomaly that says that a device is not heard: silence, and what it turned out to be."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One evidence stream's part in an anomaly, with what was expected and what was observed, in the metric's unit.

    `neg_log10_p` is −log10 of the stream's own tail probability: 3 means about one reading in a thousand. `share` (0 to 1) is
    its part in the evidence that the device's score was made of: 0 for streams that only rank, null from releases that did not
    say. All reasons' add up to 1; an anomaly lists the five largest. Of devices whose readings are records, `class_name` is the
    class they were put in (`unknown`: none fits), and `observed` is evidence in nats.
    """

    stream: str
    metric: MetricName | None
    observed: float | None
    expected: float | None
    expected_low: float | None
    expected_high: float | None
    neg_log10_p: float
    text: str
    share: float | None = None
    class_name: str | None = None


@dataclass(frozen=True, slots=True)
class Anomaly:
    """The state of one anomaly at `version`, which rises by one with each fact about it.

    `score` is 0 to 1 (calibrated), `neg_log10_p` the same on a scale that resolves the tail; both are the highest so
    far. `confidence` is 0 to 1. Times are event times in milliseconds. `device_state` is the device's state when the
    fact was made. `bundle` and `policy` name what judged (name/version@digest, and a digest of the alarm policy).
    `supersedes` is the retracted anomaly in whose place this one was opened. `metrics` are those of the reasons, the largest
    share first. `how_often` says in words how often this device comes to such a score; empty where a rule raised the alarm.
    `class_name` is the class of records that the strongest reason names; null where metrics are forecast.
    """

    id: AnomalyId
    version: int
    status: AnomalyStatus
    site: SiteId
    device: DeviceId
    profile: ProfileName
    gateway: GatewayId | None
    opened_at_ms: int
    event_time_ms: int
    closed_at_ms: int | None
    score: float
    neg_log10_p: float
    severity: Severity
    confidence: float
    device_state: DeviceState
    fault_kind: FaultKind
    metrics: list[MetricName]
    reasons: list[Reason]
    bundle: str
    policy: str
    incident: IncidentId | None = None
    supersedes: AnomalyId | None = None
    how_often: str = ""
    class_name: str | None = None
    schema_version: int = SCHEMA_VERSION

    @property
    def is_open(self) -> bool:
        """Whether it is still going on: neither closed nor retracted."""
        return self.closed_at_ms is None and self.status not in (AnomalyStatus.CLOSED, AnomalyStatus.RETRACTED)


class IncidentCause(StrEnum):
    """What the anomalies of an incident have in common."""

    GATEWAY_SILENT = "gateway-silent"
    SITE_SILENT = "site-silent"
    STALE_OWNER = "stale-owner"
    """`gateway` still serves devices that others have been given. No anomaly of a device's own goes with it."""


class IncidentStatus(StrEnum):
    """Where an incident stands in its life."""

    OPENED = "opened"
    UPDATED = "updated"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Incident:
    """One common cause and what it took down. `devices` names at most 100; `device_count` counts all."""

    id: IncidentId
    version: int
    status: IncidentStatus
    site: SiteId
    cause: IncidentCause
    gateway: GatewayId | None
    opened_at_ms: int
    event_time_ms: int
    closed_at_ms: int | None
    severity: Severity
    device_count: int
    devices: list[DeviceId]
    anomalies: list[AnomalyId]
    text: str
    schema_version: int = SCHEMA_VERSION
