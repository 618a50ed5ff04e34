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
    """What a record goes through. Amounts: `amount` int64 [A] are their columns; the rest of them float64 [A].

    What is missing becomes `fill`; less `centre`, in `unit`s; where `log`, sign and logarithm of one plus that; less `mean`, in
    `deviation`s; at most `clip` of them either way. A record in other units of measurement gives the same inputs, retrained.
    Codes: input i is 1 where column `coded[i]` equals `code[i]`, int64 and float64 [C]. A code never seen gives zeros only.
    """

    amount: Int64
    fill: Float64
    centre: Float64
    unit: Float64
    mean: Float64
    deviation: Float64
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
        amounts = (np.where(np.isfinite(amounts), amounts, self.fill) - self.centre) / self.unit
        amounts = (_bent(amounts, self.log) - self.mean) / self.deviation
        amounts = np.clip(amounts, -self.clip, self.clip)
        return np.concatenate([amounts, features[:, self.coded] == self.code], axis=1).astype(np.float32)


def learn_preparation(features: Float64, names: Sequence[str], settings: FlowSettings) -> Preparation:
    """Learn from the rows of the train part: median for what is missing, mean and deviation for scale, codes seen.

    On the logarithmic scale the unit is the typical distance from the median, so that a few huge flows do not make all others
    alike. A feature that never varies, or was never observed, has deviation 1: it says nothing, and must not say infinity.
    """
    amount = np.array([i for i, name in enumerate(names) if name not in CODED], np.int64)
    codes = [(i, value) for i, name in enumerate(names) if name in CODED for value in _seen(features[:, i])]
    learned = np.array([_amount(features[:, column], settings.scale == "log") for column in amount]).reshape(-1, 5)
    fill, centre, unit, mean, deviation = np.ascontiguousarray(learned.T)
    return Preparation(
        amount,
        fill,
        centre,
        unit,
        mean,
        deviation,
        np.array([column for column, _ in codes], np.int64),
        np.array([value for _, value in codes], np.float64),
        settings.clip,
        settings.scale == "log",
    )


def paper_rows(features: Float64) -> Bool:
    """Which rows the paper keeps, bool [N]: every feature within three deviations, both measured over all rows."""
    known = np.isfinite(features)
    centre, spread = np.nanmean(features, axis=0), np.nanstd(features, axis=0)
    far = np.abs(features - centre) > SIGMAS * spread
    kept: Bool = ~(far & known).any(axis=1)
    return kept


def _seen(column: Float64) -> list[float]:
    return [float(value) for value in np.unique(column[np.isfinite(column)])]


def _amount(column: Float64, log: bool) -> tuple[float, float, float, float, float]:
    """What `Preparation` has of one amount: fill, centre, unit, mean, deviation."""
    known = column[np.isfinite(column)]
    if not len(known):
        return 0.0, 0.0, 1.0, 0.0, 1.0
    fill = float(np.median(known))
    if not log:
        return fill, float(known.mean()), float(known.std()) or 1.0, 0.0, 1.0
    away = np.abs(known - fill)
    unit = float(np.median(away[away > 0])) if away.any() else 1.0
    bent = _bent((known - fill) / unit, log=True)
    return fill, fill, unit, float(bent.mean()), float(bent.std()) or 1.0


def _bent(amounts: Float64, log: bool) -> Float64:
    return np.sign(amounts) * np.log1p(np.abs(amounts)) if log else amounts
