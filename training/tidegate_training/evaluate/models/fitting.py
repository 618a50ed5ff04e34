"""Trains one contender within the budget and exports it, with a stopwatch on the updates."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from tidegate_training.data.lanes import LaneBatcher, LaneSource
from tidegate_training.data.splits import Split
from tidegate_training.evaluate.models.budget import Budget
from tidegate_training.evaluate.models.contenders import AUTOENCODER, Contender
from tidegate_training.export import export_graph
from tidegate_training.models.autoencoder import READINGS, SHAPE_FEATURES, Autoencoder
from tidegate_training.models.forecaster import Forecaster
from tidegate_training.models.unroll import observe_window
from tidegate_training.train import Run, train


@dataclass(slots=True)
class Stopwatch:
    """CPU seconds of the updates, one after the other; what lies between epochs is not counted."""

    seconds: list[float] = field(default_factory=list)
    _epoch: int = -1
    _last: float = 0.0

    def on_update(self, epoch: int, loss: float) -> None:
        """Note that an update ended; the first of an epoch only starts the watch."""
        now = time.process_time()
        if epoch == self._epoch:
            self.seconds.append(now - self._last)
        self._epoch, self._last = epoch, now

    def per_update(self) -> float:
        """Median CPU seconds of an update; NaN where there were too few."""
        return float(np.median(self.seconds)) if self.seconds else float("nan")


@dataclass(frozen=True, slots=True)
class Fitted:
    """A contender at one random state: its graph as bytes, held-out pinball loss in units (NaN: none), and its times.

    `cumulated` are CPU seconds after each update measured, of `readings_per_update` readings each.
    """

    graph: bytes
    parameters: int
    held_out: float
    seconds_per_update: float
    cumulated: Sequence[float]
    readings_per_update: int


def fit(contender: Contender, parts: Split, budget: Budget, random_state: int) -> Fitted:
    """Train and export `contender`; the split is the caller's, lanes and weights are of `random_state`."""
    watch = Stopwatch()
    settings = budget.settings(contender.cell, contender.without, random_state)
    with TemporaryDirectory(prefix="tidegate-models-") as folder:
        if contender.cell == AUTOENCODER:
            model: Forecaster | Autoencoder = fit_autoencoder(parts, budget, random_state, watch)
            held_out = float("nan")
        else:
            trained = train(parts, settings, Run(Path(folder) / "checkpoint.pt", on_update=watch.on_update))
            model, held_out = trained.model, min(trained.held_out_losses)
        path = Path(folder) / "model.onnx"
        export_graph(model, path)
        graph = path.read_bytes()
    parameters = sum(one.numel() for one in model.parameters() if one.requires_grad)
    cumulated = np.cumsum(watch.seconds).tolist()
    return Fitted(graph, parameters, held_out, watch.per_update(), cumulated, budget.lanes * budget.window)


def fit_autoencoder(parts: Split, budget: Budget, random_state: int, watch: Stopwatch) -> Autoencoder:
    """Train on windows of the same lanes: the ring as it would be at the end of each window, and earlier ones in it."""
    settings = budget.settings("plain", "", random_state)
    torch.set_num_threads(1)
    torch.manual_seed(random_state)
    model = Autoencoder(budget.hidden)
    optimiser = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    source = LaneSource(parts.train, settings)
    for epoch in range(budget.epochs):
        batcher = LaneBatcher(source, settings, np.random.default_rng([random_state, epoch]))
        scale, memory = model.fresh(budget.lanes)
        for _ in range(budget.updates):
            window = batcher.next()
            kept = torch.from_numpy(~window.reset)[:, None]
            seen = observe_window(window, scale * kept)
            entries = seen.features[:, :, :SHAPE_FEATURES].transpose(0, 1).flatten(1)
            whole = torch.cat([memory * kept, entries], dim=1)
            rings = whole.unfold(1, READINGS * SHAPE_FEATURES, SHAPE_FEATURES)[:, 1:].flatten(0, 1)
            loss = model.error(rings).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimiser.step()
            scale, memory = seen.scale[-1], whole[:, -model.memory_width :]
            watch.on_update(epoch, float(loss.detach()))
    return model.eval()
