"""Samples: which devices' scores a batch records, and their numbers gathered from the state in columns. Changes nothing.

Chosen by event time alone, so nothing has to be remembered: a device is due when its newest reading lies in another stretch
of time than the one before the batch. Costs a pass over the batch's devices, and per sample what it holds.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import SiteId
from tidegate.contracts.scores import ClassColumns, DeviceColumns, MetricColumns, ScoreBatch, ScoredMetric, ScoreGroup, pick
from tidegate.core.detection.anomalies import Anomalies
from tidegate.core.detection.judgement import STATE_CODES
from tidegate.core.detection.look import look_at
from tidegate.core.detection.records.lane import RecordLane
from tidegate.core.detection.records.look import class_columns
from tidegate.core.detection.roster import Roster
from tidegate.core.detection.state import STREAMS
from tidegate.core.detection.streams import level as levels

Int64 = NDArray[np.int64]

BATCH_BYTES: Final = 800_000
"""Bytes of one message, estimated from above: with its frame it stays below the megabyte that a broker takes by default."""

NOVELTY: Final = STREAMS.index("range")

_DEVICE_BYTES: Final = 700
_METRIC_BYTES: Final = 161
"""Of a device with names of a hundred characters, and of one metric's numbers."""


def due(slots: Int64, before_ms: Int64, after_ms: Int64, every_seconds: float) -> Int64:
    """Which of `slots`, whose newest event times were `before_ms` and are `after_ms`, are to be recorded; 0 seconds: all that
    have moved."""
    every_ms = max(round(every_seconds * 1000.0), 1)
    chosen: Int64 = slots[before_ms // every_ms != after_ms // every_ms]
    return chosen


def held_by(roster: Roster, anomalies: Anomalies, slot: int) -> str | None:
    """The maintenance window that keeps an anomaly of a device from opening at its last reading, in words."""
    if not anomalies.maintenance or slot in anomalies.open:
        return None
    window = anomalies.maintenance.covering(roster.named(slot), int(roster.devices.last_time_ms[slot]))
    return None if window is None else window.text


def gather(roster: Roster, anomalies: Anomalies, slots: Iterable[int], tick_ms: int) -> list[ScoreBatch]:
    """The samples of devices `slots`, in messages by site, recorded at `tick_ms`."""
    chosen = np.unique(np.fromiter(slots, dtype=np.int64))
    profile = roster.devices.profile[chosen]
    parts: dict[SiteId, list[ScoreGroup]] = {}
    for code in np.unique(profile).tolist():
        if not roster.profiles.metrics[code]:  # it left the configuration
            continue
        mine = chosen[profile == code]
        mine = mine[np.argsort(roster.devices.site[mine], kind="stable")]
        group = _group(roster, anomalies, code, mine)
        for site, start, stop in _by_site(roster, mine):
            parts.setdefault(site, []).extend(_pieces(group, start, stop))
    return [ScoreBatch(site, tick_ms, groups) for site, all_of in parts.items() for groups in _messages(all_of)]


def _by_site(roster: Roster, slots: Int64) -> Iterator[tuple[SiteId, int, int]]:
    site = roster.devices.site[slots]
    edges = [0, *(np.flatnonzero(np.diff(site)) + 1).tolist(), len(slots)]
    for start, stop in pairwise(edges):
        yield roster.directory.sites[site[start]], start, stop


def _pieces(group: ScoreGroup, start: int, stop: int) -> Iterator[ScoreGroup]:
    """Its devices from `start` to `stop`, in parts that fit a message."""
    most = max(BATCH_BYTES // _bytes(group), 1)
    for first in range(start, stop, most):
        yield pick(group, first, min(first + most, stop))


def _messages(groups: list[ScoreGroup]) -> Iterator[list[ScoreGroup]]:
    """Groups of one site, as many to a message as fit."""
    message: list[ScoreGroup] = []
    size = 0
    for group in groups:
        more = _bytes(group) * len(group.devices.device)
        if message and size + more > BATCH_BYTES:
            yield message
            message, size = [], 0
        message.append(group)
        size += more
    yield message


def _bytes(group: ScoreGroup) -> int:
    """Of one device."""
    return _DEVICE_BYTES + _METRIC_BYTES * len(group.metrics)


def _group(roster: Roster, anomalies: Anomalies, code: int, slots: Int64) -> ScoreGroup:
    profiles = roster.profiles
    current = profiles.current[profiles.keys[code]]
    return ScoreGroup(
        profile=profiles.names[code],
        bundle=profiles.bundles[code],
        policy=profiles.policies[code],
        threshold=float(profiles.threshold[code]),
        interval_ms=float(profiles.interval_ms[code]),
        warmup=int(profiles.warmup[code]),
        metrics=[
            ScoredMetric(name, metric.unit, metric.low, metric.high, metric.weight) for name, metric in current.metrics.items()
        ],
        devices=_devices(roster, anomalies, slots),
        values=_values(roster, len(current.metrics), slots),
        minimum_severity=current.alarm.minimum_severity,
        classes=_classes(roster, slots),
    )


def _devices(roster: Roster, anomalies: Anomalies, slots: Int64) -> DeviceColumns:
    devices, directory, each = roster.devices, roster.directory, slots.tolist()
    opened = [anomalies.open.get(slot) for slot in each]
    return DeviceColumns(
        device=[directory.devices[slot][1] for slot in each],
        gateway=[directory.gateway_name(gateway) for gateway in devices.gateway[slots].tolist()],
        event_time_ms=devices.last_time_ms[slots].tolist(),
        state=[STATE_CODES[state] for state in devices.code[slots].tolist()],
        readings=devices.readings[slots].tolist(),
        settled=devices.settled[slots].tolist(),
        neg_log10_p=devices.rarity[slots].tolist(),
        heard=devices.alarm_rarity[slots].tolist(),
        surprise=devices.surprise[slots].tolist(),
        sustained=devices.sustained[slots].tolist(),
        missed=devices.missed[slots].tolist(),
        dropout=devices.dropout_rarity[slots].tolist(),
        anomaly=[None if fact is None else fact.id for fact in opened],
        held=[held_by(roster, anomalies, slot) for slot in each] if anomalies.maintenance else [None] * len(each),
    )


def _classes(roster: Roster, slots: Int64) -> ClassColumns | None:
    lane = roster.lanes[roster.devices.lane[slots[0]]]
    return class_columns(lane, roster.devices.first_row[slots]) if isinstance(lane, RecordLane) else None


def _columns(roster: Roster, slots: Int64) -> MetricColumns:
    """Of records, whose columns nobody forecasts: what was observed, and whether a meter can say it."""
    looks = [each for slot in slots.tolist() for each in look_at(roster.subject(slot)).metrics]
    unknown, nothing = [math.nan] * len(looks), [0.0] * len(looks)
    return MetricColumns(
        observed=[math.nan if each.value is None else each.value for each in looks],
        missing=[each.missing for each in looks],
        expected_low=unknown,
        expected=unknown,
        expected_high=unknown,
        run=[0] * len(looks),
        residual=nothing,
        range=[each.rarity[NOVELTY] for each in looks],
        stuck=nothing,
    )


def _values(roster: Roster, width: int, slots: Int64) -> MetricColumns:
    """Devices of one profile share a bundle, hence a lane."""
    lane = roster.lanes[roster.devices.lane[slots[0]]]
    if isinstance(lane, RecordLane):
        return _columns(roster, slots)
    rows = lane.rows
    place = (roster.devices.first_row[slots][:, None] + np.arange(width)).ravel()
    low, median, high = rows.band[place].T.tolist()
    residual, novelty, stuck, level, cross, season = rows.rarity[place].T.tolist()
    standing = levels.stand(rows, place)
    return MetricColumns(
        observed=rows.value[place].tolist(),
        missing=rows.missing[place].tolist(),
        expected_low=low,
        expected=median,
        expected_high=high,
        run=rows.run[place].tolist(),
        residual=residual,
        range=novelty,
        stuck=stuck,
        level=level,
        recent=standing.recent.tolist(),
        usual=standing.usual.tolist(),
        width=standing.width.tolist(),
        over=standing.over.tolist(),
        cross=cross,
        suggested=rows.cross_expected[place].tolist(),
        season=season,
        neighbour=rows.season_expected[place].tolist(),
    )
