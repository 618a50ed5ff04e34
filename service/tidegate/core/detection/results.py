"""What detection returns: scores by reading, facts, and the balance of a batch. Values only."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.anomaly import Anomaly, Incident
from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.contracts.ids import DeviceId, MetricName, ProfileName, SiteId
from tidegate.core.forecaster import Float64


@dataclass(frozen=True, slots=True)
class Rejection:
    """Reading (or ack) `index` of the batch could not be used, and why."""

    index: int
    reason: DeadLetterReason
    message: str


@dataclass(frozen=True, slots=True)
class Scores:
    """One entry per scored reading, by rising `index` into the batch.

    `neg_log10_p` float64 is the calibrated rarity, NaN where the device could not be judged (its first readings, or all
    metrics missing); `score` the same from 0 to 1. `surprise` is the combined evidence of all streams before the device's
    own calibration, in decades, sustained over about ten readings: the one to rank stretches of time by. `state` int8
    indexes `STATE_CODES`. `threshold` is the policy's, in −log10 p.

    A late reading's scores are those it has in its place in time, after what came before it and before what came after;
    those of the readings after it are out and stay, whatever they are now.
    """

    index: NDArray[np.int64]
    neg_log10_p: Float64
    score: Float64
    surprise: Float64
    state: NDArray[np.int8]
    threshold: Float64


def no_scores() -> Scores:
    """Scores of no reading."""
    nothing = np.empty(0)
    return Scores(np.empty(0, np.int64), nothing, nothing, nothing, np.empty(0, np.int8), nothing)


@dataclass(frozen=True, slots=True)
class Trouble:
    """That a device has an open anomaly, since `opened_at_ms` (event time), and we are sure enough of it to act on it."""

    device: DeviceId
    opened_at_ms: int


@dataclass(slots=True)
class DetectionResult:
    """One call's outcome. received = scored + duplicate + quarantined + dead_lettered, always.

    Of the scored, `late` are older than their device's newest; for their sake `rerun` earlier readings were stepped again.

    `rejections` explains the quarantined and dead-lettered, by rising index. `forecast_due` lists devices whose forecast
    should be published with this batch, `score_due` the slots of those whose score should be recorded.
    """

    received: int = 0
    scored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    dead_lettered: int = 0
    late: int = 0
    rerun: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    anomalies: list[Anomaly] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    scores: Scores = field(default_factory=no_scores)
    forecast_due: list[tuple[SiteId, DeviceId]] = field(default_factory=list)
    score_due: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))


@dataclass(frozen=True, slots=True)
class DemandGroup:
    """Devices of one profile with what their demand rests on.

    `values` float64 [device, metric] are the latest observed (NaN: never; the forecast's median for an impossible one),
    `quantiles` float64 [device, metric, horizon, level] the forecasts in force (NaN: none yet), `event_time_ms` int64
    [device] the last readings' times.
    """

    profile: ProfileName
    metrics: list[MetricName]
    devices: list[DeviceId]
    event_time_ms: NDArray[np.int64]
    values: Float64
    quantiles: Float64


@dataclass(frozen=True, slots=True)
class DemandRows:
    """All devices of a site, a group per profile, both in the order in which they were first seen."""

    site: SiteId
    groups: list[DemandGroup]
