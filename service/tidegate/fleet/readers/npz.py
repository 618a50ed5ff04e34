"""Arrays of an npz file, checked for kind and shape. Pickled objects are never loaded: they could run code."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import InputError


def read_array(path: Path, name: str, dimensions: int) -> NDArray[np.float64]:
    """Array `name` of `path` as float64; NaN stays.

    Raises:
        InputError: unreadable, absent, not numeric, of other dimensions, or with an infinity; names the array and the row.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            raw = archive[name]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: array {name!r} cannot be read: {error}") from error
    if raw.dtype.kind not in "fiub" or raw.ndim != dimensions:
        raise InputError(f"{path}: array {name!r} is {raw.dtype} {list(raw.shape)}, expected numbers in {dimensions} dimensions")
    values: NDArray[np.float64] = raw.astype(np.float64)
    infinite = np.argwhere(np.isinf(values))
    if infinite.size:
        raise InputError(f"{path}: array {name!r}, row {int(infinite[0][0])}: a value is infinite, expected finite numbers")
    return values
