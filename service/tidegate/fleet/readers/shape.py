"""What kind of file is this: its suffix and column names, from the first bytes only. Decides nothing about formats."""

import csv
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tidegate.errors import InputError
from tidegate.fleet.readers.parquet import column_names

SUFFIXES = (".csv", ".npz", ".parquet")
"""Files that may hold a data set; everything else in a folder (licences, labels, notes) is passed over."""

MAX_HEADER_CHARACTERS = 100_000
"""Characters of a CSV header read at most; a longer first line is no header."""


@dataclass(frozen=True)
class Shape:
    """A file's suffix, its column (or array) names in order, and for CSV the delimiter."""

    path: Path
    suffix: str
    columns: tuple[str, ...]
    delimiter: str = ","


def shape_of(path: Path) -> Shape:
    """Look at the head of `path`.

    Raises:
        InputError: the file is missing, unreadable, empty, or not what its suffix says.
        DependencyError: a parquet file, and the parquet extra is not installed.
    """
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return Shape(path, suffix, _array_names(path))
    if suffix == ".parquet":
        return Shape(path, suffix, column_names(path))
    return _csv_shape(path)


def _csv_shape(path: Path) -> Shape:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head = file.readline(MAX_HEADER_CHARACTERS)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text: {error}") from error
    if not head.strip():
        raise InputError(f"{path}: the file is empty, expected a header line")
    delimiter = ";" if head.count(";") > head.count(",") else ","
    return Shape(path, ".csv", tuple(name.strip() for name in next(csv.reader([head], delimiter=delimiter))), delimiter)


def _array_names(path: Path) -> tuple[str, ...]:
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(name.removesuffix(".npy") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be read as npz: {error}") from error
