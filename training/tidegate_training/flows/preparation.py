"""From flow records as read to what the network takes: imputed, clipped, scaled; every limit from training rows only.

The network's graph carries these numbers, so that a record goes in as it was measured. `paper_rows` is the paper's own
preparation instead, kept to show what it does: it removes rows, and looks at all of them first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.fleet.readers.rt_iot2022 import TEXTS
from tidegate_training.flows.settings import FlowSettings

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

CODED: Final = frozenset(TEXTS)
"""Features that are names written as numbers: each value becomes an input of its own."""

SIGMAS: Final = 3.0
"""The paper's limit for outliers, in standard deviations."""


@dataclass(frozen=True, slots=True, eq=False)
class Preparation:
    """What a record goes through. Amounts: `amount` int64 [A] are their columns; `fill`, `centre`, `spread` float64 [A].

    Codes: input i is 1 where column `coded[i]` equals `code[i]`, int64 and float64 [C]. A code never seen gives zeros only.
    """

    amount: Int64
    fill: Float64
    centre: Float64
    spread: Float64
    coded: Int64
    code: Float64
    clip: float
    log: bool

    @property
    def width(self) -> int:
        """Inputs of the network."""
        return len(self.amount) + len(self.code)

    def apply(self, features: Float64) -> NDArray[np.float32]:
        """`features` float64 [N, F], missing as NaN, as float32 [N, `width`]."""
        amounts = features[:, self.amount]
        amounts = (np.where(np.isfinite(amounts), amounts, self.fill) - self.centre) / self.spread
        if self.log:
            amounts = np.sign(amounts) * np.log1p(np.abs(amounts))
        amounts = np.clip(amounts, -self.clip, self.clip)
        return np.concatenate([amounts, features[:, self.coded] == self.code], axis=1).astype(np.float32)


def learn_preparation(features: Float64, names: Sequence[str], settings: FlowSettings) -> Preparation:
    """Learn from the rows of the train part: median for what is missing, mean and deviation for scale, codes seen.

    A feature that never varies, or was never observed, has deviation 1: it says nothing, and must not say infinity.
    """
    amount = np.array([i for i, name in enumerate(names) if name not in CODED], np.int64)
    codes = [(i, value) for i, name in enumerate(names) if name in CODED for value in _seen(features[:, i])]
    fill, centre, spread = (np.zeros(len(amount)) for _ in range(3))
    for place, column in enumerate(amount):
        known = features[np.isfinite(features[:, column]), column]
        if len(known):
            fill[place], centre[place], spread[place] = np.median(known), known.mean(), known.std()
    if settings.scale == "log":
        centre = fill.copy()
    return Preparation(
        amount,
        fill,
        centre,
        np.where(spread > 0, spread, 1.0),
        np.array([column for column, _ in codes], np.int64),
        np.array([value for _, value in codes], np.float64),
        settings.clip,
        settings.scale == "log",
    )


def paper_rows(features: Float64) -> Bool:
    """Which rows the paper keeps: those with every feature within three deviations, mean and deviation over all rows, bool [N]."""
    known = np.isfinite(features)
    centre, spread = np.nanmean(features, axis=0), np.nanstd(features, axis=0)
    far = np.abs(features - centre) > SIGMAS * spread
    return ~(far & known).any(axis=1)


def _seen(column: Float64) -> list[float]:
    return [float(value) for value in np.unique(column[np.isfinite(column)])]
