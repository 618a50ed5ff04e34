"""Metrics that fall out: whole stretches of a lane in which a joint forecaster has to do without some of its metrics."""

import numpy as np
from numpy.typing import NDArray


def dropped(cells: int, metrics: int, ratio: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return bool [cells, metrics], where a metric is out: in half of the lanes, each metric with probability `ratio`, once.

    A stretch may begin before the lane or end after it: some metrics are out from the start, some to the end, some for ever.
    """
    out = np.zeros((cells, metrics), bool)
    if rng.random() < 0.5:
        for metric in np.flatnonzero(rng.random(metrics) < ratio):
            start, stop = np.sort(rng.integers(-cells, 2 * cells, 2)).tolist()
            out[max(start, 0) : max(stop, 0), metric] = True
    return out
