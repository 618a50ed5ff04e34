"""A forecast by least squares from the latest values, for each horizon by itself, with quantiles of its own past errors."""

from typing import Final

import numpy as np

from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate_training.evaluate.baselines import AR_ORDER, Float64

FEWEST_ROWS: Final = 10 * AR_ORDER
"""Rows to fit on, at least; below, the last value is the forecast."""


def direct_autoregression(values: Float64, fitted: int) -> Float64:
    """Quantiles [cells, horizon, level], fitted on the first `fitted` of `values` [cells]; unknown cells hold the last known.

    The first cells, with too short a past, are NaN.
    """
    known = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(len(values)), 0))
    filled = np.nan_to_num(values[known])
    past = np.full((len(values), AR_ORDER + 1), np.nan)
    past[:, 0] = 1.0
    for lag in range(AR_ORDER):
        past[lag:, lag + 1] = filled[: len(values) - lag]
    return np.stack([_one_horizon(values, past, filled, fitted, horizon) for horizon in HORIZONS], axis=1)


def _one_horizon(values: Float64, past: Float64, filled: Float64, fitted: int, horizon: int) -> Float64:
    target = values[horizon:fitted]
    rows = np.flatnonzero(np.isfinite(target) & np.isfinite(past[: len(target)]).all(axis=1))
    if len(rows) >= FEWEST_ROWS:
        point = past @ np.linalg.lstsq(past[rows], target[rows], rcond=None)[0]
    else:
        point = np.where(np.isfinite(past).all(axis=1), filled, np.nan)
    errors = target[rows] - point[rows]
    quantiles = np.quantile(errors, QUANTILE_LEVELS) if len(errors) else np.zeros(len(QUANTILE_LEVELS))
    return np.asarray(point[:, None] + quantiles)
