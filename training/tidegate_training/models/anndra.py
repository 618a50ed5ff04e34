"""The ANNDRA cell in a form that can be streamed: peepholes, gates of higher order, attention by mutual information.

Paper: equations (3) to (7), (11) to (15). As printed, (13) adds powers of the cell to itself without bound and diverges within
ten steps, and (14) weighs hidden states by an output that is computed from them, over the whole series. Here

- the cell is a convex mixture, c = f c₋ + (1 − f) (i g + ½ k u² + ½ s u³) with u = tanh c₋, so that |c| ≤ 2;
- k and s are the contributions of a unit to kurtosis and skewness over the units, through tanh;
- attention looks back on a ring of the last 16 outputs, projected to 8 numbers; its critic is bilinear and trained with InfoNCE
  (van den Oord, Li and Vinyals 2018), whose best critic is pointwise mutual information up to a term that cancels in the softmax.

Each term can be left out, to see what it is worth.
"""

from collections.abc import Collection
from typing import Final

import torch
from torch import Tensor, nn

from tidegate_training.models.forecaster import Forecaster
from tidegate_training.models.ring import pushed, slots
from tidegate_training.models.running_scale import FEATURES

TERMS: Final = ("peephole", "kurtosis", "skewness", "attention", "information")
"""What the cell adds to a bounded LSTM: peepholes, two gates of higher order, attention, and the loss that trains its critic."""

REMEMBERED: Final = 16
"""Outputs the attention looks back on."""

PROJECTED: Final = 8
"""Numbers each of them is remembered by."""

FLAT: Final = 1e-5
"""Variance over units below which a pre-activation is not blown up to unit deviation (as in layer normalisation)."""


class AnndraForecaster(Forecaster):
    """`memory` is output, cell, then the ring of the outputs before this one; `terms` of `TERMS` are in."""

    def __init__(self, hidden: int = 48, head: int = 64, terms: Collection[str] = TERMS) -> None:
        super().__init__()
        self.hidden, self.terms = hidden, frozenset(terms)
        attends = "attention" in self.terms
        self.memory_width = 2 * hidden + (REMEMBERED * PROJECTED if attends else 0)
        self.higher = tuple(term for term in ("kurtosis", "skewness") if term in self.terms)
        self.gates = nn.Linear(FEATURES + hidden, (4 + len(self.higher)) * hidden)
        self.peepholes = nn.Parameter(torch.zeros(3, hidden), requires_grad="peephole" in self.terms)
        if attends:
            self.project = nn.Linear(hidden, PROJECTED)
            self.critic = nn.Linear(hidden, PROJECTED, bias=False)
        self.add_head(hidden + (PROJECTED if attends else 0), head)
        with torch.no_grad():
            self.gates.bias[hidden : 2 * hidden] = 2.0  # remember by default: forget gates start open

    def advance(self, features: Tensor, memory: Tensor, keep: Tensor) -> Tensor:
        """Take one step of the cell; the ring takes in the output before it."""
        output, cell, ring = self._parts(memory * keep)
        gates = self.gates(torch.cat([features, output], dim=1)).split(self.hidden, dim=1)
        admit, forget, update, emit = gates[:4]
        to_admit, to_forget, to_emit = self.peepholes
        forgotten = torch.sigmoid(forget + to_forget * cell)
        new = torch.sigmoid(admit + to_admit * cell) * torch.tanh(update) + self._moments(gates[4:], torch.tanh(cell))
        cell = forgotten * cell + (1.0 - forgotten) * new
        parts = [torch.sigmoid(emit + to_emit * cell) * torch.tanh(cell), cell]
        if "attention" in self.terms:
            parts.append(pushed(ring, torch.tanh(self.project(output))))
        return torch.cat(parts, dim=1)

    def output(self, memory: Tensor) -> Tensor:
        """Return the output of the cell and, with attention, the remembered ones weighed by what they say about it."""
        output, _, ring = self._parts(memory)
        if "attention" not in self.terms:
            return output
        remembered = slots(ring, PROJECTED)
        weights = torch.softmax((remembered * self.critic(output)[:, None]).sum(dim=2), dim=1)
        return torch.cat([output, (weights[..., None] * remembered).sum(dim=1)], dim=1)

    def auxiliary(self, memory: Tensor) -> Tensor | None:
        """Return InfoNCE: how badly the critic tells a row's own past from other rows', nats, mean over the slots."""
        if not {"attention", "information"} <= self.terms:
            return None
        output, _, ring = self._parts(memory)
        scores = torch.einsum("bd,nkd->kbn", self.critic(output), slots(ring, PROJECTED))
        return -torch.log_softmax(scores, dim=2).diagonal(dim1=1, dim2=2).mean()

    def _parts(self, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        output, cell, ring = torch.split(memory, [self.hidden, self.hidden, self.memory_width - 2 * self.hidden], dim=1)
        return output, cell, ring

    def _moments(self, gates: tuple[Tensor, ...], bounded: Tensor) -> Tensor:
        """Return what the gates of higher order admit of the powers of `bounded` (-1 to 1); at most 1 in size."""
        total = torch.zeros_like(bounded)
        for term, gate in zip(self.higher, gates, strict=True):
            unit = _standardised(gate)
            squared = unit * unit
            if term == "kurtosis":
                total = total + 0.5 * torch.tanh((squared * squared - 3.0) / 3.0) * bounded * bounded
            else:
                total = total + 0.5 * torch.tanh(squared * unit / 3.0) * bounded * bounded * bounded
        return total


def _standardised(gate: Tensor) -> Tensor:
    """Return `gate` [B, hidden] with mean 0 and deviation 1 over the units."""
    centred = gate - gate.mean(dim=1, keepdim=True)
    return centred / torch.sqrt((centred * centred).mean(dim=1, keepdim=True) + FLAT)
