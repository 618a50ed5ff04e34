"""Profiles: what a class of devices measures, how often, which alarms it wants, and what it demands of a gateway.

Written in YAML by people, read by `tidegate.adapters.profiles`; the core gets these values.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from tidegate.contracts.ids import MetricField, ProfileField
from tidegate.contracts.topology import Binding

MOST_LATE_INTERVALS = 512
"""Intervals a lateness horizon may span: what has to be kept, and stepped again, for every device of the profile."""


class Direction(StrEnum):
    """Which side of the expected band may raise an alarm."""

    BOTH = "both"
    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured quantity. `low` and `high` bound what the sensor can physically say; beyond them it is broken.

    `minimum_deviation` is how far from the expected band, in `unit`, a value must be before anybody wants to hear of it.
    `stuck_after` is how many equal readings in a row are suspicious; 0 means a constant is normal for this metric.
    """

    unit: str = ""
    description: str = ""
    low: float | None = None
    high: float | None = None
    direction: Direction = Direction.BOTH
    minimum_deviation: float = 0.0
    stuck_after: int = 0
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class AlarmPolicy:
    """What turns scores into anomalies.

    `alerts_per_device_day` is an upper bound that sets the threshold. An anomaly closes after `close_after` quiet readings,
    and a device is silent after `silent_after` intervals without a reading.
    """

    alerts_per_device_day: float = 0.05
    close_after: int = 6
    silent_after: float = 5.0
    minimum_severity: str = "low"


@dataclass(frozen=True, slots=True)
class DemandTerm:
    """A share of a resource's demand: `scale` × the metric's value. Negative results count as zero."""

    metric: MetricField
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class DemandMapping:
    """How a device's metrics become demand of one resource: `constant` + the sum of `terms`, in the resource's unit."""

    constant: float = 0.0
    terms: list[DemandTerm] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Profile:
    """A device class. `interval_seconds` is how often a reading is due; `bundle` null means the universal bundle.

    `lateness_seconds` is how much older than its device's newest a reading may be and still count: then what it changes is
    amended. 0 means that order is final; at most `MOST_LATE_INTERVALS` intervals.
    """

    name: ProfileField
    interval_seconds: float
    metrics: dict[MetricField, Metric]
    description: str = ""
    bundle: str | None = None
    alarm: AlarmPolicy = field(default_factory=AlarmPolicy)
    demand: dict[str, DemandMapping] = field(default_factory=dict)
    binding: Binding = Binding.GATEWAY_PULLED
    lateness_seconds: float = 0.0
