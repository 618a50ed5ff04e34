"""Weighted max-min fair shares: whoever asks less than its part gets what it asks, the others share the rest by weight.

Nobody can be given more without taking it from somebody who has, for its weight, no more (Bertsekas and Gallager, Data Networks,
1992, section 6.5.2, with weights). Gateways and resources are shared out each by itself.
"""

import numpy as np

from tidegate.core.allocation.arrays import Float64, Int64
from tidegate.core.allocation.together import starts


def shared_out(asked: Float64, weight: Float64, gateway: Int64, room: Float64) -> Float64:
    """The share of each device in the `room` of its gateway, float64 [device, resource].

    `asked` float64 [device, resource], at least 0; `weight` float64 [device], above 0; `gateway` int64 [device], none `NOWHERE`;
    `room` float64 [gateway, resource], infinite where unlimited and nothing where below 0.
    """
    share = asked.copy()
    for column in range(asked.shape[1]):
        wanted = np.bincount(gateway, weights=asked[:, column], minlength=len(room))
        short = np.flatnonzero((wanted > room[:, column])[gateway])
        short = short[np.argsort(gateway[short], kind="stable")]
        for rows in np.split(short, starts(gateway[short])[1:]) if len(short) else ():
            share[rows, column] = _max_min(asked[rows, column], weight[rows], max(0.0, room[gateway[rows[0]], column]))
    return share


def _max_min(asked: Float64, weight: Float64, room: float) -> Float64:
    """Least asked for its weight first: from the first whose part of what is left is less than it asks, all get that part."""
    order = np.argsort(asked / weight, kind="stable")
    left = room - (asked[order].cumsum() - asked[order])
    level = left / weight[order][::-1].cumsum()[::-1]
    falls_short = asked[order] > level * weight[order]
    return np.minimum(asked, max(0.0, level[np.argmax(falls_short)]) * weight) if falls_short.any() else asked
