"""Parquet columns as arrays. pyarrow is an extra, imported here on first use and nowhere else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import DependencyError, InputError


def column_names(path: Path) -> tuple[str, ...]:
    """Names of the columns of `path`, in order, from its footer.

    Raises:
        InputError: not a parquet file.
        DependencyError: pyarrow is not installed.
    """
    with _open(path) as file:
        return tuple(file.schema_arrow.names)


def read_numbers(path: Path, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Columns `names` as float64 [rows]; null is NaN. Reads one column at a time: the peak is one column above the result.

    Raises:
        InputError: a column is absent, not numeric, or holds an infinity; names the column and the row.
        DependencyError: pyarrow is not installed.
    """
    with _open(path) as file:
        return {name: _numbers(path, file, name) for name in names}


def read_text(path: Path, name: str) -> NDArray[np.str_]:
    """Column `name` as text [rows]; null is the empty text.

    Raises:
        InputError: the column is absent.
        DependencyError: pyarrow is not installed.
    """
    with _open(path) as file:
        return np.array(["" if value is None else str(value) for value in _column(path, file, name).to_pylist()], dtype=np.str_)


def _open(path: Path) -> Any:
    try:
        from pyarrow import parquet  # noqa: PLC0415 - an extra, needed by two formats only
    except ImportError as error:
        raise DependencyError(
            f"{path}: reading parquet needs pyarrow, which is not installed", advice="pip install 'tidegate[parquet]'"
        ) from error
    try:
        return parquet.ParquetFile(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors derive from these two
        raise InputError(f"{path}: cannot be read as parquet: {error}") from error


def _column(path: Path, file: Any, name: str) -> Any:
    if name not in file.schema_arrow.names:
        raise InputError(f"{path}: no column {name!r}, expected it among {', '.join(file.schema_arrow.names)}"[:600])
    try:
        return file.read([name]).column(0)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: column {name!r} cannot be read: {error}") from error


def _numbers(path: Path, file: Any, name: str) -> NDArray[np.float64]:
    column = _column(path, file, name)
    try:
        values = np.asarray(column.cast("float64", safe=False).to_numpy(), dtype=np.float64)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise InputError(f"{path}: column {name!r} is {column.type}, expected numbers") from error
    infinite = np.flatnonzero(np.isinf(values))
    if infinite.size:
        raise InputError(f"{path}: row {int(infinite[0]) + 1}: {name} is infinite, expected a finite number or null")
    return values
