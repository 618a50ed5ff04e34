"""Evidence: how surprising a value is, by stream, in units in which the unit of the metric does not matter.

Pure functions on arrays of rows; none learns. Affine invariant: measuring in other units changes no surprise.
Missing values come as NaN and give no evidence. Streams: residual of the forecast, range novelty, stuck-at, dropout.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate.core.forecaster import Float64

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]

MEDIAN: Final = QUANTILE_LEVELS.index(0.5)
LOWER: Final = QUANTILE_LEVELS.index(0.05)
UPPER: Final = QUANTILE_LEVELS.index(0.95)

SIGMAS_95: Final = 1.6449
"""Half-width of a Gaussian's central 90 % band in its standard deviations."""

SIGMAS_99: Final = 2.3263
"""The same of the central 98 % band."""

SPREAD_FLOOR: Final = 0.1
"""Of the row's long-run spread: how narrow a forecast may claim to be. A forecaster that saw an hour of calm is too sure."""

RESOLUTION: Final = 1e-9
"""Of a value's own size: differences below it are rounding, not information."""

RESIDUAL_AFTER: Final = 8
"""Values seen before a forecast's error means anything; the first errors are large and would weigh in the tail for long."""

FARTHEST_HORIZONS: Final = 2.0
"""Times the last horizon: after a longer gap no forecast is in force."""

NOVELTY_AFTER: Final = 32
"""Values seen before a range counts as known."""

LARGEST_NOVELTY: Final = 16.0
"""Ranges beyond the range seen; what a metric that never varied gives at its first change."""

STUCK_CHANGES: Final = 8.0
"""Changes seen before equal values can be suspicious: the metric must have varied before."""

DROPOUT_DECAY: Final = 15 / 16
"""Per interval: missed intervals are remembered for about 16."""


@dataclass(frozen=True, slots=True)
class Residual:
    """Distance of values from their forecast: `surprise` in forecast spreads (NaN: no forecast), `band` [n, 3] the 5 %, 50 %
    and 95 % quantiles, `deviation` beyond that band in the metric's unit, `above` whether the value is above the median."""

    surprise: Float64
    band: Float64
    deviation: Float64
    above: Bool


def forecast_in_force(quantiles: Float64, elapsed: Float64) -> Float64:
    """Of `quantiles` [n, horizon, level] made at the last reading, the horizon that lies `elapsed` intervals ahead: [n, level].

    Between two horizons the nearer past one holds; NaN where the gap is longer than any forecast reaches.
    """
    horizon = np.searchsorted(np.array(HORIZONS), np.rint(elapsed), side="right") - 1
    chosen = quantiles[np.arange(len(elapsed)), np.maximum(horizon, 0)]
    return np.where((elapsed > FARTHEST_HORIZONS * HORIZONS[-1])[:, None], np.nan, chosen)


def residual(values: Float64, forecast: Float64, spread: Float64, observed: Int64) -> Residual:
    """Distance of `values` [n] from the median of `forecast` [n, level], in units of its half-width on that side.

    The half-width is the larger of what the 5/95 % and the 1/99 % quantiles say, and at least a share of `spread`. NaN
    before the forecaster has seen `RESIDUAL_AFTER` values: it cannot know the scale yet.
    """
    median = forecast[:, MEDIAN]
    above = values > median
    near = np.where(above, forecast[:, UPPER] - median, median - forecast[:, LOWER]) / SIGMAS_95
    far = np.where(above, forecast[:, -1] - median, median - forecast[:, 0]) / SIGMAS_99
    rounding = RESOLUTION * np.maximum(np.abs(values), np.abs(median))
    width = np.maximum(np.maximum(near, far), np.maximum(SPREAD_FLOOR * spread, rounding))
    deviation = np.maximum(values - forecast[:, UPPER], forecast[:, LOWER] - values)
    return Residual(
        surprise=np.where(observed >= RESIDUAL_AFTER, np.abs(values - median) / np.maximum(width, 1e-300), np.nan),
        band=np.ascontiguousarray(forecast[:, [LOWER, MEDIAN, UPPER]]),
        deviation=np.maximum(deviation, 0.0),
        above=above,
    )


def novelty(values: Float64, low: Float64, high: Float64, observed: Int64) -> Float64:
    """How far `values` lie outside the range seen, as a share of it; NaN while the range is not known, 0 inside."""
    known = observed >= NOVELTY_AFTER
    low, high = np.where(known, low, values), np.where(known, high, values)
    outside = np.maximum(np.maximum(values - high, low - values), 0.0)
    width = np.maximum(high - low, RESOLUTION * np.maximum(np.abs(high), np.abs(low)))
    share = np.minimum(outside / np.maximum(width, 1e-300), LARGEST_NOVELTY)
    return np.where(known, share, np.nan)


def record_rarity(share: Float64, observed: Int64) -> Float64:
    """−log10 of the chance that ordinary noise sets a record by `share` of the range after `observed` values.

    One in n values is a new maximum, one a new minimum; of an exponential tail, whose range grows with log n, an n-th part
    again goes a whole range beyond. Bounds what a short history may call novel.
    """
    return np.asarray((1.0 + share) * np.log10(np.maximum(observed, 2)) - np.log10(2.0))


def stuck_rarity(run: Int64, stuck_after: Int64, steps: Float64, repeats: Float64) -> Float64:
    """−log10 of the chance of `run` equal values in a row, had this metric gone on as before; 0 below `stuck_after`.

    Its own tail is the geometric law of the metric's share of repeats; a metric that hardly ever varied gives none.
    """
    per_repeat = -np.log10((repeats + 0.5) / (steps + 1.0))
    judged = (stuck_after > 0) & (run >= stuck_after) & (steps - repeats >= STUCK_CHANGES)
    return np.where(judged, run * per_repeat, 0.0)


def missed_intervals(missed: Float64, elapsed: Float64, silent_after: Float64, missing_share: Float64) -> Float64:
    """Intervals missed lately, this reading included: those skipped before it, and the share of its metrics that is missing.

    A gap of `silent_after` intervals or more is silence's business and starts the account anew: a gateway's outage must not
    make each of its devices look flaky afterwards.
    """
    skipped = np.maximum(np.rint(elapsed) - 1.0, 0.0)
    kept = missed * np.exp2(np.log2(DROPOUT_DECAY) * np.maximum(elapsed, 0.0))
    return np.where(elapsed >= silent_after, missing_share, kept + skipped + missing_share)
