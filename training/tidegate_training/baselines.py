"""What a forecast has to beat: the last value, and the value a day ago, each with quantiles of its own past errors."""

from collections.abc import Callable
from typing import Final

import numpy as np

from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate_training.data.series import Float64

DAY_SECONDS: Final = 86_400.0


def last_value(values: Float64, fitted: int) -> Float64:
    """Return quantiles float64 [cells, horizon, level] of the last-value forecast, with errors of the first `fitted` cells."""
    return _with_error_quantiles(values, fitted, lambda horizon: _filled(values))


def daily_seasonal(values: Float64, interval_seconds: float, fitted: int) -> Float64 | None:
    """Return the same for the value a day before the target; None when the fitted cells hold less than a day and a half."""
    day = round(DAY_SECONDS / interval_seconds)
    if day <= max(HORIZONS) or fitted < 1.5 * day:
        return None
    filled = _filled(values)
    return _with_error_quantiles(values, fitted, lambda horizon: _shifted(filled, day - horizon))


def _with_error_quantiles(values: Float64, fitted: int, forecast: Callable[[int], Float64]) -> Float64:
    """Return each horizon's point forecast plus the quantiles its errors had among the fitted cells."""
    by_horizon = []
    for horizon in HORIZONS:
        point = forecast(horizon)
        errors = values[horizon:fitted] - point[: fitted - horizon]
        errors = errors[np.isfinite(errors)]
        spread = np.quantile(errors, QUANTILE_LEVELS) if len(errors) else np.zeros(len(QUANTILE_LEVELS))
        by_horizon.append(point[:, None] + spread)
    return np.stack(by_horizon, axis=1)


def _filled(values: Float64) -> Float64:
    """Return `values` with unknown cells holding the last known one."""
    known = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(len(values)), 0))
    return np.asarray(values[known])


def _shifted(values: Float64, cells: int) -> Float64:
    """Return `values` moved `cells` later; NaN where there is no past yet."""
    return np.concatenate([np.full(cells, np.nan), values[:-cells]])
