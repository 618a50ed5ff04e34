"""What the core needs of a model: one step of a forecaster over rows, as arrays. The ONNX adapter implements it.

Rows are (device, metric) pairs; a row's result depends only on that row, or, where a bundle forecasts the metrics of a device
jointly, on the rows of its device (batch-size invariance, bit for bit).
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.manifest import BundleManifest, StateTensor

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
State = dict[str, NDArray[np.float64] | NDArray[np.float32]]
"""Carried state by tensor name (`BundleManifest.state`), each `[rows, width]`; zeros for a fresh row. Of a joint bundle, each
row of a device carries an equal part of the device's."""


@dataclass(frozen=True, slots=True)
class ForecastStep:
    """Result of one step: `quantiles` float64 [rows, horizon, level] in the metric's unit, and the rows' next state."""

    quantiles: Float64
    state: State


class Forecaster(Protocol):
    """A forecaster, ready to step. Holds no state between calls; one thread at a time may call it."""

    @property
    def manifest(self) -> BundleManifest:
        """What the model is; `manifest.state` gives the tensors `step` expects."""
        ...

    @property
    def identity(self) -> str:
        """`name/version@` and the first 12 hex digits of the model's sha256: what facts cite."""
        ...

    def step(self, values: Float64, mask: Float32, elapsed: Float32, learn: Float32, state: State) -> ForecastStep:
        """Take one reading per row: forecast the next intervals and return the rows' next state; changes no input.

        `values` float64 [rows] in the metric's unit (anything where masked), `mask` 1 observed / 0 missing, `elapsed` in
        intervals since the row's last reading (1 is on time), `learn` 0 to 1. An empty batch gives an empty result.
        Non-finite results are possible on hostile input; the caller resets such rows.

        Of a joint bundle (`manifest.metrics` names some) the rows of a device come together, whole, in the order of these
        metrics; `elapsed` and `learn` are the same for all of them.
        """
        ...


def rows_together(manifest: BundleManifest) -> int:
    """How many rows a forecaster steps as one: the metrics of a device, or 1 where it takes each by itself."""
    return max(len(manifest.metrics), 1)


def row_state(manifest: BundleManifest) -> list[StateTensor]:
    """The state that one row carries: of a joint bundle, its share of the device's."""
    together = rows_together(manifest)
    return [replace(tensor, width=tensor.width // together) for tensor in manifest.state]
