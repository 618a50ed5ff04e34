"""The training loop: epochs over running lanes, held-out loss, early stopping, checkpoints.

Every epoch draws its lanes from (random state, epoch), so a resumed run sees what an uninterrupted one would have seen.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import torch

from tidegate.errors import ConfigurationError
from tidegate_training import checkpoint
from tidegate_training.checkpoint import Progress
from tidegate_training.data.lanes import LaneBatcher, LaneSource, Window
from tidegate_training.data.splits import Split
from tidegate_training.losses import objective
from tidegate_training.models.cells import build
from tidegate_training.models.forecaster import Forecaster
from tidegate_training.models.unroll import normalised_targets, pinball, unroll, weighted
from tidegate_training.settings import UniversalSettings
from tidegate_training.sghmc import SGHMC
from tidegate_training.validation import held_out_windows

LAST_RATE: Final = 0.01
"""Learning rate at the end as a ratio of its peak."""


@dataclass(frozen=True, slots=True)
class Trained:
    """The best weights of a run, and its losses by epoch (pinball in units, weighted over horizons)."""

    model: Forecaster
    train_losses: list[float]
    held_out_losses: list[float]
    best_epoch: int


@dataclass(frozen=True, slots=True)
class Run:
    """Where a run keeps its checkpoint, whether it goes on from it, and whom it tells about each update."""

    checkpoint: Path
    resume: bool = False
    data: Mapping[str, str] = field(default_factory=dict)
    on_update: Callable[[int, float], None] = lambda epoch, loss: None


def train(split: Split, settings: UniversalSettings, run: Run) -> Trained:
    """Train until the epochs are used up or the held-out loss stops falling; one thread, fixed random state.

    Raises:
        ConfigurationError: `run.resume`, and the checkpoint is unreadable or belongs to other settings or data; or the cell,
            one of its terms or the optimiser is not known.
    """
    torch.set_num_threads(1)
    torch.manual_seed(settings.random_state)
    model = build(settings)
    optimiser = _optimiser(model, settings)
    progress = checkpoint.load(run.checkpoint, settings, run.data) if run.resume else Progress()
    if progress.epoch:
        model.load_state_dict(progress.model)
        optimiser.load_state_dict(progress.optimiser)
    source, held_out = LaneSource(split.train, settings), held_out_windows(split, settings)
    while progress.epoch < settings.epochs and progress.epoch - progress.best_epoch <= settings.patience:
        loss = _epoch(model, optimiser, source, settings, progress.epoch, run.on_update)
        _record(progress, model, optimiser, loss, held_out_loss(model, held_out))
        checkpoint.save(run.checkpoint, progress, settings, run.data)
    model.load_state_dict(progress.best)
    return Trained(model.eval(), progress.train_losses, progress.held_out_losses, progress.best_epoch)


def _optimiser(model: Forecaster, settings: UniversalSettings) -> torch.optim.Optimizer:
    if settings.optimiser == "adam":
        return torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    if settings.optimiser == "sghmc":
        return SGHMC(model.parameters(), lr=settings.learning_rate)
    raise ConfigurationError(f"no optimiser named {settings.optimiser!r}", advice="known: adam, sghmc")


def _epoch(
    model: Forecaster,
    optimiser: torch.optim.Optimizer,
    source: LaneSource,
    settings: UniversalSettings,
    epoch: int,
    on_update: Callable[[int, float], None],
) -> float:
    """Make one epoch's updates and return its mean loss."""
    torch.manual_seed(1_000_003 * settings.random_state + epoch)  # an optimiser that adds noise resumes to the same weights
    batcher = LaneBatcher(source, settings, np.random.default_rng([settings.random_state, epoch]))
    scale, memory = model.fresh(settings.lanes)
    losses = []
    for update in range(settings.updates_per_epoch):
        _set_rate(optimiser, settings, epoch + update / settings.updates_per_epoch)
        window = batcher.next()
        unrolled = unroll(model, window, scale, memory)
        loss = objective(model, window, unrolled, settings)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_limit)
        optimiser.step()
        scale, memory = unrolled.scale, unrolled.memory.detach()
        losses.append(float(loss.detach()))
        on_update(epoch, losses[-1])
    return float(np.mean(losses))


def _set_rate(optimiser: torch.optim.Optimizer, settings: UniversalSettings, epochs_done: float) -> None:
    """Follow a cosine from the peak rate to `LAST_RATE` of it, after a warm-up over the first epoch."""
    cosine = 0.5 * (1.0 + math.cos(math.pi * epochs_done / settings.epochs))
    ratio = min(1.0, 0.1 + epochs_done) * (LAST_RATE + (1.0 - LAST_RATE) * cosine)
    for group in optimiser.param_groups:
        group["lr"] = settings.learning_rate * ratio


@torch.no_grad()
def held_out_loss(model: Forecaster, windows: list[Window]) -> float:
    """Return the weighted pinball loss in units over held-out lanes, state carried from window to window."""
    scale, memory = model.fresh(len(windows[0].reset))
    sums, counts = torch.zeros(1), torch.zeros(1)
    for window in windows:
        unrolled = unroll(model, window, scale, memory)
        by_horizon, count = pinball(unrolled.normalised, normalised_targets(window, unrolled.seen))
        sums, counts = sums + by_horizon * count, counts + count
        scale, memory = unrolled.scale, unrolled.memory
    return float(weighted(sums / counts.clamp(min=1)))


def _record(progress: Progress, model: Forecaster, optimiser: torch.optim.Optimizer, loss: float, held_out: float) -> None:
    """Note the epoch's result, and keep its weights if they are the best so far."""
    progress.train_losses.append(loss)
    progress.held_out_losses.append(held_out)
    progress.model = {name: value.clone() for name, value in model.state_dict().items()}
    progress.optimiser = optimiser.state_dict()
    if held_out < progress.best_loss:
        progress.best_loss, progress.best_epoch, progress.best = held_out, progress.epoch, progress.model
    progress.epoch += 1
