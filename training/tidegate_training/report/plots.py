"""The report's plots, as inline images. Draws what it is given; computes nothing but what is drawn."""

import base64
import io
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate_training.quality import BAND, Judged
from tidegate_training.train import Trained

SHOWN_CELLS = 240
"""Cells of a forecast example: enough to see a band breathe."""


def losses(trained: Trained) -> str:
    """Return the curves of training and held-out loss by epoch."""
    figure = Figure(figsize=(6.4, 2.8), layout="constrained")
    axes = figure.subplots()
    epochs = np.arange(1, len(trained.train_losses) + 1)
    axes.plot(epochs, trained.train_losses, label="training lanes")
    axes.plot(epochs, trained.held_out_losses, label="held-out lanes")
    axes.axvline(trained.best_epoch + 1, color="grey", linewidth=0.8, linestyle=":", label="kept")
    axes.set(xlabel="epoch", ylabel="pinball loss, units")
    axes.legend(frameon=False)
    return image(figure, "loss by epoch")


def loss_by_size(found: Mapping[int, float]) -> str:
    """Return the best held-out loss against the values trained on."""
    figure = Figure(figsize=(5.0, 2.8), layout="constrained")
    axes = figure.subplots()
    axes.plot(list(found), list(found.values()), marker="o")
    axes.set(xscale="log", xlabel="values trained on", ylabel="held-out pinball loss, units")
    return image(figure, "loss against data size")


def calibration(judged: list[Judged]) -> str:
    """Return, per horizon, the share of held-out targets below each quantile, against its level."""
    figure = Figure(figsize=(4.2, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for i, horizon in enumerate(HORIZONS):
        axes.plot(
            QUANTILE_LEVELS,
            np.mean([_share_below(one, i) for one in judged], axis=0),
            marker="o",
            markersize=3,
            label=f"{horizon}",
        )
    axes.set(xlabel="level", ylabel="share of targets below")
    axes.legend(title="intervals ahead", frameon=False)
    return image(figure, "calibration of the quantiles")


def _share_below(one: Judged, i: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    half, horizon = len(one.series.values) // 2, HORIZONS[i]
    targets = one.series.values[half + horizon :]
    known = np.isfinite(targets)
    return np.asarray((targets[known, None] <= one.quantiles[half : len(one.series.values) - horizon, i][known]).mean(axis=0))


def example(one: Judged) -> str:
    """Return the end of a lane with the 90 % bands forecast 1 and 12 intervals before."""
    figure = Figure(figsize=(6.4, 2.2), layout="constrained")
    axes = figure.subplots()
    cells = np.arange(max(0, len(one.series.values) - SHOWN_CELLS), len(one.series.values))
    for i, shade in ((HORIZONS.index(12), 0.2), (0, 0.45)):
        origin = cells - HORIZONS[i]
        low, high = one.quantiles[origin, i, BAND[0]], one.quantiles[origin, i, BAND[1]]
        axes.fill_between(cells, low, high, color="tab:blue", alpha=shade, linewidth=0, label=f"90 % band, {HORIZONS[i]} ahead")
    axes.plot(cells, one.series.values[cells], color="black", linewidth=0.8, label="observed")
    axes.set_title(f"{one.series.dataset}: {one.series.group}, {one.series.name} ({one.kind})", fontsize=8)
    axes.legend(fontsize=6, ncols=3, frameon=False)
    return image(figure, f"forecasts of {one.series.name}")


def image(figure: Figure, text: str) -> str:
    """Return the figure as an `img` element that holds its own data."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=85)
    return f'<img alt="{text}" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'
