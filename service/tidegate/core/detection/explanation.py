"""Explanation: why a device alarms, or why it does not, read from a look at it after its last reading.

One code path for the reasons of an anomaly, for the question where there was none, and for the same question about the past.
Changes nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from tidegate.contracts.anomaly import DeviceState, FaultKind, Reason
from tidegate.contracts.ids import MetricName
from tidegate.contracts.profile import Direction, Metric
from tidegate.core.detection.attribution import with_shares
from tidegate.core.detection.judgement import SEVERITY_STEPS, SURPRISE_FLOOR
from tidegate.core.detection.look import Look, MetricLook, Subject, look_at, outside
from tidegate.core.detection.profiles import SEVERITIES
from tidegate.core.detection.records.look import class_reasons, class_why_not
from tidegate.core.detection.row_scores import ALARMING, RARITY_CAP
from tidegate.core.detection.scoring import ORDINARY
from tidegate.core.detection.state import STREAMS
from tidegate.core.detection.words import duration, how_often, how_often_known, number

SILENCE: Final = "silence"
CLOCK: Final = "clock"
"""Streams of reasons that say that a device is not heard: not at all, or with a clock that cannot be right."""

MOST_REASONS: Final = 5
"""Of an anomaly; the rest rarely adds anything, and `explain` shows all."""

KINDS: Final = {
    "residual": FaultKind.OUT_OF_PATTERN,
    "range": FaultKind.OUT_OF_RANGE,
    "stuck": FaultKind.STUCK,
    "level": FaultKind.LEVEL_SHIFT,
    "cross": FaultKind.OUT_OF_PATTERN,
    "season": FaultKind.OUT_OF_PATTERN,
    "dropout": FaultKind.DROPOUT,
    SILENCE: FaultKind.SILENCE,
    CLOCK: FaultKind.CLOCK,
    "class": FaultKind.ATTACK,
    "unknown": FaultKind.UNKNOWN_CLASS,
}


def reasons(look: Look, least: float = ORDINARY) -> list[Reason]:
    """What each stream said of the last reading, the rarest first, where it is rarer than `least` (−log10 p)."""
    said = [
        _metric_reason(look, metric, stream)
        for metric in look.metrics
        for stream in range(len(STREAMS))
        if metric.rarity[stream] > least
    ]
    if look.dropout > least:
        said.append(_dropout_reason(look))
    if look.classes is not None:
        said += class_reasons(look.classes, least)
    said = with_shares(said, look, STREAMS[:ALARMING])
    return sorted(said, key=lambda reason: -reason.neg_log10_p)


def heard_reasons(subject: Subject) -> list[Reason]:
    """The reasons of an alarm, what brought most to it first: those that policy lets be heard; all of them where none is."""
    metrics = {name: metric for _, name, metric in subject.rows()}
    look = look_at(subject)
    said = reasons(look)
    heard = [reason for reason in said if _is_heard(reason, metrics)] or said
    return sorted(with_shares(heard, look, STREAMS[:ALARMING]), key=lambda reason: -(reason.share or 0.0))


def unheard_metrics(subject: Subject, look: Look) -> list[MetricName]:
    """Metrics whose evidence direction or minimum deviation hold back."""
    metrics = {name: metric for _, name, metric in subject.rows()}
    held = [reason.metric for reason in reasons(look) if reason.share and not _is_heard(reason, metrics)]
    return [name for name in dict.fromkeys(held) if name is not None]


def _is_heard(reason: Reason, metrics: Mapping[MetricName, Metric]) -> bool:
    """As in `row_scores`: direction and minimum deviation hold back what leaves the expected band, not what sticks or breaks."""
    if reason.stream not in ("residual", "range", "level", "cross", "season") or reason.metric is None or reason.observed is None:
        return True
    metric, value = metrics[reason.metric], reason.observed
    if outside(value, metric.low, metric.high):
        return True
    if reason.expected is None:
        return True
    low, high = (reason.expected if bound is None else bound for bound in (reason.expected_low, reason.expected_high))
    side = Direction.ABOVE if value > reason.expected else Direction.BELOW
    return metric.direction in (Direction.BOTH, side) and max(value - high, low - value, 0.0) >= metric.minimum_deviation


def silence_reason(subject: Subject, gap_ms: float) -> Reason:
    """Why a device counts as silent: the rest of its site has moved on by `gap_ms` since it spoke."""
    due, refused = float(subject.profiles.silent_after_ms[subject.profile]) / 1000.0, int(subject.devices.refused[subject.slot])
    text = f"reading for {duration(gap_ms / 1000.0)} while its site went on; silent after {duration(due)}"
    text = f"{refused} readings with times that cannot be believed, and no other {text}" if refused else f"no {text}"
    stream = CLOCK if refused else SILENCE
    return Reason(stream, None, gap_ms / 1000.0, subject.interval_ms / 1000.0, None, due, RARITY_CAP, text, 1.0)


def fault_kind(said: list[Reason]) -> FaultKind:
    """The kind of the strongest reason. A level that the forecast does not take for granted yet is no shift yet."""
    if not said:
        return FaultKind.UNKNOWN
    first = said[0]
    fresh = first.stream == "level" and any(each.stream == "residual" and each.metric == first.metric for each in said)
    return FaultKind.OUT_OF_PATTERN if fresh else KINDS[first.stream]


def class_name(said: list[Reason]) -> str | None:
    """The class of records that the strongest reason with one names; null when none does."""
    return next((reason.class_name for reason in said if reason.class_name is not None), None)


def often_of(look: Look) -> str:
    """How often the device comes to the score of its last reading, in words; empty below one in ten, and where it has none."""
    return how_often_known(look.rarity, look.interval_ms, look.settled) if look.rarity >= ORDINARY else ""


def suppressions(look: Look, unheard: Sequence[MetricName] = ()) -> list[str]:
    """In words, every rule that holds an alarm of the last reading back; empty when none does or nothing was to be held.

    `unheard` are the metrics whose policy holds something back, where that is known.
    """
    held = [] if look.held is None else [look.held]
    if look.state is DeviceState.WARMING:
        held.append(f"warming: {look.settled} of {look.warmup} readings seen")
    why_not = None if look.classes is None else class_why_not(look.classes)
    if why_not is not None:
        held.append(why_not)
        return held
    if np.isnan(look.rarity):
        held.append("the last reading could not be judged: no forecast yet, or all metrics missing")
        return held
    if look.rarity >= look.threshold > look.heard:
        whose = ", ".join(unheard[:MOST_REASONS]) or "the metrics concerned"
        held.append(f"direction or minimum deviation of {whose}")
    if look.rarity >= look.threshold and look.surprise < SURPRISE_FLOOR:
        held.append(f"combined evidence {look.surprise:.2f} is below the floor {SURPRISE_FLOOR:g}")
    if look.threshold <= look.heard < _told_from(look):
        held.append(f"minimum severity: nothing below {look.minimum_severity} is told")
    return held


def _told_from(look: Look) -> float:
    """−log10 p from which an alarm is told: the budget's threshold, or what the least severity takes beyond it."""
    rank = next((rank for rank, each in enumerate(SEVERITIES) if each.value == look.minimum_severity), 0)
    return look.threshold + (SEVERITY_STEPS[rank - 1] if rank else 0.0)


def would_fire(look: Look) -> str:
    """What it would have taken, in words."""
    if look.held is not None:
        return f"nothing fires while it lasts: {look.held}"
    if not np.isfinite(look.threshold):
        return "the alert budget is 0: only impossible values and silence alarm"
    least = _told_from(look)
    often = how_often(least, look.interval_ms)
    if look.heard >= least:
        return f"fires: the reading is rarer than the budget allows ({often})"
    return f"a reading 10^{least - look.heard:.1f} times as rare as this one: {often}"


def _metric_reason(look: Look, metric: MetricLook, stream: int) -> Reason:
    rarity, name = metric.rarity[stream], STREAMS[stream]
    if name == "level":
        return _level_reason(look, metric, rarity)
    if name in ("cross", "season"):
        return _other_reason(metric, name, rarity)
    low, high = metric.expected_low, metric.expected_high
    if name == "range" and metric.impossible:
        low, high = metric.low, metric.high
    text = f"{metric.name} {_said(metric, name, low, high)}"
    return Reason(name, metric.name, metric.value, metric.expected, low, high, rarity, text)


def _level_reason(look: Look, metric: MetricLook, rarity: float) -> Reason:
    stands = metric.stands
    recent, usual = stands.recent or 0.0, stands.usual or 0.0
    low, high = usual - stands.width, usual + stands.width
    shown = number(recent, metric.unit)
    now = (
        f"is {shown}" if stands.over == 1 else f"has been around {shown} for {duration(stands.over * look.interval_ms / 1000.0)}"
    )
    text = f"{metric.name} {now}, usually {_bounds(low, high, metric.unit)}"
    return Reason("level", metric.name, recent, usual, low, high, rarity, text)


def _other_reason(metric: MetricLook, stream: str, rarity: float) -> Reason:
    """Of a value that the device's other metrics, or other readings of this time of day, would have otherwise."""
    expected = metric.suggested if stream == "cross" else metric.neighbour
    shown = "missing" if metric.value is None else number(metric.value, metric.unit)
    other = "nothing in particular" if expected is None else number(expected, metric.unit)
    where = "where the other metrics suggest" if stream == "cross" else "where the nearest at this time of day is"
    text = f"{metric.name} is {shown}, {where} {other}"
    return Reason(stream, metric.name, metric.value, expected, None, None, rarity, text)


def _said(metric: MetricLook, stream: str, low: float | None, high: float | None) -> str:
    shown = "missing" if metric.value is None else number(metric.value, metric.unit)
    if stream == "stuck":
        return f"has been exactly {shown} for {metric.run} readings"
    bounds = _bounds(low, high, metric.unit)
    if stream == "range" and metric.impossible:
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


def _dropout_reason(look: Look) -> Reason:
    text = f"{number(look.missed)} intervals' worth of values missed lately"
    return Reason("dropout", None, look.missed, 0.0, None, None, look.dropout, text)
