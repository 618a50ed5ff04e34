"""The plots of a forecaster's errors: residuals, where observations fell among the quantiles, hits and misses, activations.

Figures of the DNN traffic paper and the scalable-analytics paper, as far as they apply to a forecast. Draws what it is given.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate_training.data.lanes import Window
from tidegate_training.data.series import Float64
from tidegate_training.models.forecaster import MEDIAN, Forecaster
from tidegate_training.models.unroll import observe_window
from tidegate_training.quality import BAND, Judged
from tidegate_training.report.plots import SHOWN_CELLS, example, image

RESIDUAL_LIMIT: Final = 4.0
"""Half-widths of the band beyond which a residual is counted at the border."""

SHOWN_HORIZONS: Final = (1, 12)


def residuals(judged: Sequence[Judged]) -> str:
    """Histogram of observation less median in half-widths of the 90 % band, per horizon, over the judged halves of all lanes."""
    figure = Figure(figsize=(6.4, 2.8), layout="constrained")
    axes = figure.subplots()
    for horizon in SHOWN_HORIZONS:
        found = np.concatenate([in_half_widths(one, HORIZONS.index(horizon)) for one in judged])
        shown = np.clip(found[np.isfinite(found)], -RESIDUAL_LIMIT, RESIDUAL_LIMIT)
        axes.hist(shown, bins=81, density=True, histtype="step", label=f"{horizon} ahead")
    for edge in (-1.0, 1.0):
        axes.axvline(edge, color="grey", linewidth=0.8, linestyle=":")
    axes.set(xlabel="observation less median, half-widths of the 90 % band", ylabel="density")
    axes.legend(frameon=False)
    return image(figure, "residuals")


def in_half_widths(one: Judged, i: int) -> Float64:
    """Residuals [cells] of the judged half at horizon `i`, in half-widths of the band; NaN where unknown."""
    quantiles, targets = judged_half(one, i)
    half = 0.5 * (quantiles[:, BAND[1]] - quantiles[:, BAND[0]])
    return np.asarray((targets - quantiles[:, MEDIAN]) / np.maximum(half, np.finfo(np.float64).tiny))


def ranks(judged: Sequence[Judged]) -> str:
    """Share of observations between neighbouring quantiles, against the share that belongs there (the PIT, in eight bins)."""
    figure = Figure(figsize=(6.4, 2.8), layout="constrained")
    axes = figure.subplots()
    edges = np.array([0.0, *QUANTILE_LEVELS, 1.0])
    places = np.arange(len(edges) - 1)
    for shift, horizon in zip((-0.2, 0.2), SHOWN_HORIZONS, strict=True):
        found = np.mean([shares_between(one, HORIZONS.index(horizon)) for one in judged], axis=0)
        axes.bar(places + shift, found / np.diff(edges), 0.4, label=f"{horizon} ahead")
    axes.axhline(1.0, color="grey", linewidth=0.8)
    names = [f"{low:g}–{high:g}" for low, high in pairwise(edges)]
    axes.set_xticks(places, names, fontsize=7)
    axes.set(xlabel="between the quantiles of these levels", ylabel="share ÷ share due")
    axes.legend(frameon=False)
    return image(figure, "where observations fall among the quantiles")


def shares_between(one: Judged, i: int) -> Float64:
    """Share [8] of the known observations of one lane between neighbouring quantiles; sums to 1 where any is known."""
    quantiles, targets = judged_half(one, i)
    known = np.isfinite(targets)
    rank = (targets[known, None] > quantiles[known]).sum(axis=1)
    return np.asarray(np.bincount(rank, minlength=len(QUANTILE_LEVELS) + 1) / max(len(rank), 1))


def predictions(judged: Sequence[Judged]) -> str:
    """Distribution of what was observed and of the medians forecast an interval before, each lane in its own deviations."""
    figure = Figure(figsize=(6.4, 2.6), layout="constrained")
    axes = figure.subplots()
    seen, said = [], []
    for one in judged:
        quantiles, targets = judged_half(one, 0)
        known = np.isfinite(targets)
        centre, deviation = targets[known].mean(), max(float(targets[known].std()), np.finfo(np.float64).tiny)
        seen.append((targets[known] - centre) / deviation)
        said.append((quantiles[known, MEDIAN] - centre) / deviation)
    for values, name in ((seen, "observed"), (said, "median forecast")):
        axes.hist(np.clip(np.concatenate(values), -5.0, 5.0), bins=81, density=True, histtype="step", label=name)
    axes.set(xlabel="deviations of the lane", ylabel="density", yscale="log")
    axes.legend(frameon=False)
    return image(figure, "distribution of predictions")


def hits_and_misses(judged: Sequence[Judged]) -> str:
    """The lanes whose 90 % band, an interval ahead, held most and least of what came: the best and the worst there is."""
    order = sorted(judged, key=lambda one: float(one.covered[0]))
    shown = [order[-1], order[0]] if len(order) > 1 else order
    return "".join(
        f"<p>{one.covered[0]:.1%} of the observations within the band an interval ahead:</p>{example(one)}" for one in shown
    )


@torch.no_grad()
def activations(model: Forecaster, one: Judged) -> str:
    """Activations by layer over the end of a lane: what the head sees of the memory, and the head's own units."""
    values = np.where(np.isfinite(one.series.values), one.series.values, 0.0)[:, None]
    window = Window(
        values, np.isfinite(one.series.values)[:, None].astype(np.float64), np.ones_like(values), values, np.array([True])
    )
    seen, memory = observe_window(window, model.fresh(1)[0]), model.fresh(1)[1]
    passed = []
    for features, keep in zip(seen.features, seen.keep, strict=True):
        memory = model.advance(features, memory, keep)
        passed.append(memory)
    output = model.output(torch.cat(passed[-SHOWN_CELLS:]))
    head = model.units(seen.features[-SHOWN_CELLS:, 0], output)
    figure = Figure(figsize=(8.0, 2.6), layout="constrained")
    for axes, name, layer in zip(figure.subplots(1, 2), ("output of the cell", "head"), (output, head), strict=True):
        axes.imshow(layer.T.numpy(), aspect="auto", cmap="coolwarm", vmin=-1, vmax=1, interpolation="nearest")
        axes.set_title(name, fontsize=8)
        axes.set(xlabel="reading", ylabel="unit")
    return image(figure, "activations by layer")


def judged_half(one: Judged, i: int) -> tuple[Float64, NDArray[np.float64]]:
    """Quantiles [cells, level] at horizon `i` of the judged half, and what was observed then [cells]."""
    half, horizon, cells = len(one.series.values) // 2, HORIZONS[i], len(one.series.values)
    return np.asarray(one.quantiles[half : cells - horizon, i]), np.asarray(one.series.values[half + horizon :])
