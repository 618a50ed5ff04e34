"""Counterfactual: which next value of a metric would raise an alarm, found by asking the service's own scoring.

Scoring changes nothing, so many readings of one device can be tried side by side. The tail is inverted by search and not by
formula: whatever streams, caps and policies there are, what is told here is a value that was seen to alarm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import MetricName
from tidegate.core.detection.admission import LARGEST_VALUE
from tidegate.core.detection.evidence import MEDIAN
from tidegate.core.detection.judgement import judge
from tidegate.core.detection.lane import Lane
from tidegate.core.detection.look import Subject
from tidegate.core.detection.records.lane import RecordLane
from tidegate.core.detection.rounds import Intake
from tidegate.core.detection.scoring import score, take
from tidegate.core.detection.state import NEVER, NO_GATEWAY
from tidegate.core.forecaster import Float64

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]

COARSE: Final = np.exp2(np.arange(-4.0, 30.0, 3.0))
"""Distances tried first, in forecast errors: from what nobody notices to where every stream has said all that it can."""

FINE: Final = np.arange(1.0, 9.0) / 8.0
"""Shares of the gap between the last silent and the first alarming distance …"""

REFINED: Final = 3
"""… tried so many times, each in the gap that the time before left: it is then known to 1 in 512."""

SMALLEST_STEP: Final = 1e-6
"""Of a value's own size (or of 1 around 0): a forecast error of a metric that never erred."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """The value nearest to what is expected, `below` and `above` it, that alarms; null: none does."""

    below: float | None
    above: float | None


def triggers(subject: Subject, names: Sequence[MetricName]) -> dict[MetricName, Trigger]:
    """What a reading one interval after the last would have to say of each of `names`, the other metrics being as expected.

    Nothing is expected of records: they are classified.
    """
    lane = subject.lane
    if isinstance(lane, RecordLane) or not names:
        return {}
    rows = [row for row, _, _ in subject.rows()]
    place = {name: offset for offset, (_, name, _) in enumerate(subject.rows())}
    if not rows or subject.devices.last_time_ms[subject.slot] == NEVER:
        return {}
    expected = _expected(lane, np.array(rows))
    asked = [name for name in names if np.isfinite(expected[place[name]])]
    offset = np.repeat([place[name] for name in asked], 2).astype(np.int64)
    side = np.tile([-1.0, 1.0], len(asked))
    found = _nearest(subject, lane, expected, offset, side)
    values = [None if np.isnan(value) else float(value) for value in found]
    return {name: Trigger(*values[2 * which : 2 * which + 2]) for which, name in enumerate(asked)}


def _expected(lane: Lane, rows: Int64) -> Float64:
    """The forecast's median for the next reading; the last value where there is no forecast."""
    table = lane.rows
    median = table.quantiles[rows, 0, MEDIAN]
    return np.where(np.isnan(median), table.value[rows], median)


def _nearest(subject: Subject, lane: Lane, expected: Float64, offset: Int64, side: Float64) -> Float64:
    """The nearest alarming value of each (metric, side), by a few rounds of trials; NaN where none alarms."""
    rows = int(subject.devices.first_row[subject.slot]) + offset
    around = expected[offset]
    unit = np.maximum(lane.rows.spread[rows], SMALLEST_STEP * np.where(around == 0.0, 1.0, np.abs(around)))
    silent, alarming = np.zeros(len(offset)), np.full(len(offset), np.nan)
    tried = np.tile(COARSE, (len(offset), 1))
    for _ in range(1 + REFINED):
        fires = _fires(subject, lane, expected, offset, around[:, None] + side[:, None] * unit[:, None] * tried)
        first = np.argmax(fires, axis=1)
        each, any_fires = np.arange(len(offset)), fires.any(axis=1)
        alarming = np.where(any_fires, tried[each, first], alarming)
        silent = np.where(any_fires & (first > 0), tried[each, np.maximum(first - 1, 0)], silent)
        tried = silent[:, None] + (alarming - silent)[:, None] * FINE
    found: Float64 = around + side * unit * alarming
    return found


def _fires(subject: Subject, lane: Lane, expected: Float64, offset: Int64, values: Float64) -> Bool:
    """Whether each of `values` [n, trial] of the metric at `offset` [n] would alarm: scored and judged as if it had come."""
    devices, slot, width = subject.devices, subject.slot, len(expected)
    tried = np.tile(expected, (values.size, 1))
    tried[np.arange(values.size), np.repeat(offset, values.shape[1])] = values.ravel()
    time_ms = int(devices.last_time_ms[slot]) + round(subject.interval_ms)
    intake = Intake(
        index=np.arange(values.size),
        slot=np.full(values.size, slot),
        time_ms=np.full(values.size, time_ms),
        sequence=np.full(values.size, NEVER),
        gateway=np.full(values.size, NO_GATEWAY),
        values=tried.ravel(),
        start=np.arange(values.size) * width,
        width=np.full(values.size, width),
    )
    taken = take(devices, subject.profiles, lane, intake)
    alarming = judge(devices, subject.profiles, taken, score(devices, subject.profiles, lane, taken)).alarming
    possible = np.abs(values) <= LARGEST_VALUE
    return alarming.reshape(values.shape) & possible
