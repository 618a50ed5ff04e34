"""Columns of equal length that grow by doubling: state in arrays, one row per device or per (device, metric).

Knows nothing of what the columns mean. Not thread-safe; one worker owns a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

INITIAL_ROWS: Final = 64
"""Rows of a fresh table. Small: a test or a small site needs no more, and doubling is cheap."""


@dataclass(frozen=True, slots=True)
class Column:
    """What one column holds: its dtype, the shape of one entry, and the value of a fresh entry."""

    dtype: str
    shape: tuple[int, ...] = ()
    fill: float | int | bool = 0

    def fresh(self, rows: int) -> Array:
        """`rows` fresh entries."""
        return np.full((rows, *self.shape), self.fill, dtype=self.dtype)


class Table:
    """Columns by name, read as attributes. Growing replaces the arrays: never keep one across `append`."""

    def __init__(self, layout: Mapping[str, Column], initial_rows: int = INITIAL_ROWS) -> None:
        self.layout = dict(layout)
        self.initial_rows = initial_rows
        self.arrays: dict[str, Array] = {name: column.fresh(initial_rows) for name, column in self.layout.items()}
        self.size = 0

    def __getattr__(self, name: str) -> Array:
        try:
            array: Array = self.__dict__["arrays"][name]
        except KeyError:
            raise AttributeError(name) from None
        return array

    def append(self, rows: int) -> int:
        """Add `rows` fresh entries at the end and return the index of the first."""
        first, self.size = self.size, self.size + rows
        capacity = len(next(iter(self.arrays.values())))
        if self.size > capacity:
            self._grow(max(self.size, 2 * capacity) - capacity)
        return first

    def _grow(self, rows: int) -> None:
        for name, column in self.layout.items():
            self.arrays[name] = np.concatenate([self.arrays[name], column.fresh(rows)])

    def reset(self, rows: Array) -> None:
        """Make the entries `rows` fresh again."""
        for name, column in self.layout.items():
            self.arrays[name][rows] = column.fill

    def keep(self, rows: Array) -> None:
        """Keep only the entries `rows`, in that order; they are renumbered from 0."""
        spare = max(self.initial_rows - len(rows), 0)
        for name, column in self.layout.items():
            self.arrays[name] = np.concatenate([self.arrays[name][rows], column.fresh(spare)])
        self.size = len(rows)

    def export(self) -> dict[str, Array]:
        """A copy of every column, cut to the entries in use."""
        return {name: array[: self.size].copy() for name, array in self.arrays.items()}

    def load(self, columns: Mapping[str, Array]) -> None:
        """Take over exported `columns` of this layout; spare capacity does not survive an export, and need not."""
        self.size = len(next(iter(columns.values())))
        spare = max(self.initial_rows - self.size, 0)
        for name, column in self.layout.items():
            taken = np.asarray(columns[name], dtype=column.dtype).reshape(self.size, *column.shape)
            self.arrays[name] = np.concatenate([taken, column.fresh(spare)])

    @property
    def bytes_per_row(self) -> int:
        """Bytes of one entry over all columns."""
        return sum(np.dtype(column.dtype).itemsize * int(np.prod(column.shape)) for column in self.layout.values())
