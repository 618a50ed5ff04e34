"""The LSTM with peepholes, the ANNDRA paper's equations (3) to (7): gates also see the cell they guard.

Peepholes are diagonal, as where they were introduced (Gers and Schmidhuber 2000): a unit's gates see its own cell.
"""

import torch
from torch import Tensor, nn

from tidegate_training.models.forecaster import CELL_LIMIT, UniversalForecaster


class PeepholeForecaster(UniversalForecaster):
    """As the plain LSTM; with `peepholes` at zero, where they start, it is the plain LSTM."""

    def __init__(self, hidden: int = 48, head: int = 64) -> None:
        super().__init__(hidden, head)
        self.peepholes = nn.Parameter(torch.zeros(3, hidden))  # of the admitting, forgetting and emitting gate

    def advance(self, features: Tensor, memory: Tensor, keep: Tensor) -> Tensor:
        """Take one step of the cell: two gates see the cell before it, the third the one after it."""
        output, cell = torch.split(memory * keep, self.hidden, dim=1)
        admit, forget, update, emit = self.gates(torch.cat([features, output], dim=1)).split(self.hidden, dim=1)
        to_admit, to_forget, to_emit = self.peepholes
        admitted = torch.sigmoid(admit + to_admit * cell) * torch.tanh(update)
        cell = (torch.sigmoid(forget + to_forget * cell) * cell + admitted).clamp(-CELL_LIMIT, CELL_LIMIT)
        return torch.cat([torch.sigmoid(emit + to_emit * cell) * torch.tanh(cell), cell], dim=1)
