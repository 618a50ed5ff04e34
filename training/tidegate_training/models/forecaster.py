"""What every forecaster shares, and the universal one: running scale, an LSTM cell as a single Gemm, non-crossing quantiles.

One step per reading and row; the same `step` is trained (through `unroll`) and exported. Channel-independent: it never sees
which device or metric a row belongs to. After Hochreiter and Schmidhuber 1997 (cell) and the linear-head residual of N-BEATS
style forecasters; quantiles by cumulated positive gaps (squareplus, since Softplus is not bit-identical over batch sizes).
Other cells are in the modules beside this one; `cells` lists them.
"""

from abc import ABC, abstractmethod
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate_training.models.running_scale import FEATURES, SCALE_COLUMNS, observe

CELL_LIMIT: Final = 32.0
"""Bound of the cell's memory: a forget gate at 1 would otherwise count up for ever."""

MEDIAN: Final = QUANTILE_LEVELS.index(0.5)
GAPS: Final = len(QUANTILE_LEVELS) - 1


class Step(NamedTuple):
    """Result of one step: `quantiles` float64 [B, metric, horizon, level] in the metric's unit, and both next states."""

    quantiles: Tensor
    scale: Tensor
    memory: Tensor


class Forecaster(nn.Module, ABC):
    """Forecasts any metric from its own past; carried state is `scale` float64 [B, 8] and `memory` float32 [B, memory_width].

    A subclass says how `memory` goes on (`advance`) and what the head sees of it (`output`), and ends its `__init__` with
    `add_head`. Nothing in it may make a row depend on its batch: no Log, Exp of its own, Softplus or Sin (`checks` decides).
    """

    metrics: int = 1
    """Rows that go together: 1, or the metrics of a device where one memory is shared by all (`joint`)."""
    memory_width: int
    head: nn.Linear
    out: nn.Linear

    def add_head(self, width: int, head: int) -> None:
        """Add the layers that make quantiles of the features and `width` outputs."""
        self.head = nn.Linear(FEATURES + width, head)
        self.out = nn.Linear(head, len(HORIZONS) * len(QUANTILE_LEVELS))
        with torch.no_grad():
            self.out.weight.mul_(0.1)

    def fresh(self, rows: int) -> tuple[Tensor, Tensor]:
        """Return the state of rows (of a joint forecaster: devices) never seen: zeros, `scale` float64 and `memory` float32."""
        return torch.zeros(rows, self.metrics * len(SCALE_COLUMNS), dtype=torch.float64), torch.zeros(rows, self.memory_width)

    @abstractmethod
    def advance(self, features: Tensor, memory: Tensor, keep: Tensor) -> Tensor:
        """Return the next `memory`; `features` float32 [B, FEATURES], `keep` float32 [B, 1] fades the memory over a gap."""

    @abstractmethod
    def output(self, memory: Tensor) -> Tensor:
        """Return what the head sees of `memory`, float32 [B, width]."""

    def auxiliary(self, memory: Tensor) -> Tensor | None:
        """Return what is to be learned besides the forecast, as a loss on the `memory` of one moment; None for nothing."""
        return None

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor, learn: Tensor, scale: Tensor, memory: Tensor) -> Step:
        """Take one reading per row, as the exported graph does.

        `x` float64 [B, 1] in the metric's unit, `mask` float32 [B, 1], `dt` (intervals) and `learn` (0 to 1) float32 [B].
        """
        seen = observe(x, mask.double(), dt[:, None].double(), learn[:, None].double(), scale)
        memory = self.advance(seen.features, memory, seen.keep)
        normalised = self.quantiles(seen.features, self.output(memory))
        return Step(denormalise(normalised, seen.anchor, seen.unit)[:, None], seen.scale, memory)

    def quantiles(self, features: Tensor, output: Tensor) -> Tensor:
        """Return quantiles float32 [B, horizon, level] around the anchor, in units; ascending by construction."""
        raw = self.out(self.units(features, output))
        median, gaps = raw.split([len(HORIZONS), GAPS * len(HORIZONS)], dim=1)
        below_and_above = (0.5 * (gaps + torch.sqrt(gaps * gaps + 4.0))).split(len(HORIZONS), dim=1)
        levels = [median]
        for gap in below_and_above[:MEDIAN]:
            levels.insert(0, levels[0] - gap)
        for gap in below_and_above[MEDIAN:]:
            levels.append(levels[-1] + gap)
        return torch.cat(levels, dim=1).reshape(-1, len(QUANTILE_LEVELS), len(HORIZONS)).transpose(1, 2)

    def units(self, features: Tensor, output: Tensor) -> Tensor:
        """Return the units of the layer between cell and quantiles, float32 [B, head], -1 to 1."""
        return torch.tanh(self.head(torch.cat([features, output], dim=1)))


class UniversalForecaster(Forecaster):
    """The plain LSTM: `memory` is output, then cell."""

    def __init__(self, hidden: int = 48, head: int = 64) -> None:
        super().__init__()
        self.hidden = hidden
        self.memory_width = 2 * hidden
        self.gates = nn.Linear(FEATURES + hidden, 4 * hidden)
        self.add_head(hidden, head)
        with torch.no_grad():
            self.gates.bias[hidden : 2 * hidden] = 2.0  # remember by default: forget gates start open

    def advance(self, features: Tensor, memory: Tensor, keep: Tensor) -> Tensor:
        """Take one step of the LSTM cell."""
        faded = memory * keep
        output, cell = torch.split(faded, self.hidden, dim=1)
        admit, forget, update, emit = self.gates(torch.cat([features, output], dim=1)).split(self.hidden, dim=1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(admit) * torch.tanh(update)
        cell = cell.clamp(-CELL_LIMIT, CELL_LIMIT)
        return torch.cat([torch.sigmoid(emit) * torch.tanh(cell), cell], dim=1)

    def output(self, memory: Tensor) -> Tensor:
        """Return the output of the cell."""
        return memory[:, : self.hidden]


def denormalise(normalised: Tensor, anchor: Tensor, unit: Tensor) -> Tensor:
    """Return quantiles float64 [B, horizon, level] in the metric's unit; `anchor` and `unit` float64 [B, 1]."""
    return anchor[..., None] + unit[..., None] * normalised.double()
