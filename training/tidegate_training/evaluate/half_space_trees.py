"""Half-space trees (Tan, Ting and Liu, IJCAI 2011): how few of the last window's readings fell where this one falls.

The paper's algorithm, for all readings of a window at once; `river` has it too, one reading and one tree at a time. A forest of
full trees cuts the train part's range, widened at random, at midpoints of random metrics; each window of readings is scored
by the masses that the window before it left in the nodes.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

TREES: Final = 25
"""The paper's `t`."""

DEPTH: Final = 15
"""Cuts from the root to a leaf; the paper's `maxDepth`."""

WINDOW: Final = 250
"""Readings a mass profile is learned from; the paper's ψ."""

SIZE_LIMIT: Final = 0.1 * WINDOW
"""Mass at or below which a node is asked no further; the paper's."""


class HalfSpaceTrees:
    """Surprise is minus the logarithm of the paper's score (masses, each times 2 to its node's depth, summed over trees)."""

    def __init__(self, train: Float64, random_state: int = 0) -> None:
        low, high = np.nan_to_num(np.fmin.reduce(train, axis=0)), np.nan_to_num(np.fmax.reduce(train, axis=0))
        self._low, self._span = low, np.where(high > low, high - low, 1.0)
        self._middle = np.nanmean(np.where(np.isnan(train).all(axis=0), 0.0, train), axis=0)
        self._trees = _forest(train.shape[1], random_state)

    def score(self, values: Float64) -> Float64:
        """The first window has no profile before it and gets the lowest surprise; a missing metric counts as its mean."""
        place = (np.where(np.isnan(values), self._middle, values) - self._low) / self._span
        total = np.zeros(len(values))
        for tree in self._trees:
            total += tree.masses(place)
        surprise = -np.log(total + 1.0)
        surprise[:WINDOW] = -np.log(TREES * WINDOW * 2.0**DEPTH + 1.0)
        return np.where(np.isnan(values).all(axis=1), np.nan, surprise)


@lru_cache(maxsize=8)
def _forest(metrics: int, random_state: int) -> list["_Tree"]:
    """The trees do not depend on the readings: made once for all devices with as many metrics."""
    random = np.random.default_rng(random_state)
    return [_Tree(metrics, random) for _ in range(TREES)]


class _Tree:
    """A full binary tree over the range 0 to 1 of each metric, widened as the paper does around a random centre."""

    def __init__(self, metrics: int, random: np.random.Generator) -> None:
        centre = random.random(metrics)
        reach = 2 * np.maximum(centre, 1 - centre)
        nodes = 2**DEPTH - 1
        self._metric = random.integers(0, metrics, nodes)
        self._cut = np.empty(nodes)
        low, high = {0: centre - reach}, {0: centre + reach}
        for node in range(nodes):
            below, above = low.pop(node), high.pop(node)
            metric = self._metric[node]
            cut = self._cut[node] = (below[metric] + above[metric]) / 2
            if 2 * node + 1 < nodes:
                left_high, right_low = above.copy(), below.copy()
                left_high[metric] = right_low[metric] = cut
                low[2 * node + 1], high[2 * node + 1] = below, left_high
                low[2 * node + 2], high[2 * node + 2] = right_low, above

    def masses(self, place: Float64) -> Float64:
        """What this tree adds to the score of each row [T]: the mass of the first small node on its way, times 2 to its depth."""
        way = self._ways(place)
        mass = np.zeros(2 ** (DEPTH + 1) - 1)
        added = np.zeros(len(place))
        for start in range(0, len(place), WINDOW):
            here = way[start : start + WINDOW]
            if start:
                met = mass[here]
                depth = np.argmax((met <= SIZE_LIMIT) | (np.arange(DEPTH + 1) == DEPTH), axis=1)
                added[start : start + WINDOW] = met[np.arange(len(here)), depth] * 2.0**depth
            mass = np.bincount(here.ravel(), minlength=len(mass)).astype(np.float64)
        return added

    def _ways(self, place: Float64) -> Int64:
        """Nodes from the root to the leaf, int64 [T, DEPTH + 1]."""
        way = np.zeros((len(place), DEPTH + 1), np.int64)
        rows = np.arange(len(place))
        for depth in range(DEPTH):
            node = way[:, depth]
            right = place[rows, self._metric[node]] >= self._cut[node]
            way[:, depth + 1] = 2 * node + 1 + right
        return way
