"""Explanation: why a device alarms, or why it does not, read from its state after its last reading.

One code path for the reasons of an anomaly and for the question where there was none. Changes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.contracts.anomaly import DeviceState, FaultKind, Reason
from tidegate.contracts.ids import MetricName
from tidegate.contracts.profile import Direction, Metric
from tidegate.core.detection.judgement import STATE_CODES, SURPRISE_FLOOR
from tidegate.core.detection.lane import Lane
from tidegate.core.detection.profiles import Profiles
from tidegate.core.detection.row_scores import RARITY_CAP
from tidegate.core.detection.scoring import ORDINARY
from tidegate.core.detection.state import STREAMS, Devices
from tidegate.core.detection.words import duration, how_often, number

MOST_REASONS: Final = 5
"""Of an anomaly; the rest rarely adds anything, and `explain` shows all."""

KINDS: Final = {
    "residual": FaultKind.OUT_OF_PATTERN,
    "range": FaultKind.OUT_OF_RANGE,
    "stuck": FaultKind.STUCK,
    "dropout": FaultKind.DROPOUT,
    "silence": FaultKind.SILENCE,
}


@dataclass(frozen=True, slots=True)
class Subject:
    """One device of the state, as explanations need it."""

    devices: Devices
    profiles: Profiles
    lane: Lane
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
        current = self.profiles.current.get(self.profiles.names[self.profile])
        for offset, (name, metric) in enumerate(current.metrics.items() if current else ()):
            yield int(self.devices.first_row[self.slot]) + offset, name, metric


def reasons(subject: Subject, least: float = ORDINARY) -> list[Reason]:
    """What each stream said of the last reading, the rarest first, where it is rarer than `least` (−log10 p)."""
    said = [
        _row_reason(subject, row, name, metric, stream)
        for row, name, metric in subject.rows()
        for stream in range(len(STREAMS))
        if subject.lane.rows.rarity[row, stream] > least
    ]
    if subject.devices.dropout_rarity[subject.slot] > least:
        said.append(_dropout_reason(subject))
    return sorted(said, key=lambda reason: -reason.neg_log10_p)


def heard_reasons(subject: Subject) -> list[Reason]:
    """The reasons of an alarm: those that policy lets be heard; all of them where none is."""
    metrics = {name: metric for _, name, metric in subject.rows()}
    said = reasons(subject)
    return [reason for reason in said if _is_heard(reason, metrics)] or said


def _is_heard(reason: Reason, metrics: Mapping[MetricName, Metric]) -> bool:
    """As in `row_scores`: direction and minimum deviation hold back what leaves the expected band, not what sticks or breaks."""
    if reason.stream not in ("residual", "range") or reason.metric is None or reason.observed is None:
        return True
    metric, value = metrics[reason.metric], reason.observed
    if impossible(metric, value):
        return True
    low, high = reason.expected_low, reason.expected_high
    if low is None or high is None or reason.expected is None:
        return True
    side = Direction.ABOVE if value > reason.expected else Direction.BELOW
    return metric.direction in (Direction.BOTH, side) and max(value - high, low - value, 0.0) >= metric.minimum_deviation


def silence_reason(subject: Subject, gap_ms: float) -> Reason:
    """Why a device counts as silent: the rest of its site has moved on by `gap_ms` since it spoke."""
    due = float(subject.profiles.silent_after_ms[subject.profile]) / 1000.0
    text = f"no reading for {duration(gap_ms / 1000.0)} while its site went on; silent after {duration(due)}"
    return Reason("silence", None, gap_ms / 1000.0, subject.interval_ms / 1000.0, None, due, RARITY_CAP, text)


def fault_kind(said: list[Reason]) -> FaultKind:
    """The kind of the strongest reason."""
    return KINDS[said[0].stream] if said else FaultKind.UNKNOWN


def suppressions(subject: Subject) -> list[str]:
    """In words, every rule that holds an alarm of the last reading back; empty when none does or nothing was to be held."""
    devices, slot, profiles = subject.devices, subject.slot, subject.profiles
    held = []
    state = STATE_CODES[devices.code[slot]]
    if state is DeviceState.WARMING:
        held.append(f"warming: {devices.settled[slot]} of {profiles.warmup[subject.profile]} readings seen")
    if np.isnan(devices.rarity[slot]):
        held.append("the last reading could not be judged: no forecast yet, or all metrics missing")
        return held
    threshold = profiles.threshold[subject.profile]
    if devices.rarity[slot] >= threshold > devices.alarm_rarity[slot]:
        held.append("direction or minimum deviation of the metrics concerned")
    if devices.rarity[slot] >= threshold and devices.surprise[slot] < SURPRISE_FLOOR:
        held.append(f"combined evidence {devices.surprise[slot]:.2f} is below the floor {SURPRISE_FLOOR:g}")
    return held


def would_fire(subject: Subject) -> str:
    """What it would have taken, in words."""
    threshold = float(subject.profiles.threshold[subject.profile])
    if not np.isfinite(threshold):
        return "the alert budget is 0: only impossible values and silence alarm"
    rarity = float(subject.devices.alarm_rarity[subject.slot])
    often = how_often(threshold, subject.interval_ms)
    if rarity >= threshold:
        return f"fires: the reading is rarer than the budget allows ({often})"
    return f"a reading 10^{threshold - rarity:.1f} times as rare as this one: {often}"


def _row_reason(subject: Subject, row: int, name: MetricName, metric: Metric, stream: int) -> Reason:
    rows = subject.lane.rows
    rarity = float(rows.rarity[row, stream])
    value = _finite(rows.value[row])
    low, median, high = (_finite(bound) for bound in rows.band[row])
    if STREAMS[stream] == "range" and value is not None and impossible(metric, value):
        low, high = metric.low, metric.high
    text = f"{name} {_said(subject, row, metric, STREAMS[stream], value, low, high)}"
    if rarity < RARITY_CAP:
        text += f" ({how_often(rarity, subject.interval_ms)})"
    return Reason(STREAMS[stream], name, value, median, low, high, rarity, text)


def _said(
    subject: Subject, row: int, metric: Metric, stream: str, value: float | None, low: float | None, high: float | None
) -> str:
    shown = "missing" if value is None else number(value, metric.unit)
    if stream == "stuck":
        return f"has been exactly {shown} for {subject.lane.rows.run[row]} readings"
    bounds = _bounds(low, high, metric.unit)
    if stream == "range" and value is not None and impossible(metric, value):
        return f"is {shown}, which the sensor cannot say: its range is {bounds}"
    if stream == "range":
        return f"is {shown}, outside everything seen before; expected {bounds}"
    return f"is {shown}, expected {bounds}"


def _bounds(low: float | None, high: float | None, unit: str) -> str:
    if low is None and high is None:
        return "nothing in particular"
    if low is None or high is None:
        return f"at least {number(low, unit)}" if low is not None else f"at most {number(high or 0.0, unit)}"
    return f"{number(low)} to {number(high, unit)}"


def _dropout_reason(subject: Subject) -> Reason:
    missed = float(subject.devices.missed[subject.slot])
    rarity = float(subject.devices.dropout_rarity[subject.slot])
    text = f"{number(missed)} intervals' worth of values missed lately ({how_often(rarity, subject.interval_ms)})"
    return Reason("dropout", None, missed, 0.0, None, None, rarity, text)


def impossible(metric: Metric, value: float) -> bool:
    """Whether the sensor cannot physically say `value`."""
    return (metric.low is not None and value < metric.low) or (metric.high is not None and value > metric.high)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
