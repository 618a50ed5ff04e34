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
    """One measured quantity."""

    unit: str = ""
    """What its values are counted in."""
    description: str = ""
    """What it measures, for people."""
    low: float | None = None
    """Least value that the sensor can physically say; below it, it is broken."""
    high: float | None = None
    """Largest value that the sensor can physically say; above it, it is broken."""
    direction: Direction = Direction.BOTH
    """Which side of the expected band may raise an alarm: `both`, `above` or `below`."""
    minimum_deviation: float = 0.0
    """How far from the expected band, in `unit`, a value must be before anybody wants to hear of it."""
    stuck_after: int = 0
    """How many equal readings in a row are suspicious; 0 means a constant is normal for this metric."""
    weight: float = 1.0
    """What it counts beside the profile's other metrics."""


@dataclass(frozen=True, slots=True)
class AlarmPolicy:
    """What turns scores into anomalies."""

    alerts_per_device_day: float = 0.05
    """Upper bound of the alarms that a healthy device may raise; it sets the threshold."""
    close_after: int = 6
    """Quiet readings in a row that close an anomaly."""
    absorb_after: int = 240
    """Readings in a row at a new, steady level after which it is accepted as the new normal and its anomaly closed; 0 means
    never."""
    silent_after: float = 5.0
    """Intervals without a reading after which a device is silent."""
    minimum_severity: str = "low"
    """Least severity that is told: `low`, `medium`, `high` or `critical`."""


@dataclass(frozen=True, slots=True)
class DemandTerm:
    """A share of a resource's demand: `scale` × the metric's value. Negative results count as zero."""

    metric: MetricField
    """One of the profile's metrics."""
    scale: float = 1.0
    """Of the resource's unit per unit of the metric."""


@dataclass(frozen=True, slots=True)
class DemandMapping:
    """How a device's metrics become demand of one resource: `constant` + the sum of `terms`, in the resource's unit."""

    constant: float = 0.0
    """What a device needs in any case."""
    terms: list[DemandTerm] = field(default_factory=list)
    """What it needs beyond that, by metric."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A device class."""

    name: ProfileField
    """What readings say they are of."""
    interval_seconds: float
    """How often a reading is due."""
    metrics: dict[MetricField, Metric]
    """What a device measures, by the metric's name in readings; `m{01..38}` stands for m01, m02 … m38."""
    description: str = ""
    """What such a device is, for people."""
    bundle: str | None = None
    """Which model serves it, `name` or `name/version`; none means the universal bundle. A joint bundle serves profiles of exactly
    its metrics."""
    alarm: AlarmPolicy = field(default_factory=AlarmPolicy)
    """What turns scores into anomalies."""
    demand: dict[str, DemandMapping] = field(default_factory=dict)
    """What a device demands of its gateway, by resource."""
    binding: Binding = Binding.GATEWAY_PULLED
    """How a device comes to its gateway: `gateway-pulled`, `device-redirected`, `network-steered` or `fixed`."""
    lateness_seconds: float = 0.0
    """How much older than its device's newest a reading may be and still count: what it changes is amended then. 0 means that
    order is final; at most 512 intervals."""
