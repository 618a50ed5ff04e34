"""Splits a batch into rounds of at most one reading per device, so that arrays can step all devices of a round at once.

The order of one device's readings is kept; devices do not wait for each other. This, and rows that never mix, is why the
size of a batch changes no score.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegate.core.forecaster import Float64

Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Intake:
    """Admitted readings as columns, n of them.

    `index` into the batch; `slot` of the device; `sequence` and `gateway` (code) as given, `NEVER` and −1 when not.
    `values` float64 holds the metrics of all readings one after the other (NaN: missing); those of reading i start at `start[i]`.
    """

    index: Int64
    slot: Int64
    time_ms: Int64
    sequence: Int64
    gateway: Int64
    values: Float64
    start: Int64
    width: Int64

    def take(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> "Intake":
        """The readings `chosen`; `values` stays whole, `start` points into it."""
        columns = (self.index, self.slot, self.time_ms, self.sequence, self.gateway)
        index, slot, time_ms, sequence, gateway = (column[chosen] for column in columns)
        return Intake(index, slot, time_ms, sequence, gateway, self.values, self.start[chosen], self.width[chosen])

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True, slots=True)
class Round:
    """At most one reading of each of B devices: `elapsed` [B] intervals since the device's last one, `profile` [B] its code."""

    intake: Intake
    elapsed: Float64
    profile: Int64

    @property
    def width(self) -> Int64:
        """Rows of each reading: its metrics."""
        return self.intake.width


def rounds(intake: Intake) -> Iterator[Intake]:
    """Yield the first readings of all devices, then the second ones, and so on; each round in batch order."""
    if len(intake) == 0:
        return
    rank = _rank(intake.slot)
    sizes = np.bincount(rank)
    if len(sizes) == 1:
        yield intake
        return
    for chosen in np.split(np.argsort(rank, kind="stable"), np.cumsum(sizes)[:-1]):
        yield intake.take(chosen)


def _rank(slot: Int64) -> Int64:
    """How many earlier readings of the same device the batch holds, by reading."""
    order = np.argsort(slot, kind="stable")
    ordered = slot[order]
    is_first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    position = np.arange(len(slot))
    first = np.maximum.accumulate(np.where(is_first, position, 0))
    rank = np.empty(len(slot), dtype=np.int64)
    rank[order] = position - first
    return rank
