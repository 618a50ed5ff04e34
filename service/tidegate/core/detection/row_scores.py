"""Scores of rows: what each metric's streams say of a reading, each by its own tail. Changes nothing.

Evidence by stream → the row's own tail → −log10 p, capped. Policy enters only as what it lets raise an alarm (`heard`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.core.detection import evidence
from tidegate.core.detection.calibration import CROSS, LEVEL, NOVELTY, RESIDUAL, SEASON, SHAPES, TailShape, fit
from tidegate.core.detection.evidence import Residual
from tidegate.core.detection.lane import Lane
from tidegate.core.detection.profiles import Profiles
from tidegate.core.detection.rounds import Round
from tidegate.core.detection.state import STREAMS
from tidegate.core.detection.streams import cross as crosses
from tidegate.core.detection.streams import level as levels
from tidegate.core.detection.streams import season as seasons
from tidegate.core.detection.streams.cross import Cross
from tidegate.core.detection.streams.level import Level
from tidegate.core.detection.streams.season import Season
from tidegate.core.forecaster import Float64

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]

RARITY_CAP: Final = 8.0
"""−log10 p of one stream at most: enough for one metric among 38 to alarm alone; beyond, no tail is known (design: capped)."""

STUCK: Final = STREAMS.index("stuck")
LEVEL_STREAM: Final = STREAMS.index("level")
CROSS_STREAM: Final = STREAMS.index("cross")
SEASON_STREAM: Final = STREAMS.index("season")

ALARMING: Final = 3
"""Streams that alarms go by, the first ones. Levels and what metrics do together are away for hours: they rank stretches of time
better than all others, but each crossing of a threshold is an alarm, and in alarms they cost NAB 7 of 64 points (279 false alarms
for 65) and tripled ASD's for four more events (docs/results/ablation.md)."""


@dataclass(frozen=True, slots=True)
class Taken(Round):
    """One round of one lane: B readings and their R rows. `owner` [R] is the reading of a row, `row` its place in the table and
    `metric` its code."""

    owner: Int64
    row: Int64
    values: Float64
    metric: Int64


@dataclass(frozen=True, slots=True)
class RowScores:
    """By row [R]: `clean` is observed and physically possible, `broken` observed and impossible; `run` counts equal values;
    `rarity` [R, stream] is −log10 p by stream, `heard` [R, `ALARMING`] the same where policy lets it alarm and 0 elsewhere."""

    clean: Bool
    broken: Bool
    residual: Residual
    novelty: Float64
    level: Level
    cross: Cross
    season: Season
    run: Int64
    rarity: Float64
    heard: Float64


def score_rows(profiles: Profiles, lane: Lane, taken: Taken, settled: Int64) -> RowScores:
    """Score every row of a round: by itself, and among the rows of its device, which had `settled` [B] readings before."""
    rows, row, metric = lane.rows, taken.row, taken.metric
    observed = ~np.isnan(taken.values)
    broken = observed & ((taken.values < profiles.low[metric]) | (taken.values > profiles.high[metric]))
    clean = observed & ~broken
    values = np.where(clean, taken.values, np.nan)
    forecast = evidence.forecast_in_force(rows.quantiles[row], taken.elapsed[taken.owner])
    residual = evidence.residual(values, forecast, rows.spread[row], rows.observed[row])
    novelty = evidence.novelty(values, rows.low[row], rows.high[row], rows.observed[row])
    level = levels.weigh(rows, row, values, taken.elapsed[taken.owner])
    cross = crosses.weigh(rows, row, values, taken.owner, settled)
    season = seasons.weigh(rows, row, values, taken.intake.time_ms[taken.owner])
    run = np.where(clean, np.where(values == rows.value[row], rows.run[row] + 1, 1), 0).astype(np.int64)
    rarity = np.stack(
        [
            _rarity(lane, row, "residual", SHAPES[RESIDUAL], residual.surprise),
            np.where(broken, RARITY_CAP, _novelty_rarity(lane, row, novelty)),
            evidence.stuck_rarity(run, profiles.stuck_after[metric], rows.steps[row], rows.repeats[row]),
            _rarity(lane, row, "level", SHAPES[LEVEL], level.surprise),
            _rarity(lane, row, "cross", SHAPES[CROSS], cross.surprise),
            _rarity(lane, row, "season", SHAPES[SEASON], season.surprise),
        ],
        axis=1,
    )
    rarity = np.minimum(rarity, RARITY_CAP)
    allowed = _allowed(profiles, metric, residual) | broken
    heard = np.where(allowed[:, None] | (np.arange(ALARMING) == STUCK), rarity[:, :ALARMING], 0.0)
    return RowScores(clean, broken, residual, novelty, level, cross, season, run, rarity, heard)


def _rarity(lane: Lane, row: Int64, stream: str, shape: TailShape, surprise: Float64) -> Float64:
    if np.isnan(surprise).all():  # a third of the time of devices with one metric, which have no company to leave
        return np.zeros(len(row))
    survivors, readings = lane.rows.arrays[f"{stream}_survivors"][row], lane.rows.arrays[f"{stream}_readings"][row]
    fitted = fit(survivors, readings, lane.priors[stream], shape)
    return fitted.rarity(shape.position(np.nan_to_num(surprise)))


def _novelty_rarity(lane: Lane, row: Int64, novelty: Float64) -> Float64:
    rows, shape, share = lane.rows, SHAPES[NOVELTY], np.nan_to_num(novelty)
    fitted = fit(rows.novelty_survivors[row], rows.novelty_readings[row], lane.priors[NOVELTY], shape)
    return np.minimum(fitted.rarity(shape.position(share)), evidence.record_rarity(share, rows.observed[row]))


def _allowed(profiles: Profiles, metric: Int64, residual: Residual) -> Bool:
    """Whether direction and minimum deviation let a row raise an alarm."""
    side = np.where(residual.above, profiles.above[metric], profiles.below[metric])
    least = profiles.minimum_deviation[metric]
    allowed: Bool = side & ((least <= 0.0) | (residual.deviation >= least))
    return allowed
