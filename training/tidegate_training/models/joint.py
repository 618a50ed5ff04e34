"""The forecaster of a profile: one LSTM cell over all metrics of a device, and a head that knows which metric it speaks of.

Each metric has a running scale and features of its own, as in the channel-independent forecasters; all features of a device go
through one Gemm with the memory they share. Every metric's head sees its own features and a reading of that memory made for it
alone; the layers that turn both into quantiles are the same for all, as a profile has little data for each. Elementwise
operations and Gemm only, so that a device's result is bit-identical over batch sizes.
"""

import torch
from torch import Tensor, nn

from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate_training.models.forecaster import CELL_LIMIT, Forecaster, Step, denormalise
from tidegate_training.models.running_scale import FEATURES, SCALE_COLUMNS, observe


class JointForecaster(Forecaster):
    """Forecasts the `metrics` of a device together; `memory` is output, then cell, then zeros up to a multiple of `metrics`.

    Rows, wherever there are any, are the metrics of one device after the other.
    """

    def __init__(self, metrics: int, hidden: int = 64, head: int = 32) -> None:
        super().__init__()
        self.metrics, self.hidden = metrics, hidden
        self.memory_width = -(-2 * hidden // metrics) * metrics
        self.gates = nn.Linear(metrics * FEATURES + hidden, 4 * hidden)
        self.readings = nn.Linear(hidden, metrics * head)
        self.add_head(0, head)
        with torch.no_grad():
            self.gates.bias[hidden : 2 * hidden] = 2.0  # remember by default: forget gates start open

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor, learn: Tensor, scale: Tensor, memory: Tensor) -> Step:
        """Take one reading per device, as the exported graph does.

        `x` float64 [B, D] in the metrics' units, `mask` float32 [B, D], `dt` (intervals) and `learn` (0 to 1) float32 [B];
        `scale` float64 [B, 8·D]. The quantiles are [B, D, horizon, level].
        """
        by_row = [part[:, None].expand(-1, self.metrics).reshape(-1, 1).double() for part in (dt, learn)]
        columns = len(SCALE_COLUMNS)
        seen = observe(x.reshape(-1, 1), mask.reshape(-1, 1).double(), by_row[0], by_row[1], scale.reshape(-1, columns))
        memory = self.advance(seen.features, memory, seen.keep)
        normalised = self.quantiles(seen.features, self.output(memory))
        quantiles = denormalise(normalised, seen.anchor, seen.unit)
        shape = (-1, self.metrics, len(HORIZONS), len(QUANTILE_LEVELS))
        return Step(quantiles.reshape(shape), seen.scale.reshape(-1, self.metrics * columns), memory)

    def advance(self, features: Tensor, memory: Tensor, keep: Tensor) -> Tensor:
        """Take one step of the LSTM cell; `features` and `keep` are of rows, `memory` of devices."""
        faded = memory * keep.reshape(-1, self.metrics)[:, :1]
        output, cell = faded[:, : self.hidden], faded[:, self.hidden : 2 * self.hidden]
        together = torch.cat([features.reshape(-1, self.metrics * FEATURES), output], dim=1)
        admit, forget, update, emit = self.gates(together).split(self.hidden, dim=1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(admit) * torch.tanh(update)
        cell = cell.clamp(-CELL_LIMIT, CELL_LIMIT)
        return torch.cat([torch.sigmoid(emit) * torch.tanh(cell), cell, faded[:, 2 * self.hidden :]], dim=1)

    def output(self, memory: Tensor) -> Tensor:
        """Return the output of the cell, by device."""
        return memory[:, : self.hidden]

    def units(self, features: Tensor, output: Tensor) -> Tensor:
        """Return the head's units by row: of the metric's own features, and of what it reads in the shared memory."""
        own = self.head(features)
        return torch.tanh(own + self.readings(output).reshape(-1, own.shape[1]))
