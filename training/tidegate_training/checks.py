"""What must hold before a graph is shipped: parity with torch, independence of the batch, bounded state, equivariance."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from tidegate.errors import BundleError
from tidegate_training.data.series import LARGEST, Float64
from tidegate_training.graph import Graph, GraphState
from tidegate_training.models.forecaster import Forecaster
from tidegate_training.models.running_scale import ABSOLUTE_FLOOR, RELATIVE_FLOOR, SCALE_COLUMNS, SPREAD_SHARE

PARITY_LIMIT: Final = 1e-5
"""Largest difference torch ↔ ONNX, relative to the row's forecast scale (issue: parity). Relative to the scale, since float32
resolves a band of 50 units to some 1e-5 of a unit, whoever computes it."""

BATCH_SIZES: Final = (1, 2, 3, 7, 64, 1000)
STATE_LIMIT: Final = 64.0
"""Bound of the recurrent memory: twice what the cell is clipped to."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Made-up readings: `x`, `mask`, `dt`, `learn`, each float64 [readings, rows]; rows of a device share `dt` and `learn`."""

    x: Float64
    mask: Float64
    dt: Float64
    learn: Float64

    def __len__(self) -> int:
        return len(self.x)


def hard_readings(readings: int, rows: int, random_state: int = 7, metrics: int = 1) -> Readings:
    """Return readings of unlike scales with steps, spikes, constants, missing values, gaps and partial learning.

    `metrics` rows are a device; where that is more than one, some rows never have a value.
    """
    rng = np.random.default_rng(random_state)
    size = (readings, rows)
    x = np.cumsum(rng.normal(size=size) * (rng.random(size) < 0.1), axis=0) + rng.normal(scale=0.2, size=size)
    x += np.where(rng.random(size) < 0.002, rng.normal(scale=1e3, size=size), 0.0)
    x[:, ::5] = np.round(x[:, ::5])
    x[:, 0] = 3.0
    x = x * 10.0 ** rng.uniform(-6, 9, rows) + 10.0 ** rng.uniform(-3, 6, rows)
    dt = np.where(rng.random(size) < 0.97, 1.0, np.exp(rng.uniform(-2, 7, size)))
    learn = np.where(rng.random(size) < 0.8, 1.0, rng.random(size))
    by_device = [np.repeat(part[:, ::metrics], metrics, axis=1).astype(np.float32).astype(np.float64) for part in (dt, learn)]
    seen = rng.random(size) > 0.05
    if metrics > 1:
        seen[:, 3::7] = False
    return Readings(x, seen.astype(np.float64), by_device[0], by_device[1])


def parity(model: Forecaster, path: Path, readings: Readings) -> float:
    """Return the largest difference of quantiles torch ↔ ONNX, each carrying its own state over all readings.

    It is relative to the forecast scale: the row's unit plus the width from lowest to highest quantile of that horizon.

    Raises:
        BundleError: it is above `PARITY_LIMIT`.
    """
    graph, worst = Graph(path), 0.0
    torch_state, graph_state = model.fresh(readings.x.shape[1] // graph.metrics), graph.fresh(readings.x.shape[1])
    for i in range(len(readings)):
        with torch.no_grad():
            step = model(*_torch_inputs(readings, i, graph.metrics), *torch_state)
        quantiles, graph_state = graph.step(readings.x[i], readings.mask[i], readings.dt[i], readings.learn[i], graph_state)
        torch_state = (step.scale, step.memory)
        difference = np.abs(step.quantiles.flatten(0, 1).numpy() - quantiles).max(axis=2)
        scale = _units(graph_state)[:, None] + quantiles[:, :, -1] - quantiles[:, :, 0]
        worst = float(np.maximum(worst, (difference / scale).max()))  # unlike max(), keeps a NaN
    if not worst <= PARITY_LIMIT:
        raise BundleError(f"torch and ONNX differ by {worst:.2e} of the scale, at most {PARITY_LIMIT:.0e} is allowed")
    return worst


def _torch_inputs(readings: Readings, i: int, metrics: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    whole = [torch.from_numpy(part[i]).reshape(-1, metrics) for part in (readings.x, readings.mask, readings.dt, readings.learn)]
    return whole[0], whole[1].float(), whole[2][:, 0].float(), whole[3][:, 0].float()


def _units(state: GraphState) -> Float64:
    """Return each row's unit, as the graph forms it."""
    scale = state.scale.reshape(-1, len(SCALE_COLUMNS))
    column = {name: scale[:, i] for i, name in enumerate(SCALE_COLUMNS)}
    unit = 0.5 * (column["change_fast"] + column["change_slow"]) + SPREAD_SHARE * column["spread"]
    return np.asarray(np.maximum(unit, np.maximum(RELATIVE_FLOOR * np.abs(column["level_slow"]), ABSOLUTE_FLOOR)))


def batch_differences(path: Path, readings: Readings) -> int:
    """Return how many results differ in any bit when rows (devices) come in batches of `BATCH_SIZES`, shuffled, not all at once.

    Raises:
        BundleError: any does.
    """
    graph, rng, differing = Graph(path), np.random.default_rng(7), 0
    devices = readings.x.shape[1] // graph.metrics
    state = graph.fresh(readings.x.shape[1])
    for i in range(len(readings)):
        columns = [readings.x[i], readings.mask[i], readings.dt[i], readings.learn[i]]
        whole, next_state = graph.step(columns[0], columns[1], columns[2], columns[3], state)
        for size in BATCH_SIZES:
            order = rng.permutation(devices)
            for at in range(0, devices, size):
                index = order[at : at + size]
                rows = (index[:, None] * graph.metrics + np.arange(graph.metrics)).ravel()
                part = [column[rows] for column in columns]
                quantiles, after = graph.step(part[0], part[1], part[2], part[3], state.rows(index))
                expected = next_state.rows(index)
                pairs = ((quantiles, whole[rows]), (after.scale, expected.scale), (after.memory, expected.memory))
                differing += sum(a.tobytes() != b.tobytes() for a, b in pairs)
        state = next_state
    if differing:
        raise BundleError(
            f"{differing} results depend on the batch they came in", advice="use only operators that are bit-identical"
        )
    return differing


def long_run(path: Path, readings: Readings, steps: int) -> float:
    """Return the largest magnitude of recurrent memory over `steps` readings, `readings` repeated, hostile values mixed in.

    Raises:
        BundleError: a quantile is not finite or not ascending, or the state leaves its bounds.
    """
    graph, worst = Graph(path), 0.0
    state = graph.fresh(readings.x.shape[1])
    for i in range(steps):
        at = i % len(readings)
        x = readings.x[at].copy()
        if i % 997 == 0:
            x[1:4] = (np.nan, 1e300, -np.inf)
        quantiles, state = graph.step(x, readings.mask[at], readings.dt[at], readings.learn[at], state)
        worst = float(np.maximum(worst, np.abs(state.memory).max()))
        sane = np.isfinite(quantiles).all() and np.isfinite(state.scale).all() and (np.diff(quantiles, axis=2) >= 0).all()
        if not sane or not worst <= STATE_LIMIT or np.abs(state.scale).max() > LARGEST:
            raise BundleError(f"state or forecast ran out of bounds at reading {i}: memory {worst:.3g}")
    return worst
