"""Run the forecaster over a window of readings, for training: the exported step's own formulas, batched over time."""

from typing import Final, NamedTuple

import torch
from torch import Tensor

from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate_training.data.lanes import Window
from tidegate_training.models.forecaster import Forecaster
from tidegate_training.models.running_scale import SCALE_COLUMNS, Observation, observe

TARGET_LIMIT: Final = 100.0
"""Targets are clipped to so many units around the anchor: a pinball gradient is bounded, its sum over absurd jumps is not."""

FEWEST_READINGS: Final = 8
"""Forecasts before a row's eighth value are not judged: its unit is still a guess, and the service calls the row warming."""

HORIZON_WEIGHTS: Final = (1.0, 0.6, 0.35, 0.25)
"""Weight of each horizon's loss: far forecasts err more in units, and the next reading is what detection needs."""


class Unrolled(NamedTuple):
    """Quantiles `normalised` float32 [T, B, horizon, level] in units, `seen` per reading [T, B, …], last `scale` and `memory`."""

    normalised: Tensor
    seen: Observation
    scale: Tensor
    memory: Tensor


def unroll(model: Forecaster, window: Window, scale: Tensor, memory: Tensor) -> Unrolled:
    """Step through `window` from the state of its lanes, as `model.fresh` gives it; lanes that reset start at zero."""
    kept = torch.from_numpy(~window.reset)
    seen = observe_window(window, (scale * kept[:, None].double()).reshape(-1, len(SCALE_COLUMNS)))
    memory, passed = memory * kept[:, None].float(), []
    for features, keep in zip(seen.features, seen.keep, strict=True):
        memory = model.advance(features, memory, keep)
        passed.append(memory)
    normalised = model.quantiles(seen.features.flatten(0, 1), model.output(torch.cat(passed)))
    shape = (*window.x.shape, len(HORIZONS), len(QUANTILE_LEVELS))
    return Unrolled(normalised.reshape(shape), seen, seen.scale[-1].reshape(scale.shape), memory)


@torch.no_grad()
def observe_window(window: Window, scale: Tensor) -> Observation:
    """Return the observations of all readings, stacked over time; the running scale needs no gradient."""
    seen = []
    for x, mask, dt in zip(*(torch.from_numpy(part)[..., None] for part in (window.x, window.mask, window.dt)), strict=True):
        seen.append(observe(x, mask, dt, torch.ones_like(x), scale))
        scale = seen[-1].scale
    return Observation(*(torch.stack(parts) for parts in zip(*seen, strict=True)))


def normalised_targets(window: Window, seen: Observation) -> Tensor:
    """Return targets float32 [T, B, horizon] in units around the anchor, clipped; NaN where unknown or too early to judge."""
    targets = torch.from_numpy(window.targets)
    units = (targets - seen.anchor) / seen.unit
    judged = seen.scale[..., SCALE_COLUMNS.index("count")][..., None] >= FEWEST_READINGS
    return torch.where(judged, units.clamp(-TARGET_LIMIT, TARGET_LIMIT), torch.nan).float()


def pinball(quantiles: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean pinball loss per horizon, and per horizon how many targets counted (Koenker and Bassett 1978).

    `quantiles` [..., horizon, level] and `targets` [..., horizon] share a unit; NaN targets don't count.
    """
    known = torch.isfinite(targets)
    error = torch.where(known, targets, 0.0)[..., None] - quantiles
    levels = torch.tensor(QUANTILE_LEVELS, dtype=quantiles.dtype)
    loss = torch.maximum(levels * error, (levels - 1.0) * error).mean(-1) * known
    axes = tuple(range(loss.dim() - 1))
    count = known.sum(axes)
    return loss.sum(axes) / count.clamp(min=1), count


def weighted(loss_by_horizon: Tensor) -> Tensor:
    """Return one number to minimise."""
    weights = torch.tensor(HORIZON_WEIGHTS)
    return (loss_by_horizon * weights).sum() / weights.sum()
