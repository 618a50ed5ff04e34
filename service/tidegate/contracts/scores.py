"""Scores on their topic: what an explanation of a device rests on, as numbers in columns. One message per site and batch.

A sample holds everything that explaining takes, so that "why, or why not" can be asked later in the same words as now; the
texts themselves can be made from it. Sampled: a device now and then, and when an anomaly of it opens or ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace

from tidegate.contracts.anomaly import DeviceState
from tidegate.contracts.ids import AnomalyId, DeviceId, GatewayId, MetricName, ProfileName, SiteId
from tidegate.contracts.version import SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class ScoredMetric:
    """A metric as its profile declared it then; `low` and `high` bound what the sensor can say, `weight` is what it counts."""

    name: MetricName
    unit: str
    low: float | None
    high: float | None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class DeviceColumns:
    """Devices after their last reading, one entry each. NaN: not known.

    `neg_log10_p` is of the reading and `heard` of what policy lets raise an alarm; `surprise` is in decades, `sustained` over
    about ten readings with slow evidence (empty in samples of earlier releases), `missed` in intervals, `dropout` the −log10 p
    of the dropout stream; `settled` readings count to the warm-up; `anomaly` is the open one, `held` the maintenance window in
    force, in words.
    """

    device: list[DeviceId]
    gateway: list[GatewayId | None]
    event_time_ms: list[int]
    state: list[DeviceState]
    readings: list[int]
    settled: list[int]
    neg_log10_p: list[float]
    heard: list[float]
    surprise: list[float]
    missed: list[float]
    dropout: list[float]
    anomaly: list[AnomalyId | None]
    held: list[str | None]
    sustained: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MetricColumns:
    """The metrics of the same devices, one device after the other, in the order of the group's `metrics`. NaN: not known.

    The last `observed` value and whether it is `missing` in the last reading; what was expected of it (5 %, 50 % and 95 %
    quantile); the `run` of equal values; −log10 p of the streams `residual`, `range`, `stuck`, `level`, `cross` and `season`.
    Where it stands: its `recent` mean over the last `over` intervals, its `usual` level and half the `width` of the usual band;
    what the other metrics `suggested` of the value, and its nearest `neighbour` in the season. Columns of streams that a release
    did not have are empty.
    """

    observed: list[float]
    missing: list[bool]
    expected_low: list[float]
    expected: list[float]
    expected_high: list[float]
    run: list[int]
    residual: list[float]
    range: list[float]
    stuck: list[float]
    level: list[float] = field(default_factory=list)
    recent: list[float] = field(default_factory=list)
    usual: list[float] = field(default_factory=list)
    width: list[float] = field(default_factory=list)
    over: list[int] = field(default_factory=list)
    cross: list[float] = field(default_factory=list)
    suggested: list[float] = field(default_factory=list)
    season: list[float] = field(default_factory=list)
    neighbour: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ClassColumns:
    """The same devices, where their readings are records that a bundle classifies, one entry each.

    The last record's class `label` (null: it could not be judged), the likeliest class's `probability`, its `energy`
    (NaN: not judged), which is below `known_limit` where no class fits; the attack `named` by the records that evidence builds
    on. For the streams `class` and `unknown`: `evidence` in nats, records it has been `building` for, and `rarity`, −log10 p.
    """

    label: list[str | None]
    probability: list[float]
    energy: list[float]
    named: list[str]
    known_limit: float
    evidence: list[list[float]]
    building: list[list[int]]
    rarity: list[list[float]]


@dataclass(frozen=True, slots=True)
class ScoreGroup:
    """Samples of devices of one profile, and what it was then. `threshold` is in −log10 p, infinite without an alert budget;
    alarms below `minimum_severity` were not told. `classes` is null where metrics are forecast."""

    profile: ProfileName
    bundle: str
    policy: str
    threshold: float
    interval_ms: float
    warmup: int
    metrics: list[ScoredMetric]
    devices: DeviceColumns
    values: MetricColumns
    minimum_severity: str = "low"
    classes: ClassColumns | None = None


@dataclass(frozen=True, slots=True)
class ScoreBatch:
    """Samples of one site that one batch led to, recorded at that batch's tick (Unix, milliseconds). MessagePack on the topic."""

    site: SiteId
    recorded_at_ms: int
    groups: list[ScoreGroup]
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class ScoreSample:
    """One device's part of a `ScoreBatch`: `group` has one device."""

    site: SiteId
    recorded_at_ms: int
    group: ScoreGroup

    @property
    def device(self) -> DeviceId:
        """Whose sample it is."""
        return self.group.devices.device[0]

    @property
    def event_time_ms(self) -> int:
        """Of the device's last reading then."""
        return self.group.devices.event_time_ms[0]


def samples_of(batch: ScoreBatch) -> Iterator[ScoreSample]:
    """The samples of `batch`, one by one, in its order."""
    for group in batch.groups:
        for place in range(len(group.devices.device)):
            yield ScoreSample(batch.site, batch.recorded_at_ms, pick(group, place, place + 1))


def pick(group: ScoreGroup, start: int, stop: int) -> ScoreGroup:
    """`group` with its devices from `start` to `stop` (exclusive) alone."""
    width = len(group.metrics)
    devices = {each.name: getattr(group.devices, each.name)[start:stop] for each in fields(DeviceColumns)}
    values = {each.name: getattr(group.values, each.name)[start * width : stop * width] for each in fields(MetricColumns)}
    classes = None if group.classes is None else _pick_classes(group.classes, start, stop)
    return replace(group, devices=DeviceColumns(**devices), values=MetricColumns(**values), classes=classes)


def _pick_classes(classes: ClassColumns, start: int, stop: int) -> ClassColumns:
    listed = [each.name for each in fields(ClassColumns) if each.name != "known_limit"]
    return ClassColumns(known_limit=classes.known_limit, **{name: getattr(classes, name)[start:stop] for name in listed})


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One metric of a point: what was observed and what was expected (5 %, 50 % and 95 % quantile); null: not known."""

    observed: float | None
    expected: float | None
    expected_low: float | None
    expected_high: float | None


@dataclass(frozen=True, slots=True)
class ScorePoint:
    """A device's score at one event time, with what a chart needs. `neg_log10_p` from `threshold` (null: none) on alarms.

    `recorded_at_ms` is the tick of the batch. A silence is recorded at the event time of the last reading before it.
    """

    event_time_ms: int
    recorded_at_ms: int
    state: DeviceState
    score: float | None
    neg_log10_p: float | None
    threshold: float | None
    anomaly: AnomalyId | None
    metrics: dict[MetricName, MetricPoint]
