"""Forecasters that look back on a ring of the last readings: dense layers, causal convolutions, and a small Transformer.

For the study of models. A row carries kilobytes where an LSTM carries hundreds of bytes; the graph contract is the same.
"""

from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

from tidegate_training.models.forecaster import Forecaster
from tidegate_training.models.ring import pushed, slots
from tidegate_training.models.running_scale import FEATURES

READINGS: Final = 32
"""Readings remembered: a power of two, so that convolutions of stride two end at one."""

EMBEDDED: Final = 8
"""Numbers each reading is remembered by."""

DENSE: Final = (128, 64, 32)
"""Layers of the DNN traffic paper, here on a window."""

LEVELS: Final = READINGS.bit_length() - 1

HEADS: Final = 2


class WindowedForecaster(Forecaster):
    """`memory` is the ring of embedded readings, each -1 to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.memory_width = READINGS * EMBEDDED
        self.embed = nn.Linear(FEATURES, EMBEDDED)

    def advance(self, features: Tensor, memory: Tensor, keep: Tensor) -> Tensor:
        """Remember one reading more and one less."""
        return pushed(memory * keep, torch.tanh(self.embed(features)))


class DenseForecaster(WindowedForecaster):
    """Dense layers with ReLU over the whole window."""

    def __init__(self, head: int = 64) -> None:
        super().__init__()
        widths = (self.memory_width, *DENSE)
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(widths))
        self.add_head(DENSE[-1], head)

    def output(self, memory: Tensor) -> Tensor:
        """Return the last layer's activations."""
        for layer in self.layers:
            memory = torch.relu(layer(memory))
        return memory


class ConvolutionalForecaster(WindowedForecaster):
    """Causal dilated convolutions (van den Oord and others 2016); of the last layer only the newest output is computed.

    With kernel and dilation doubling together, that output is a tree: kernel 2, stride 2, halving the window at each level.
    """

    def __init__(self, channels: int = 32, head: int = 64) -> None:
        super().__init__()
        widths = (EMBEDDED, *[channels] * LEVELS)
        self.levels = nn.ModuleList(nn.Conv1d(before, after, 2, stride=2) for before, after in pairwise(widths))
        self.add_head(channels, head)

    def output(self, memory: Tensor) -> Tensor:
        """Return the newest output of the last level."""
        signal = slots(memory, EMBEDDED).transpose(1, 2)
        for level in self.levels:
            signal = torch.relu(level(signal))
        return signal[:, :, 0]


class TransformerForecaster(Forecaster):
    """One block of attention and feed-forward (Vaswani and others 2017), norm first, ages by a learned bias.

    `memory` is the newest token, then the ring of keys and values: a reading is projected once, and the oldest one drops out.
    """

    def __init__(self, width: int = 16, head: int = 64) -> None:
        super().__init__()
        self.width = width
        self.memory_width = width + READINGS * 2 * width
        self.embed = nn.Linear(FEATURES, width)
        self.norm_token, self.norm_mixed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key_value, self.mix = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.age = nn.Parameter(torch.zeros(READINGS, HEADS))
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.add_head(width, head)

    def advance(self, features: Tensor, memory: Tensor, keep: Tensor) -> Tensor:
        """Remember the reading's key and value, and its token until the next."""
        token = self.embed(features)
        return torch.cat([token, pushed(memory[:, self.width :] * keep, self.key_value(self.norm_token(token)))], dim=1)

    def output(self, memory: Tensor) -> Tensor:
        """Return the newest token after the block."""
        token, ring = memory[:, : self.width], memory[:, self.width :]
        mixed: Tensor = token + self.mix(self._attend(self.query(self.norm_token(token)), slots(ring, 2 * self.width)))
        narrowed: Tensor = self.narrow(torch.relu(self.widen(self.norm_mixed(mixed))))
        return mixed + narrowed

    def _attend(self, query: Tensor, remembered: Tensor) -> Tensor:
        """Return the values of `remembered` [B, reading, key and value], weighed per head by their keys' fit to `query`."""
        size = self.width // HEADS
        keys, values = (part.reshape(-1, READINGS, HEADS, size) for part in torch.split(remembered, self.width, dim=2))
        fit = (keys * query.reshape(-1, 1, HEADS, size)).sum(dim=3) / size**0.5 + self.age
        return (torch.softmax(fit, dim=1)[..., None] * values).sum(dim=1).reshape(-1, self.width)
