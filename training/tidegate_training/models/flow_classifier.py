"""The dense classifier of the DNN traffic paper, and the graph a bundle ships: preparation, network and calibration in one.

Paper, section 4: dense layers of 128, 64 and 32 units, ReLU, dropout 0.5 after each, one output per class, softmax.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from tidegate_training.flows.preparation import Preparation


class DenseClassifier(nn.Module):
    """Logits float32 [B, class] from prepared inputs float32 [B, width]."""

    def __init__(self, width: int, hidden: Sequence[int], classes: int, dropout: float) -> None:
        super().__init__()
        widths = [width, *hidden]
        blocks = [nn.Sequential(nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)) for before, after in pairwise(widths)]
        self.blocks = nn.ModuleList(blocks)
        self.out = nn.Linear(widths[-1], classes)

    def layers(self, inputs: Tensor) -> list[Tensor]:
        """The activations of each dense layer, then the logits."""
        found = []
        for block in self.blocks:
            inputs = block(inputs)
            found.append(inputs)
        return [*found, self.out(inputs)]

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute the logits."""
        return self.layers(inputs)[-1]


class FlowGraph(nn.Module):
    """Records as measured, float64 [B, F], to `probabilities` and `log_likelihood` float32 [B, class] and `energy` [B].

    What is missing is NaN. `probabilities` are tempered. `log_likelihood` is their logarithm less that of the share each class
    had in training (as the loss weighed it): differences between its columns are log-odds as if every class were equally common.
    `energy` is the free energy of the raw logits: low where no class fits.
    """

    def __init__(self, network: DenseClassifier, preparation: Preparation, temperature: float, log_prior: Tensor) -> None:
        super().__init__()
        self.network = network
        self.log = preparation.log
        self.clip = preparation.clip
        self.temperature = temperature
        for name in ("amount", "fill", "centre", "unit", "mean", "deviation", "coded"):
            self.register_buffer(name, torch.as_tensor(getattr(preparation, name)))
        self.register_buffer("expected_code", torch.as_tensor(preparation.code))  # a module's `code` is its source
        self.register_buffer("log_prior", log_prior)

    def forward(self, records: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Classify each record on its own."""
        amounts = records.index_select(1, self.get_buffer("amount"))
        known = torch.isfinite(amounts)
        amounts = torch.where(known, amounts, self.get_buffer("fill"))
        amounts = (amounts - self.get_buffer("centre")) / self.get_buffer("unit")
        if self.log:
            amounts = torch.sign(amounts) * torch.log(1.0 + torch.abs(amounts))
        amounts = (amounts - self.get_buffer("mean")) / self.get_buffer("deviation")
        amounts = torch.clamp(amounts, -self.clip, self.clip)
        codes = records.index_select(1, self.get_buffer("coded")) == self.get_buffer("expected_code")
        inputs = torch.cat([amounts, codes.to(torch.float64)], dim=1).to(torch.float32)
        logits = self.network(inputs)
        tempered = torch.log_softmax(logits / self.temperature, dim=1)
        return torch.exp(tempered), tempered - self.get_buffer("log_prior"), torch.logsumexp(logits, dim=1)
