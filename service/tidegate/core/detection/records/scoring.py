"""Scoring records: one round's against the state, before anything is learned from them. Changes nothing.

Records → the classifier → what they say → evidence → each stream's own tail → rarity → the device's own tail, as everywhere.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegate.core.detection.calibration import DEVICE, SHAPES, Fitted, fit
from tidegate.core.detection.profiles import Profiles
from tidegate.core.detection.records import evidence
from tidegate.core.detection.records.evidence import LEAST_COVERAGE, Said
from tidegate.core.detection.records.lane import RecordLane
from tidegate.core.detection.records.table import CLASS, RECORD_STREAMS, UNKNOWN
from tidegate.core.detection.records.tail import EVIDENCE, PRIOR
from tidegate.core.detection.rounds import Intake, Round
from tidegate.core.detection.row_scores import RARITY_CAP
from tidegate.core.detection.scoring import (
    DEVICE_RARITY_CAP,
    DeviceScores,
    beyond_ordinary,
    device_position,
    elapsed_intervals,
    sustain,
)
from tidegate.core.detection.state import Devices
from tidegate.core.forecaster import Float64

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TakenRecords(Round):
    """One round of a lane of records: `row` [B] is the entry in the table, `values` float64 [B, column] as measured, `broken`
    [B, column] where the meter cannot physically say that."""

    row: Int64
    values: Float64
    broken: Bool

    @property
    def width(self) -> Int64:
        """A record is one row, whatever its columns."""
        return np.ones(len(self.intake), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class RecordScores(DeviceScores):
    """What records showed besides: `said`; by stream [B, stream] the next `evidence`, records it has been `building` for and
    its `stream_rarity`; `mass` [B, class] of these records, and the class `named` [B] by what is strongest."""

    said: Said
    evidence: Float64
    building: Int64
    mass: Float64
    stream_rarity: Float64
    named: Int64


def take_records(devices: Devices, profiles: Profiles, lane: RecordLane, intake: Intake) -> TakenRecords:
    """Gather what a round takes, columns in the bundle's order. Metrics that the bundle does not know are passed over."""
    profile = devices.profile[intake.slot].astype(np.int64)
    codes, which = np.unique(profile, return_inverse=True)
    place = np.stack([profiles.bundle_places[code] for code in codes.tolist()])[which]
    metric = np.stack([profiles.metric_codes[code][profiles.bundle_places[code]] for code in codes.tolist()])[which]
    values = intake.values[intake.start[:, None] + place]
    broken = (values < profiles.low[metric]) | (values > profiles.high[metric])
    elapsed = elapsed_intervals(devices, profiles, intake, profile)
    return TakenRecords(intake, elapsed, profile, devices.first_row[intake.slot], values, broken)


def score_records(devices: Devices, lane: RecordLane, taken: TakenRecords) -> RecordScores:
    """Score a round; the state stays as it is. A record with fewer than half of its columns is not judged."""
    slot, said = taken.intake.slot, _classified(lane, taken)
    added, building, mass = _built_up(lane, taken, said)
    stream_rarity = _stream_rarity(lane, taken.row, added)
    fitted = fit(devices.device_survivors[slot], devices.device_readings[slot], lane.priors[DEVICE], SHAPES[DEVICE])
    part = beyond_ordinary(stream_rarity)
    surprise = part[:, CLASS] + part[:, UNKNOWN]
    rarity = _device_rarity(fitted, surprise, stream_rarity, taken.width)
    before, nothing = devices.sustained[slot], np.zeros(len(slot))
    return RecordScores(
        missed=nothing,
        dropout_rarity=nothing,
        partial=np.isnan(taken.values).any(axis=1) | said.unknown | ~said.judged,
        judged=said.judged,
        impossible=np.asarray(taken.broken.any(axis=1)),
        surprise=surprise,
        sustained=sustain(before, np.where(said.judged, surprise, before)),
        rarity=np.where(said.judged, rarity, np.nan),
        alarm_surprise=surprise,
        alarm_rarity=np.where(said.judged, rarity, 0.0),
        fitted=fitted,
        said=said,
        evidence=added,
        building=building,
        mass=mass,
        stream_rarity=stream_rarity,
        named=_named(lane, mass, stream_rarity),
    )


def _classified(lane: RecordLane, taken: TakenRecords) -> Said:
    values = np.where(taken.broken, np.nan, taken.values)
    complete = (~np.isnan(values)).sum(axis=1) >= LEAST_COVERAGE * values.shape[1]
    return evidence.read(lane.classifier.classify(values), lane.classes, complete)


def _built_up(lane: RecordLane, taken: TakenRecords, said: Said) -> tuple[Float64, Int64, Float64]:
    """The next evidence [B, stream], the records it builds on, and their mass [B, class]."""
    rows, row = lane.rows, taken.row
    added = evidence.add_up(rows.evidence[row], said.likelihood_ratio, taken.elapsed)
    building = np.where(added > 0.0, rows.building[row].astype(np.int64) + said.judged[:, None], 0)
    mass = rows.mass[row] * evidence.kept(taken.elapsed)[:, None] + said.shares
    return added, building, np.where(added[:, CLASS, None] > 0.0, mass, 0.0)


def _device_rarity(fitted: Fitted, surprise: Float64, stream_rarity: Float64, width: Int64) -> Float64:
    """As `scoring._rarity`: by the device's tail of what the streams say together, or by the stronger of the two alone."""
    together = fitted.rarity(device_position(surprise, width))
    alone = np.maximum(stream_rarity[:, CLASS], stream_rarity[:, UNKNOWN]) - np.log10(len(RECORD_STREAMS))
    return np.asarray(np.minimum(np.maximum(np.maximum(together, alone), 0.0), DEVICE_RARITY_CAP))


def _stream_rarity(lane: RecordLane, row: Int64, added: Float64) -> Float64:
    """−log10 p of the evidence [B, stream], by each stream's own tail."""
    survivors = lane.rows.survivors[row].reshape(-1, EVIDENCE.edges)
    readings = np.repeat(lane.rows.readings[row], len(RECORD_STREAMS))
    found = fit(survivors, readings, PRIOR, EVIDENCE).rarity(EVIDENCE.position(added.ravel()))
    return np.minimum(found, RARITY_CAP).reshape(added.shape)


def _named(lane: RecordLane, mass: Float64, rarity: Float64) -> Int64:
    """The attack with the largest mass; "unknown" where that stream is rarer."""
    attack = np.where(lane.classes.attacks, mass, -1.0).argmax(axis=1)
    return np.where(rarity[:, UNKNOWN] > rarity[:, CLASS], len(lane.classes.names), attack)
