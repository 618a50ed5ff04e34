"""A look at one device after its last reading: the numbers that explaining takes, from the state or from a recorded sample.

What reads it cannot tell where it came from, so a question about the past is answered as it would have been then.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.contracts.anomaly import DeviceState
from tidegate.contracts.ids import MetricName
from tidegate.contracts.profile import Metric
from tidegate.contracts.scores import ScoreGroup
from tidegate.core.detection.judgement import STATE_CODES
from tidegate.core.detection.lane import Lane
from tidegate.core.detection.profiles import Profiles
from tidegate.core.detection.records.lane import RecordLane
from tidegate.core.detection.records.look import ClassLook, class_columns, class_look, last_values
from tidegate.core.detection.row_scores import RARITY_CAP
from tidegate.core.detection.state import STREAMS, Devices
from tidegate.core.detection.streams import level as levels

AnyLane = Lane | RecordLane
"""The devices of one bundle: forecast metric by metric, or classified record by record."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One device of the state."""

    devices: Devices
    profiles: Profiles
    lane: AnyLane
    slot: int

    @property
    def profile(self) -> int:
        """Code of its profile."""
        return int(self.devices.profile[self.slot])

    @property
    def interval_ms(self) -> float:
        """Milliseconds between two readings."""
        return float(self.profiles.interval_ms[self.profile])

    def rows(self) -> Iterator[tuple[int, MetricName, Metric]]:
        """Its rows in the lane's table with their metrics; none once the profile has left the configuration."""
        current = self.profiles.profile(self.profile)
        for offset, (name, metric) in enumerate(current.metrics.items() if current else ()):
            yield int(self.devices.first_row[self.slot]) + offset, name, metric

    def values(self) -> dict[MetricName, float | None]:
        """What it measured last, by metric; null: missing in its last reading, or of no interest to its bundle."""
        first, lane = int(self.devices.first_row[self.slot]), self.lane
        if isinstance(lane, RecordLane):
            record = last_values(lane, first)
            return {name: record.get(name) for _, name, _ in self.rows()}
        return {name: None if lane.rows.missing[row] else float(lane.rows.value[row]) for row, name, _ in self.rows()}

    @property
    def present(self) -> float:
        """Share of its metrics that its last reading had; 1 of those that its bundle goes by where it has none."""
        lane = self.lane
        if isinstance(lane, RecordLane):
            return 1.0 - float(np.isnan(lane.rows.record[self.devices.first_row[self.slot]]).mean())
        rows = [row for row, _, _ in self.rows()]
        return 1.0 - float(lane.rows.missing[rows].mean()) if rows else 0.0


@dataclass(frozen=True, slots=True)
class LevelLook:
    """The `recent` mean over the last `over` intervals, the `usual` level, and half the `width` of the usual band."""

    recent: float | None
    usual: float | None
    width: float
    over: int


NOWHERE: Final = LevelLook(None, None, 0.0, 1)
"""Of a sample that was recorded before there were levels."""


@dataclass(frozen=True, slots=True)
class MetricLook:
    """One metric: the `value` observed last and whether it is `missing` in the last reading, the band expected of it, how
    many equal values in a row, −log10 p by stream and what it weighs; `low` and `high` bound what the sensor can say; where it
    `stands`, and what the other metrics `suggested` of it, and its nearest `neighbour` in the season. Null: not known."""

    name: MetricName
    unit: str
    low: float | None
    high: float | None
    value: float | None
    missing: bool
    expected_low: float | None
    expected: float | None
    expected_high: float | None
    run: int
    rarity: tuple[float, ...]
    stands: LevelLook
    suggested: float | None
    neighbour: float | None
    weight: float = 1.0

    @property
    def impossible(self) -> bool:
        """Whether the sensor cannot physically say its value."""
        return self.value is not None and outside(self.value, self.low, self.high)


@dataclass(frozen=True, slots=True)
class Look:
    """One device: `rarity` −log10 p of the last reading (NaN: it could not be judged), `heard` what policy lets alarm of it.

    `held` is the maintenance window in force, in words; alarms below `minimum_severity` are not told.
    """

    state: DeviceState
    settled: int
    warmup: int
    threshold: float
    interval_ms: float
    rarity: float
    heard: float
    surprise: float
    missed: float
    dropout: float
    held: str | None
    metrics: list[MetricLook]
    minimum_severity: str = "low"
    classes: ClassLook | None = None


def look_at(subject: Subject, held: str | None = None) -> Look:
    """`subject` as it stands."""
    devices, slot, profile = subject.devices, subject.slot, subject.profile
    current = subject.profiles.profile(profile)
    return Look(
        state=STATE_CODES[devices.code[slot]],
        settled=int(devices.settled[slot]),
        warmup=int(subject.profiles.warmup[profile]),
        threshold=float(subject.profiles.threshold[profile]),
        interval_ms=subject.interval_ms,
        rarity=float(devices.rarity[slot]),
        heard=float(devices.alarm_rarity[slot]),
        surprise=float(devices.surprise[slot]),
        missed=float(devices.missed[slot]),
        dropout=float(devices.dropout_rarity[slot]),
        held=held,
        metrics=list(_metrics_of(subject)),
        classes=_classes_of(subject),
        minimum_severity=current.alarm.minimum_severity if current else "low",
    )


def look_back(group: ScoreGroup) -> Look:
    """The one device of `group` as it stood then."""
    devices, values = group.devices, group.values
    silent, unknown = [0.0] * len(values.stuck), [math.nan] * len(values.stuck)
    numbers = zip(
        values.residual,
        values.range,
        values.stuck,
        values.level or silent,
        values.cross or silent,
        values.season or silent,
        strict=True,
    )
    suggested, neighbour = values.suggested or unknown, values.neighbour or unknown
    stands = [
        LevelLook(finite(recent), finite(usual), width, over)
        for recent, usual, width, over in zip(values.recent, values.usual, values.width, values.over, strict=True)
    ] or [NOWHERE] * len(values.stuck)
    return Look(
        state=devices.state[0],
        settled=devices.settled[0],
        warmup=group.warmup,
        threshold=group.threshold,
        interval_ms=group.interval_ms,
        rarity=devices.neg_log10_p[0],
        heard=devices.heard[0],
        surprise=devices.surprise[0],
        missed=devices.missed[0],
        dropout=devices.dropout[0],
        held=devices.held[0],
        metrics=[
            MetricLook(
                metric.name,
                metric.unit,
                metric.low,
                metric.high,
                finite(values.observed[place]),
                values.missing[place],
                finite(values.expected_low[place]),
                finite(values.expected[place]),
                finite(values.expected_high[place]),
                values.run[place],
                rarity,
                stands[place],
                finite(suggested[place]),
                finite(neighbour[place]),
                metric.weight,
            )
            for place, (metric, rarity) in enumerate(zip(group.metrics, numbers, strict=True))
        ],
        minimum_severity=group.minimum_severity,
        classes=None if group.classes is None else class_look(group.classes),
    )


def _metrics_of(subject: Subject) -> Iterator[MetricLook]:
    if not isinstance(subject.lane, RecordLane):
        yield from (_metric_at(subject.lane, row, name, metric) for row, name, metric in subject.rows())
        return
    for (_, name, metric), value in zip(subject.rows(), subject.values().values(), strict=True):
        broken = value is not None and outside(value, metric.low, metric.high)
        yield record_column(name, metric, value, broken)


def _classes_of(subject: Subject) -> ClassLook | None:
    lane = subject.lane
    if not isinstance(lane, RecordLane):
        return None
    return class_look(class_columns(lane, subject.devices.first_row[[subject.slot]]))


def record_column(name: MetricName, metric: Metric, value: float | None, broken: bool) -> MetricLook:
    """One column of a record: nothing is expected of it, but it may be what no meter can say."""
    rarity = tuple(RARITY_CAP if broken and stream == "range" else 0.0 for stream in STREAMS)
    missing, nothing = value is None, (None, None, None)
    return MetricLook(name, metric.unit, metric.low, metric.high, value, missing, *nothing, 0, rarity, NOWHERE, None, None)


def _metric_at(lane: Lane, row: int, name: MetricName, metric: Metric) -> MetricLook:
    rows = lane.rows
    low, median, high = (finite(bound) for bound in rows.band[row].tolist())
    standing = levels.stand(rows, np.array([row]))
    return MetricLook(
        name,
        metric.unit,
        metric.low,
        metric.high,
        finite(float(rows.value[row])),
        bool(rows.missing[row]),
        low,
        median,
        high,
        int(rows.run[row]),
        tuple(rows.rarity[row].tolist()),
        LevelLook(finite(standing.recent[0]), finite(standing.usual[0]), float(standing.width[0]), int(standing.over[0])),
        finite(float(rows.cross_expected[row])),
        finite(float(rows.season_expected[row])),
        metric.weight,
    )


def outside(value: float, low: float | None, high: float | None) -> bool:
    """Whether `value` is beyond what a sensor of that range can physically say."""
    return (low is not None and value < low) or (high is not None and value > high)


def finite(value: float) -> float | None:
    """`value`, or null for what is not a number of anything."""
    return float(value) if math.isfinite(value) else None
