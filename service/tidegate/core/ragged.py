"""Ragged runs: stretches of different lengths of one flat array, taken all at once."""

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]


def ragged(start: Int64, width: Int64) -> tuple[Int64, Int64]:
    """Owner and flat index, int64 each, of ragged runs: run i covers `start[i]` … `start[i] + width[i]` − 1."""
    owner = np.repeat(np.arange(len(width)), width)
    before = np.cumsum(width) - width
    return owner, np.arange(len(owner)) - np.repeat(before - start, width)
