"""Declustering of a score: within one episode, only a reading rarer than all before it keeps its score.

A benchmark that charges every row above a threshold would charge one fault many times; a service speaks once. Thresholding
what is left here is what an alarm policy does that opens an anomaly, and speaks again only when it gets worse. Causal.
"""

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


def records(score: Float64, *, floor: float, close_after: int) -> Float64:
    """`score` [T] where it is the highest of its episode so far, −inf elsewhere.

    An episode begins with a score at or above `floor` and ends after `close_after` readings in a row below it; outside
    episodes nothing is left out. NaN (no score) ends no episode and stays NaN.

    >>> records(np.array([0.1, 3.0, 2.5, 4.0, 0.0, 0.0, 2.5]), floor=2.0, close_after=2).tolist()
    [0.1, 3.0, -inf, 4.0, -inf, 0.0, 2.5]
    """
    kept = score.copy()
    inside, calm, highest = False, 0, -np.inf
    for row, value in enumerate(score.tolist()):
        if value != value:  # noqa: PLR0124  # NaN
            continue
        calm = 0 if value >= floor else calm + 1
        inside = calm == 0 or (inside and calm < close_after)
        if not inside:
            highest = -np.inf
        elif value > highest:
            highest = value
        else:
            kept[row] = -np.inf
    return kept
