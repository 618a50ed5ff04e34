"""Scoring: one round's readings against the state, before anything is learned from them. Changes nothing.

Evidence by row and stream → its own tail → −log10 p, capped → the part beyond one decade, weighted and summed over a
device's rows → the device's own tail → rarity. Sums run in the order of the rows, so no result depends on the batch.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.core.detection import evidence
from tidegate.core.detection.calibration import DEVICE, DROPOUT, NOVELTY, RESIDUAL, SHAPES, Fitted, fit
from tidegate.core.detection.evidence import Residual
from tidegate.core.detection.lane import Lane
from tidegate.core.detection.profiles import Profiles
from tidegate.core.detection.rounds import Intake, ragged
from tidegate.core.detection.state import NEVER, Devices
from tidegate.core.forecaster import Float64

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]

RARITY_CAP: Final = 8.0
"""−log10 p of one stream at most: enough for one metric in 38 to alarm on its own, and no more is known of any tail."""

ORDINARY: Final = 1.0
"""Decades that count for nothing: each row's usual nine tenths stay silent, so that a fault of one metric among 38 is heard
as well as a slight fault of all (a truncated sum, after Zaykin et al. 2002, in place of Fisher's, which drowns the one)."""

DEVICE_RARITY_CAP: Final = 12.0
"""−log10 p of a device at most; the scale beyond is extrapolation."""

LONGEST_GAP: Final = 1e4
"""Intervals: what a forecaster is told at most."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One round of one lane: B readings and their R rows. `owner` [R] is the reading of a row, `row` its place in the table."""

    intake: Intake
    owner: Int64
    row: Int64
    values: Float64
    elapsed: Float64
    profile: Int64
    metric: Int64


@dataclass(frozen=True, slots=True)
class Scored:
    """What a round showed. By row [R]: `clean` (observed and physically possible), `broken`, `residual`, `novelty`, `run`,
    `rarity` [R, 3] by stream, `part` [R, 3] its contribution in decades, `allowed` whether policy lets it raise an alarm.
    By reading [B]: the rest. `fitted` is the devices' own tail."""

    clean: Bool
    broken: Bool
    residual: Residual
    novelty: Float64
    run: Int64
    rarity: Float64
    part: Float64
    allowed: Bool
    missed: Float64
    dropout_rarity: Float64
    partial: Bool
    judged: Bool
    impossible: Bool
    surprise: Float64
    alarm_surprise: Float64
    device_rarity: Float64
    alarm_rarity: Float64
    fitted: Fitted


def take(devices: Devices, profiles: Profiles, lane: Lane, intake: Intake) -> Taken:
    """Gather what a round of one lane needs. A device's first reading counts as on time."""
    owner, flat = ragged(intake.start, intake.width)
    _, row = ragged(devices.first_row[intake.slot], intake.width)
    profile = devices.profile[intake.slot].astype(np.int64)
    last = devices.last_time_ms[intake.slot]
    gap = (intake.time_ms - last) / profiles.interval_ms[profile]
    elapsed = np.where(last == NEVER, 1.0, np.minimum(gap, LONGEST_GAP))
    return Taken(intake, owner, row, intake.values[flat], elapsed, profile, lane.rows.metric[row].astype(np.int64))


def score(devices: Devices, profiles: Profiles, lane: Lane, taken: Taken) -> Scored:
    """Score a round; the state stays as it is."""
    rows, row, metric = lane.rows, taken.row, taken.metric
    observed = ~np.isnan(taken.values)
    broken = observed & ((taken.values < profiles.low[metric]) | (taken.values > profiles.high[metric]))
    clean = observed & ~broken
    values = np.where(clean, taken.values, np.nan)
    forecast = evidence.forecast_in_force(rows.quantiles[row], taken.elapsed[taken.owner])
    apart = evidence.residual(values, forecast, rows.spread[row], rows.observed[row])
    beyond = evidence.novelty(values, rows.low[row], rows.high[row], rows.observed[row])
    run = np.where(clean & (values == rows.value[row]), rows.run[row] + 1, 1).astype(np.int64)
    rarity = _row_rarity(lane, taken, apart, beyond, np.where(clean, run, 0), broken, profiles)
    part = np.maximum(rarity - ORDINARY, 0.0) * profiles.weight[metric][:, None]
    allowed = _allowed(profiles, metric, apart) | broken
    return _combine(devices, profiles, lane, taken, clean, broken, apart, beyond, run, rarity, part, allowed)


def _row_rarity(
    lane: Lane, taken: Taken, apart: Residual, beyond: Float64, run: Int64, broken: Bool, profiles: Profiles
) -> Float64:
    """−log10 p by row and stream [R, 3], capped; 0 where a stream has nothing to say."""
    rows, row = lane.rows, taken.row
    of_residual = fit(rows.residual_survivors[row], rows.residual_readings[row], lane.priors[RESIDUAL], SHAPES[RESIDUAL])
    of_novelty = fit(rows.novelty_survivors[row], rows.novelty_readings[row], lane.priors[NOVELTY], SHAPES[NOVELTY])
    residual = of_residual.rarity(SHAPES[RESIDUAL].position(np.nan_to_num(apart.surprise)))
    beyond = np.nan_to_num(beyond)
    novel = of_novelty.rarity(SHAPES[NOVELTY].position(beyond))
    novel = np.minimum(novel, evidence.record_rarity(beyond, rows.observed[row]))
    stuck_after = profiles.stuck_after[taken.metric]
    stuck = evidence.stuck_rarity(run, stuck_after, rows.steps[row], rows.repeats[row])
    streams = np.stack([residual, np.where(broken, RARITY_CAP, novel), stuck], axis=1)
    return np.asarray(np.minimum(streams, RARITY_CAP))


def _allowed(profiles: Profiles, metric: Int64, apart: Residual) -> Bool:
    """Whether direction and minimum deviation let a row raise an alarm."""
    side = np.where(apart.above, profiles.above[metric], profiles.below[metric])
    least = profiles.minimum_deviation[metric]
    allowed: Bool = side & ((least <= 0.0) | (apart.deviation >= least))
    return allowed


def _combine(
    devices: Devices,
    profiles: Profiles,
    lane: Lane,
    taken: Taken,
    clean: Bool,
    broken: Bool,
    apart: Residual,
    beyond: Float64,
    run: Int64,
    rarity: Float64,
    part: Float64,
    allowed: Bool,
) -> Scored:
    slot, count = taken.intake.slot, len(taken.intake)
    width = np.maximum(taken.intake.width, 1)
    missing = _sum(taken.owner, ~(clean | broken), count) / width
    silent_after = profiles.silent_after_ms[taken.profile] / profiles.interval_ms[taken.profile]
    missed = evidence.missed_intervals(devices.missed[slot], taken.elapsed, silent_after, missing)
    of_dropout = fit(devices.dropout_survivors[slot], devices.dropout_readings[slot], lane.priors[DROPOUT], SHAPES[DROPOUT])
    dropout_rarity = np.minimum(of_dropout.rarity(SHAPES[DROPOUT].position(missed)), RARITY_CAP)
    dropout_part = np.maximum(dropout_rarity - ORDINARY, 0.0)
    stuck_only = np.where(allowed[:, None], part, part * np.array([0.0, 0.0, 1.0]))
    surprise = _sum(taken.owner, _across(part), count) + dropout_part
    alarm_surprise = _sum(taken.owner, _across(stuck_only), count) + dropout_part
    fitted = fit(devices.device_survivors[slot], devices.device_readings[slot], lane.priors[DEVICE], SHAPES[DEVICE])
    judged = _sum(taken.owner, broken | (clean & ~np.isnan(apart.surprise)), count) > 0
    return Scored(
        clean=clean,
        broken=broken,
        residual=apart,
        novelty=beyond,
        run=run,
        rarity=rarity,
        part=part,
        allowed=allowed,
        missed=missed,
        dropout_rarity=dropout_rarity,
        partial=missing > 0.0,
        judged=judged,
        impossible=_sum(taken.owner, broken, count) > 0,
        surprise=surprise,
        alarm_surprise=alarm_surprise,
        device_rarity=np.where(judged, np.maximum(_device_rarity(fitted, surprise, width), union(rarity)), np.nan),
        alarm_rarity=np.where(judged, np.maximum(_device_rarity(fitted, alarm_surprise, width), union(heard)), 0.0),
        fitted=fitted,
    )


def device_position(surprise: Float64, width: Int64) -> Float64:
    """Where combined evidence (decades) of `width` metrics falls in a device's tail.

    Per root of the number of metrics: between the sum (metrics that move together) and the share each has of it.
    """
    position: Float64 = SHAPES[DEVICE].position(1.0 + surprise / np.sqrt(np.maximum(width, 1)))
    return position


def _device_rarity(fitted: Fitted, surprise: Float64, width: Int64) -> Float64:
    return np.minimum(fitted.rarity(device_position(surprise, width)), DEVICE_RARITY_CAP)


def _across(part: Float64) -> Float64:
    """Sum over the three streams of a row, in their order."""
    return part[:, 0] + part[:, 1] + part[:, 2]


def _sum(owner: Int64, weights: NDArray[np.float64] | Bool, count: int) -> Float64:
    """Sum by reading, in the order of the rows: bincount adds one after the other, whatever the batch."""
    return np.bincount(owner, weights=weights, minlength=count).astype(np.float64, copy=False)
