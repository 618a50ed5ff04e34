"""CSV files as columns of text, and text as numbers, with errors that name the file and the row.

Forgives what the real files have: a byte order mark, blanks around values, CRLF. Forgives nothing else.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import InputError

MISSING = frozenset({"", "nan", "na", "null", "none", "-", "?"})
"""Texts, lower case, that say a value is missing."""


class CsvLines(Protocol):
    """What csv.reader returns, which the standard library gives no public name before Python 3.13."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


@dataclass(frozen=True)
class Table:
    """A CSV file's header and its rows, column by column, every value stripped of surrounding blanks."""

    path: Path
    columns: Mapping[str, list[str]]
    rows: int

    def text(self, name: str) -> list[str]:
        """Column `name` as text.

        Raises:
            InputError: there is no such column.
        """
        if name not in self.columns:
            raise InputError(f"{self.path}: no column {name!r}, expected it among {', '.join(self.columns)}"[:600])
        return self.columns[name]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Column `name` as float64 [rows]; a missing value is NaN.

        Raises:
            InputError: a value is neither a finite number nor missing; names the row and the column.
        """
        texts = self.text(name)
        try:
            values = np.array(texts, dtype=np.float64)
        except ValueError:
            values = np.array([self._number(text, row, name) for row, text in enumerate(texts)], dtype=np.float64)
        return self._finite(values, name)

    def codes(self, name: str, meaning: Mapping[str, float]) -> NDArray[np.float64]:
        """Column `name` as float64 [rows] by the lower-case texts of `meaning`; a missing value is NaN.

        Raises:
            InputError: a value is none of them; names the row and the column.
        """
        known = {**dict.fromkeys(MISSING, np.nan), **meaning}
        values = np.empty(self.rows)
        for row, text in enumerate(self.text(name)):
            value = known.get(text.lower())
            if value is None:
                raise InputError(f"{self._at(row, name)} is {text[:80]!r}, expected {' or '.join(meaning)}")
            values[row] = value
        return values

    def _number(self, text: str, row: int, name: str) -> float:
        if text.lower() in MISSING:
            return np.nan
        try:
            return float(text)
        except ValueError as error:
            raise InputError(f"{self._at(row, name)} is {text[:80]!r}, expected a number") from error

    def _finite(self, values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        infinite = np.flatnonzero(np.isinf(values))
        if infinite.size:
            raise InputError(f"{self._at(int(infinite[0]), name)} is infinite, expected a finite number or nothing")
        return values

    def _at(self, row: int, name: str) -> str:
        return f"{self.path}: row {row + 2}: {name}"


def read_csv(path: Path, delimiter: str = ",") -> Table:
    """Read `path` whole; its first line is the header. Empty lines are skipped, an empty file has no columns.

    Raises:
        InputError: the file cannot be read, is not UTF-8, repeats a column, or a row has another number of values; names the row.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _table(path, csv.reader(file, delimiter=delimiter, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV: {error}") from error


def _table(path: Path, lines: "CsvLines") -> Table:
    header = [name.strip() for name in next(lines, [])]
    if len(set(header)) < len(header):
        raise InputError(f"{path}: row 1: a column name appears twice in {', '.join(header)}"[:600])
    columns: list[list[str]] = [[] for _ in header]
    for line in lines:
        if len(line) == len(header):
            for column, value in zip(columns, line, strict=True):
                column.append(value.strip())
        elif line:
            raise InputError(f"{path}: row {lines.line_num}: {len(line)} values, expected {len(header)}")
    return Table(path, dict(zip(header, columns, strict=True)), len(columns[0]) if columns else 0)
