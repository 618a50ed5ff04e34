"""Scoring: one round's readings against the state, before anything is learned from them. Changes nothing.

Rows' rarities → the part beyond one decade, weighted and summed over a device's rows → the device's own tail → rarity.
Beside the sum, the strongest single stream is heard by the union bound. Sums run in the order of the rows, so no result
depends on the batch.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.core.detection import evidence
from tidegate.core.detection.calibration import DEVICE, DROPOUT, SHAPES, Fitted, fit
from tidegate.core.detection.lane import Lane
from tidegate.core.detection.profiles import Profiles
from tidegate.core.detection.rounds import Intake
from tidegate.core.detection.row_scores import (
    ALARMING,
    CROSS_STREAM,
    LEVEL_STREAM,
    RARITY_CAP,
    SEASON_STREAM,
    RowScores,
    Taken,
    score_rows,
)
from tidegate.core.detection.state import NEVER, Devices
from tidegate.core.forecaster import Float64
from tidegate.core.ragged import ragged

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]

ORDINARY: Final = 1.0
"""Decades that count for nothing: each row's usual nine tenths stay silent, so that a fault of one metric among 38 is heard
as well as a slight fault of all (a truncated sum, after Zaykin et al. 2002, in place of Fisher's, which drowns the one)."""

COMBINED_CAP: Final = 6.0
"""−log10 p that one stream adds to the sum at most: a sum should say that several streams agree, not how far one went."""

SUSTAINING: Final = 0.1
"""Weight of the last reading in sustained evidence. Average precision with it, without, and of PCA: .29, .12, .20 on ASD, .15,
.04, .07 on SMD, .18, .13 on KPI; .03 to .2 are alike. Alarms go by the reading at hand: on NAB, sustaining only delays."""

DEVICE_RARITY_CAP: Final = 12.0
"""−log10 p of a device at most; the scale beyond is extrapolation."""

LONGEST_GAP: Final = 1e4
"""Intervals: what a forecaster is told at most."""


@dataclass(frozen=True, slots=True)
class DeviceScores:
    """What a round showed of its devices, by reading [B]: `missed` and `dropout_rarity` of the dropout stream; `partial` some
    metric is missing, `judged` there was evidence, `impossible` some value was; `surprise` the combined evidence that alarms go
    by, in decades, `rarity` its −log10 p (NaN unless judged); `sustained` the evidence of all streams, a mean over about ten
    readings; `alarm_surprise` and `alarm_rarity` are of what policy lets be heard. `fitted` are the devices' own tails."""

    missed: Float64
    dropout_rarity: Float64
    partial: Bool
    judged: Bool
    impossible: Bool
    surprise: Float64
    sustained: Float64
    rarity: Float64
    alarm_surprise: Float64
    alarm_rarity: Float64
    fitted: Fitted


@dataclass(frozen=True, slots=True)
class Scored(DeviceScores):
    """And of their rows."""

    rows: RowScores


def take(devices: Devices, profiles: Profiles, lane: Lane, intake: Intake) -> Taken:
    """Gather what a round of one lane needs."""
    owner, flat = ragged(intake.start, intake.width)
    _, row = ragged(devices.first_row[intake.slot], intake.width)
    profile = devices.profile[intake.slot].astype(np.int64)
    elapsed = elapsed_intervals(devices, profiles, intake, profile)
    return Taken(intake, elapsed, profile, owner, row, intake.values[flat], lane.rows.metric[row].astype(np.int64))


def elapsed_intervals(devices: Devices, profiles: Profiles, intake: Intake, profile: Int64) -> Float64:
    """Intervals since each device's last reading; a first one counts as on time."""
    last = devices.last_time_ms[intake.slot]
    gap = (intake.time_ms - last) / profiles.interval_ms[profile]
    return np.where(last == NEVER, 1.0, np.minimum(gap, LONGEST_GAP))


def score(devices: Devices, profiles: Profiles, lane: Lane, taken: Taken) -> Scored:
    """Score a round; the state stays as it is."""
    slot, owner, width = taken.intake.slot, taken.owner, taken.intake.width
    rows = score_rows(profiles, lane, taken, devices.settled[slot])
    missing = _sum(taken, ~(rows.clean | rows.broken)) / np.maximum(width, 1)
    missed = _missed(devices, profiles, taken, missing)
    dropout_rarity = _dropout_rarity(devices, lane, slot, missed)
    fitted = fit(devices.device_survivors[slot], devices.device_readings[slot], lane.priors[DEVICE], SHAPES[DEVICE])
    judged = _sum(taken, rows.broken | (rows.clean & ~np.isnan(rows.residual.surprise))) > 0
    weight = profiles.weight[taken.metric]
    surprise = _combined(taken, rows.rarity, weight, dropout_rarity)
    unrest = surprise + _slow(taken, rows.rarity, weight)
    alarm_surprise = _combined(taken, rows.heard, weight, dropout_rarity)
    rarity = device_rarity(fitted, surprise, _strongest(owner, rows.rarity, dropout_rarity), width)
    alarm_rarity = device_rarity(fitted, alarm_surprise, _strongest(owner, rows.heard, dropout_rarity), width)
    return Scored(
        missed=missed,
        dropout_rarity=dropout_rarity,
        partial=missing > 0.0,
        judged=judged,
        impossible=_sum(taken, rows.broken) > 0,
        surprise=surprise,
        sustained=sustain(devices.sustained[slot], np.where(judged, unrest, devices.sustained[slot])),
        rarity=np.where(judged, rarity, np.nan),
        alarm_surprise=alarm_surprise,
        alarm_rarity=np.where(judged, alarm_rarity, 0.0),
        fitted=fitted,
        rows=rows,
    )


def sustain(before: Float64, surprise: Float64) -> Float64:
    """Exponential mean of combined evidence: an anomaly is a stretch of time, its single readings come and go."""
    return before + SUSTAINING * (surprise - before)


def device_position(surprise: Float64, width: Int64) -> Float64:
    """Where combined evidence (decades) of `width` metrics falls in a device's tail.

    Per root of the number of metrics: between the sum (metrics that move together) and the share each has of it.
    """
    position: Float64 = SHAPES[DEVICE].position(1.0 + surprise / np.sqrt(np.maximum(width, 1)))
    return position


def device_rarity(fitted: Fitted, surprise: Float64, strongest: Float64, width: Int64) -> Float64:
    """−log10 p of a reading: by the device's tail of combined evidence, or by the strongest stream alone if that is rarer.

    Of k streams, the rarest is k times less rare than it says (union bound).
    """
    together = fitted.rarity(device_position(surprise, width))
    alone = strongest - np.log10(ALARMING * width + 1.0)
    return np.asarray(np.minimum(np.maximum(together, alone), DEVICE_RARITY_CAP))


def _combined(taken: Taken, rarity: Float64, weight: Float64, dropout_rarity: Float64) -> Float64:
    """Evidence of the streams that alarms go by, in decades beyond the ordinary."""
    part = beyond_ordinary(rarity)
    across = (part[:, 0] + part[:, 1] + part[:, 2]) * weight
    return _sum(taken, across) + np.maximum(dropout_rarity - ORDINARY, 0.0)


def _slow(taken: Taken, rarity: Float64, weight: Float64) -> Float64:
    """Evidence of the streams that only rank, in decades: the strongest level and season of a device, and all that its axes
    leave.

    Of the levels only one counts: a device's metrics drift together, for days, and their sum drowns all else (on ASD, VUS-PR
    .15 with the sum, .50 with the strongest, .39 without levels); likewise of the seasons (.51, .62, .54).
    """
    part = beyond_ordinary(rarity) * weight[:, None]
    strongest = np.zeros((len(taken.intake), 2))
    np.maximum.at(strongest, taken.owner, part[:, [LEVEL_STREAM, SEASON_STREAM]])
    return strongest[:, 0] + strongest[:, 1] + _sum(taken, part[:, CROSS_STREAM])


def beyond_ordinary(rarity: Float64) -> Float64:
    """What of a stream's rarity counts as evidence, in decades."""
    return np.maximum(np.minimum(rarity, COMBINED_CAP) - ORDINARY, 0.0)


def _strongest(owner: Int64, rarity: Float64, dropout_rarity: Float64) -> Float64:
    """The largest rarity of any stream that alarms go by, by reading."""
    strongest = dropout_rarity.copy()
    np.maximum.at(strongest, owner, rarity[:, :ALARMING].max(axis=1))
    return strongest


def _missed(devices: Devices, profiles: Profiles, taken: Taken, missing: Float64) -> Float64:
    silent_after = profiles.silent_after_ms[taken.profile] / profiles.interval_ms[taken.profile]
    return evidence.missed_intervals(devices.missed[taken.intake.slot], taken.elapsed, silent_after, missing)


def _dropout_rarity(devices: Devices, lane: Lane, slot: Int64, missed: Float64) -> Float64:
    shape = SHAPES[DROPOUT]
    fitted = fit(devices.dropout_survivors[slot], devices.dropout_readings[slot], lane.priors[DROPOUT], shape)
    return np.minimum(fitted.rarity(shape.position(missed)), RARITY_CAP)


def _sum(taken: Taken, weights: Float64 | Bool) -> Float64:
    """Sum by reading, in the order of the rows: bincount adds one after the other, whatever the batch."""
    return np.bincount(taken.owner, weights=weights, minlength=len(taken.intake)).astype(np.float64, copy=False)
