"""A dense autoencoder of the last readings, in the same step form: what it cannot put together again is surprising.

For the study of models. Unlike a forecaster it sees the reading that it judges, so a bottleneck has to keep it from copying.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from tidegate_training.models.ring import pushed
from tidegate_training.models.running_scale import SCALE_COLUMNS, observe

READINGS: Final = 32
SHAPE_FEATURES: Final = 4
"""The features that say where a reading lies: its change, and its distance from fast and slow levels."""

BOTTLENECK: Final = 8


class Reconstruction(NamedTuple):
    """Result of one step: `error` float64 [B, 1], mean square over the window, and both next states."""

    error: Tensor
    scale: Tensor
    memory: Tensor


class Autoencoder(nn.Module):
    """`memory` float32 [B, 128] is the ring of the last readings' features; zeros until it is full."""

    metrics: Final = 1
    memory_width: Final = READINGS * SHAPE_FEATURES

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(self.memory_width, hidden), nn.Tanh(), nn.Linear(hidden, BOTTLENECK))
        self.decode = nn.Sequential(nn.Linear(BOTTLENECK, hidden), nn.Tanh(), nn.Linear(hidden, self.memory_width))

    def fresh(self, rows: int) -> tuple[Tensor, Tensor]:
        """Return the state of rows never seen: zeros."""
        return torch.zeros(rows, len(SCALE_COLUMNS), dtype=torch.float64), torch.zeros(rows, self.memory_width)

    def forward(self, x: Tensor, mask: Tensor, dt: Tensor, learn: Tensor, scale: Tensor, memory: Tensor) -> Reconstruction:
        """Take one reading per row; inputs as a forecaster's."""
        seen = observe(x, mask.double(), dt[:, None].double(), learn[:, None].double(), scale)
        memory = pushed(memory * seen.keep, seen.features[:, :SHAPE_FEATURES])
        return Reconstruction(self.error(memory).double(), seen.scale, memory)

    def error(self, window: Tensor) -> Tensor:
        """Return the mean square error float32 [B, 1] of windows [B, 128]."""
        rebuilt: Tensor = self.decode(self.encode(window))
        return (rebuilt - window).square().mean(dim=1, keepdim=True)
