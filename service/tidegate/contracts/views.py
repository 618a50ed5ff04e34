"""What REST shows of the live state: devices as they stand, and why one does or does not alarm. Never stored, never on a topic."""

from dataclasses import dataclass

from tidegate.contracts.anomaly import DeviceState, Reason
from tidegate.contracts.ids import AnomalyId, DeviceId, GatewayId, MetricName, ProfileName, SiteId


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device after its last committed reading. `score` 0 to 1 and `neg_log10_p` are null until it can be judged."""

    site: SiteId
    device: DeviceId
    profile: ProfileName
    gateway: GatewayId | None
    state: DeviceState
    readings: int
    last_event_time_ms: int
    score: float | None
    neg_log10_p: float | None
    anomaly: AnomalyId | None
    metrics: dict[MetricName, float | None]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why `device` alarms, or why not: its score against the threshold, each stream's part, and what holds an alarm back.

    `threshold` is in −log10 p. `suppressed_by` names rules in words (empty when nothing held an alarm back);
    `would_fire` says what it would have taken.
    """

    device: DeviceView
    threshold: float
    alarming: bool
    streams: list[Reason]
    suppressed_by: list[str]
    would_fire: str
    bundle: str
    policy: str


@dataclass(frozen=True, slots=True)
class Balance:
    """Where every reading went: `received` = scored + duplicate + quarantined + dead_lettered (pending is the lag before it)."""

    received: int = 0
    scored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    dead_lettered: int = 0
