"""The preprocessing inside the graph: running location and scale of one row, its features, and where a forecast is anchored.

Everything is equivariant: adding a constant to a metric or multiplying it by a positive one changes no feature. Three places
know absolute numbers, all far from ordinary data: the scale floor (for constant series), the largest believable first jump of a
constant series, and the largest believable value. Sums and ratios only (no Log, Exp, Softplus), so that the exported graph is
bit-identical over batch sizes. Constants are exact in float32, powers of two where that matters: the exporter rounds them to it.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor

from tidegate_training.data.series import LARGEST

SCALE_COLUMNS: Final = (
    "count",  # readings observed, capped
    "last",  # last observed value, winsorised
    "age",  # intervals since the last observed value, grows over missing values
    "level_fast",
    "level_slow",
    "spread",  # mean absolute distance from level_slow
    "change_fast",  # mean absolute change per square root of an interval
    "change_slow",
)
"""Columns of the carried tensor `scale`, float64, in the metric's unit except `count` and `age`."""

FEATURE_LIMITS: Final = (16.0, 50.0, 8.0, 8.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
FEATURE_GAINS: Final = (0.25, 0.125, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
"""Features are clipped to ± limit, then multiplied by gain, so that ordinary ones are of size 1 and none is beyond 7."""

FEATURES: Final = len(FEATURE_LIMITS)
"""Width of the feature vector the recurrent cell sees."""

FAST_INTERVALS: Final = 24.0
"""Memory of the fast level and change, in intervals: two hours of five-minute readings."""

SLOW_INTERVALS: Final = 1500.0
"""Memory of the slow level, spread and change, in intervals: a day of one-minute readings."""

LONGEST_GAP_INTERVALS: Final = 1e6
FORGET_INTERVALS: Final = 96.0
"""A gap this much longer than an interval clears the recurrent memory; shorter ones fade it in proportion."""

RELATIVE_FLOOR: Final = 2.0**-30
"""About 1e-9. Smallest scale as a ratio of the level: below it, changes are taken for rounding of a constant series."""

ABSOLUTE_FLOOR: Final = 2.0**-100
"""About 1e-30: the same at level zero."""

SPREAD_SHARE: Final = 2.0**-6
"""Share of the slow spread in the unit: a row that rests for now may still move as far as it usually does."""

JUMP_LIMIT: Final = 256.0
"""A value counts as at most so many units from the fast level: an absurd one must not blind its row for thousands of readings.
Of 32, 256 and 1,000 this gave the lowest held-out loss; at 32 it took too long to believe in real bursts."""

FIRST_JUMP_LIMIT: Final = 2.0**40
"""About 1e12. The same for a series that was constant so far and has no unit: a ratio of its level, or of 1."""

ANCHOR_LIMIT: Final = 50.0
"""A forecast starts at most so many units from the fast level: a spike is not the level of the next reading."""

COUNT_LIMIT: Final = 1e6


class Observation(NamedTuple):
    """What one reading leaves, per row: the next `scale` float64 [B, 8] and `features` float32 [B, FEATURES] for the cell.

    Forecasts are `anchor` plus multiples of `unit`, float64 [B, 1] in the metric's unit; `keep` float32 [B, 1] is how much of
    the recurrent memory survives the gap before the reading, 0 to 1.
    """

    scale: Tensor
    features: Tensor
    anchor: Tensor
    unit: Tensor
    keep: Tensor


def observe(x: Tensor, mask: Tensor, dt: Tensor, learn: Tensor, scale: Tensor) -> Observation:
    """Take in one value per row; all are float64 [B, 1] columns but `scale` float64 [B, 8]. No gradient is needed through it.

    A missing value (mask 0, NaN, beyond `LARGEST`) only ages the row. `learn` 0 to 1 slows the averages, never `last`.
    """
    count, last, age, level_fast, level_slow, spread, change_fast, change_slow = torch.split(scale, 1, dim=1)
    seen = (mask > 0.5) & (x.abs() <= LARGEST)
    first = seen & (count < 0.5)
    last, level_fast, level_slow = (torch.where(first, x, column) for column in (last, level_fast, level_slow))
    limit = _jump_limit(_unit(change_fast, change_slow, spread), level_slow)
    value = torch.where(seen, torch.minimum(torch.maximum(x, level_fast - limit), level_fast + limit), last)
    elapsed = torch.where(dt > 0.0, dt, 0.0).clamp(max=LONGEST_GAP_INTERVALS)
    age = (age + elapsed).clamp(max=LONGEST_GAP_INTERVALS)
    intervals = age.clamp(min=1.0)

    change, off_fast, off_slow = value - last, value - level_fast, value - level_slow
    observed = seen.double()
    weight = observed * learn.clamp(0.0, 1.0)
    # There is one change less than there are readings; at the first, a rate on a zero change does no harm.
    fast_rate, slow_rate = intervals / FAST_INTERVALS, intervals / SLOW_INTERVALS
    of_levels, of_changes = 1.0 / (count + 1.0), 1.0 / count.clamp(min=1.0)
    change_fast = change_fast + weight * _rate(of_changes, fast_rate) * (change.abs() / intervals.sqrt() - change_fast)
    change_slow = change_slow + weight * _rate(of_changes, slow_rate) * (change.abs() / intervals.sqrt() - change_slow)
    spread = spread + weight * _rate(of_levels, slow_rate) * (off_slow.abs() - spread)
    level_fast = level_fast + weight * _rate(of_levels, fast_rate) * off_fast
    level_slow = level_slow + weight * _rate(of_levels, slow_rate) * off_slow
    count = (count + observed).clamp(max=COUNT_LIMIT)

    floor = _floor(level_slow)
    unit = torch.maximum(_unit(change_fast, change_slow, spread), floor)
    wide, reach = torch.maximum(spread, unit), ANCHOR_LIMIT * unit
    features = [
        change / unit,
        (value - level_fast) / unit,
        (value - level_slow) / wide,
        (level_fast - level_slow) / wide,
        change_fast / (change_fast + change_slow + floor),
        change_slow / (change_slow + spread + floor),
        observed,
        1.0 - 1.0 / intervals,
        1.0 / (count + 1.0).sqrt(),
        (change.abs() <= floor).double(),
    ]
    next_age = torch.where(seen, 0.0, age)
    return Observation(
        scale=torch.cat([count, value, next_age, level_fast, level_slow, spread, change_fast, change_slow], dim=1),
        features=_tame(torch.cat(features, dim=1)),
        anchor=torch.minimum(torch.maximum(value, level_fast - reach), level_fast + reach),
        unit=unit,
        keep=(1.0 - (elapsed - 1.0) / FORGET_INTERVALS).clamp(0.0, 1.0).float(),
    )


def _tame(features: Tensor) -> Tensor:
    """Return features float32, clipped in double first: a cast of 1e39 would be infinite."""
    limits = torch.tensor(FEATURE_LIMITS, dtype=torch.float64)
    return (torch.minimum(torch.maximum(features, -limits), limits) * torch.tensor(FEATURE_GAINS, dtype=torch.float64)).float()


def _unit(change_fast: Tensor, change_slow: Tensor, spread: Tensor) -> Tensor:
    """Return the unit forecasts are expressed in: how much the row moves in an interval, now and usually."""
    return 0.5 * (change_fast + change_slow) + SPREAD_SHARE * spread


def _floor(level: Tensor) -> Tensor:
    """Return the smallest scale that is not rounding."""
    return (RELATIVE_FLOOR * level.abs()).clamp(min=ABSOLUTE_FLOOR)


def _jump_limit(unit: Tensor, level: Tensor) -> Tensor:
    """Return how far a value may pull the averages; a row that was constant so far has no unit to measure it by."""
    return torch.where(unit > _floor(level), JUMP_LIMIT * unit, FIRST_JUMP_LIMIT * level.abs().clamp(min=1.0))


def _rate(mean: Tensor, forgetting: Tensor) -> Tensor:
    """Return the weight of a new value: a plain mean at first, forgetting later, more after a gap; in (0, 1]."""
    return torch.maximum(mean, forgetting).clamp(max=1.0)
