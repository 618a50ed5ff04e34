"""A series of one device's readings to be scored as the worker would, and what that says. REST only; on no topic."""

from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec
from pydantic import Field

from tidegate.contracts.anomaly import Anomaly, DeviceState
from tidegate.contracts.ids import AnomalyId, MetricField, MetricName, ProfileField, ProfileName, TimeField
from tidegate.contracts.profile import AlarmPolicy, Metric
from tidegate.contracts.scores import MetricPoint

MOST_READINGS: Final = 5_000
"""Of one series: some seconds of work, which one by one is what the worker's own scores rest on."""

MOST_METRICS: Final = 64
"""Of one device of a posted series."""


Declared = Annotated[dict[MetricField, Metric], msgspec.Meta(max_length=MOST_METRICS), Field(max_length=MOST_METRICS)]


@dataclass(frozen=True, slots=True)
class SeriesReading:
    """What the device measured at `event_time_ms`, as in a reading: null or absent is missing."""

    event_time_ms: TimeField
    metrics: dict[MetricField, float | None]


@dataclass(frozen=True, slots=True)
class SeriesRequest:
    """Readings of one device in the order in which they come, and what class of device it is.

    Either `profile` names one that the service knows, or `metrics`, `interval_seconds`, `alarm` and `bundle` declare one as a
    profile would.
    """

    readings: Annotated[
        list[SeriesReading],
        msgspec.Meta(min_length=1, max_length=MOST_READINGS),
        Field(min_length=1, max_length=MOST_READINGS),
    ]
    profile: ProfileField | None = None
    metrics: Declared | None = None
    interval_seconds: float | None = None
    alarm: AlarmPolicy = field(default_factory=AlarmPolicy)
    bundle: str | None = None


@dataclass(frozen=True, slots=True)
class ScoredReading:
    """One posted reading: its score and the bands of its metrics, or `refused`, which says why it counts for nothing.

    `neg_log10_p` and `score` are null while the device cannot be judged; from `threshold` (null: none) on it alarms. `anomaly`
    is the one that is open after this reading.
    """

    event_time_ms: int
    state: DeviceState | None
    score: float | None
    neg_log10_p: float | None
    threshold: float | None
    metrics: dict[MetricName, MetricPoint]
    anomaly: AnomalyId | None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class ScoredSeries:
    """What the service says of a posted series. `anomalies` are the facts it would have published, in order.

    A gap within the series counts as missed readings; silence, for which the rest of a site would have to speak, is not judged.
    """

    profile: ProfileName
    bundle: str
    policy: str
    readings: list[ScoredReading]
    anomalies: list[Anomaly]
