"""How good a graph is on held-out series: pinball loss per horizon against the baselines, and coverage of its bands.

The graph is judged as it ships, stepped by onnxruntime. Each lane's first half warms the state and fits the baselines' error
quantiles; the second half is judged.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate_training.baselines import daily_seasonal, last_value
from tidegate_training.data.lanes import Lane
from tidegate_training.data.series import Float64, Series
from tidegate_training.data.splits import Split
from tidegate_training.graph import Graph
from tidegate_training.validation import windows_of

LANE_CELLS: Final = 4500
"""Cells of a judged lane: a day and a half of one-minute readings to warm up on, and as many to be judged."""

LANES_PER_DATASET: Final = 24
FEWEST_CELLS: Final = 300
BAND: Final = (QUANTILE_LEVELS.index(0.05), QUANTILE_LEVELS.index(0.95))
"""Levels of the 90 % band."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One lane: its cells (`values`, NaN unknown), the graph's `quantiles` [cells, horizon, level], and per horizon the losses.

    `loss` is the graph's pinball loss in the metric's unit, `last` and `seasonal` those of the baselines on the same targets (NaN
    where a baseline has no forecast); `covered` is the share of targets inside the 90 % band.
    """

    kind: str
    series: Series
    quantiles: Float64
    loss: Float64
    last: Float64
    seasonal: Float64
    covered: Float64


def judge(path: Path, split: Split, random_state: int) -> list[Judged]:
    """Return held-out lanes of unseen series and of later time, judged; constant ones are left out."""
    chosen = [
        (kind, one) for kind, part in (("unseen", split.unseen), ("later", split.later)) for one in _choose(part, random_state)
    ]
    lanes = [_lane(one.values) for _, one in chosen]
    quantiles = Graph(path).follow(windows_of(lanes, 64)) if lanes else np.empty((0, 0, 0, 0))
    rows = [(kind, metric) for kind, one in chosen for metric in one.columns]
    return [_judge_one(kind, one, quantiles[: len(one.values), i]) for i, (kind, one) in enumerate(rows) if _lively(one.values)]


def _lane(values: Float64) -> Lane:
    """Return a lane of every cell, unknown ones as readings without a value: all forecasts of a cell then share their origin."""
    known = np.isfinite(values)
    return Lane(np.where(known, values, 0.0), known.astype(np.float64), np.ones(len(values)), _targets(values))


def _choose(part: list[Series], random_state: int) -> list[Series]:
    """Return lively cuts of each data set with at most `LANES_PER_DATASET` metrics in all, but of one device at least."""
    rng, cuts = np.random.default_rng([random_state, 2]), []
    for dataset in sorted({one.dataset for one in part}):
        members = [one for one in part if one.dataset == dataset]
        found = 0
        for i in rng.permutation(len(members)):
            one = _cut(members[i], rng)
            if found < LANES_PER_DATASET and one is not None:
                cuts.append(one)
                found += len(one.columns)
    return cuts


def _cut(one: Series, rng: np.random.Generator) -> Series | None:
    start = int(rng.integers(max(1, len(one.values) - LANE_CELLS + 1)))
    cut = replace(one, values=one.values[start : start + LANE_CELLS])
    return cut if any(_lively(metric.values) for metric in cut.columns) else None


def _lively(values: Float64) -> bool:
    """Return whether both halves move and the second is almost whole."""
    first, later = np.split(values, [len(values) // 2])
    return bool(
        len(values) >= FEWEST_CELLS
        and np.isfinite(later).mean() > 0.9
        and np.nanstd(later) > 0
        and np.isfinite(first).any()
        and np.nanstd(first) > 0
    )


def _judge_one(kind: str, one: Series, quantiles: Float64) -> Judged:
    half = len(one.values) // 2
    targets = _targets(one.values)
    targets[:half] = np.nan
    seasonal = daily_seasonal(one.values, one.interval_seconds, half)
    low, high = quantiles[:, :, BAND[0]], quantiles[:, :, BAND[1]]
    inside = np.where(np.isfinite(targets), (targets >= low) & (targets <= high), np.nan)
    return Judged(
        kind,
        one,
        quantiles,
        loss=pinball(quantiles, targets),
        last=pinball(last_value(one.values, half), targets),
        seasonal=np.full(len(HORIZONS), np.nan) if seasonal is None else pinball(seasonal, targets),
        covered=np.asarray(np.nanmean(inside, axis=0)),
    )


def _targets(values: Float64) -> Float64:
    """Return float64 [cells, horizon] (or [cells, metric, horizon]): the value each horizon ahead, NaN beyond the end."""
    ahead = np.concatenate([values, np.full((max(HORIZONS), *values.shape[1:]), np.nan)])
    return np.stack([ahead[h : h + len(values)] for h in HORIZONS], axis=-1)


def pinball(quantiles: Float64, targets: Float64) -> Float64:
    """Return the mean pinball loss per horizon over known targets and levels, in their unit (Koenker and Bassett 1978)."""
    error = targets[..., None] - quantiles
    levels = np.array(QUANTILE_LEVELS)
    return np.asarray(np.nanmean(np.maximum(levels * error, (levels - 1.0) * error), axis=(0, 2)))


def figures(judged: list[Judged]) -> dict[str, float]:
    """Return, as `<what>_h<horizon>_<kind>`, each summary of unseen series and of later time."""
    kinds = {kind: summary([one for one in judged if one.kind == kind]) for kind in sorted({one.kind for one in judged})}
    return {
        f"{what}_h{HORIZONS[i]}_{kind}": value
        for kind, rows in kinds.items()
        for what, row in rows.items()
        for i, value in enumerate(row)
    }


def summary(members: list[Judged]) -> dict[str, list[float]]:
    """Return per horizon the share of targets in the 90 % band, and the loss as a ratio of each baseline's (below 1 is better).

    Ratios are geometric means over the lanes where both are above 0; a baseline no lane has is left out.
    """
    found = {"coverage90": [_round(value) for value in np.mean([one.covered for one in members], axis=0)]}
    for name, theirs in (("last", [one.last for one in members]), ("seasonal", [one.seasonal for one in members])):
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(np.stack([one.loss for one in members]) / np.stack(theirs))
        logs = logs[np.isfinite(logs).all(axis=1)]
        if len(logs):
            found[f"ratio_to_{name}"] = [_round(value) for value in np.exp(logs.mean(axis=0))]
    return found


def _round(value: float | np.floating) -> float:
    return round(float(value), 4)
