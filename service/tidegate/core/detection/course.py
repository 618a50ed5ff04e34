"""The course of an open anomaly: what its foremost metric did from the opening on, which tells what kind of fault it is.

Kept for devices with an open anomaly only, a bounded number of readings in columns of the device, so that it goes with snapshots
and checkpoints; a reading of any other device costs a comparison per round. `kinds` holds the rules. Scores know nothing of it.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.anomaly import FaultKind
from tidegate.contracts.ids import MetricName
from tidegate.core.detection.kinds import Course, kind_of
from tidegate.core.detection.look import Subject
from tidegate.core.detection.records.lane import RecordLane
from tidegate.core.detection.row_scores import Taken
from tidegate.core.detection.state import COURSE_LENGTH, NO_ANOMALY, NO_METRIC, Devices
from tidegate.core.detection.streams.level import SIGMAS

LARGEST: Final = 1e6
"""Forecast errors away at most; beyond, nothing is told apart."""

SMALLEST_STEP: Final = 1e-9
"""Of a value's own size (or of 1 around 0): a forecast error of a metric that never erred."""

LOOKED_AT: Final = (8, 16, 32)
"""Readings from the opening on after which the kind is looked at again, as it is at the close. Three facts at most say so; an
anomaly that closes sooner, as that of a spike does, says it as it closes."""


def begin(subject: Subject, metrics: list[MetricName]) -> None:
    """Start the course of an anomaly that its device's last reading opened; none if no metric of it stands out.

    A record has no metric that is followed: its kind is its class.
    """
    devices, slot, lane = subject.devices, subject.slot, subject.lane
    devices.course_metric[slot], devices.course_count[slot] = NO_METRIC, 0
    devices.course[slot] = np.nan
    if isinstance(lane, RecordLane):
        return
    rows = lane.rows
    for offset, (row, name, _) in enumerate(subject.rows()):
        value = float(rows.value[row])
        if not metrics or name != metrics[0] or np.isnan(rows.band[row, 1]):
            continue
        centre = float(rows.band[row, 1])
        unit = max(SIGMAS * float(rows.spread[row]), SMALLEST_STEP * (abs(centre) or 1.0))
        devices.course_metric[slot], devices.course_count[slot] = offset, 1
        devices.course_centre[slot], devices.course_unit[slot] = centre, unit
        devices.course[slot, 0] = _away(np.float64(value), centre, unit)


def follow(devices: Devices, taken: Taken) -> NDArray[np.bool_]:
    """Add a round's readings to the courses under way, in place; returns by reading whether its course is to be looked at."""
    slot = taken.intake.slot
    looked_at = np.zeros(len(slot), dtype=bool)
    under_way = (devices.severity[slot] != NO_ANOMALY) & (devices.course_metric[slot] != NO_METRIC)
    place = np.flatnonzero(under_way & (devices.course_count[slot] < COURSE_LENGTH))
    if len(place) == 0:
        return looked_at
    mine = slot[place]
    first = np.cumsum(taken.intake.width) - taken.intake.width
    value = taken.values[first[place] + devices.course_metric[mine]]
    count = devices.course_count[mine]
    devices.course[mine, count] = _away(value, devices.course_centre[mine], devices.course_unit[mine])
    devices.course_count[mine] = count + 1
    looked_at[place] = np.isin(count + 1, LOOKED_AT)
    return looked_at


def told_by(subject: Subject) -> FaultKind | None:
    """The kind that the course of the open anomaly tells so far; null while it tells none."""
    devices, slot, lane = subject.devices, subject.slot, subject.lane
    metric, count = int(devices.course_metric[slot]), int(devices.course_count[slot])
    if metric == NO_METRIC or isinstance(lane, RecordLane):
        return None
    rows, row = lane.rows, int(devices.first_row[slot]) + metric
    return kind_of(
        Course(
            away=devices.course[slot, :count].astype(np.float64),
            repeats=(float(rows.repeats[row]) + 0.5) / (float(rows.steps[row]) + 1.0),
        )
    )


def _away(value: "np.float64 | NDArray[np.float64]", centre: object, unit: object) -> NDArray[np.float64]:
    away = (np.asarray(value) - np.asarray(centre)) / np.asarray(unit)
    return np.asarray(np.minimum(np.maximum(away, -LARGEST), LARGEST))
