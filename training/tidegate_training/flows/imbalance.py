"""Rare classes: weights for the loss, or synthetic rows (SMOTE, Chawla et al. 2002), always of the train part alone."""

import numpy as np
from numpy.typing import NDArray

from tidegate_training.flows.settings import Imbalance

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]

NEIGHBOURS = 5
"""Neighbours a synthetic row may lie towards, as in the SMOTE paper."""


def class_weights(classes: Int64, count: int, imbalance: Imbalance) -> Float32:
    """Weight of each of `count` classes, float32, mean 1 over rows; 1 for a class without rows."""
    rows = np.bincount(classes, minlength=count)
    if imbalance not in ("weights", "root-weights"):
        return np.ones(count, np.float32)
    weights = np.maximum(rows, 1.0) ** (-1.0 if imbalance == "weights" else -0.5)
    weights = np.where(rows > 0, weights * len(classes) / (weights * rows).sum(), 1.0)
    return weights.astype(np.float32)


def smote(inputs: Float32, classes: Int64, random_state: int) -> tuple[Float32, Int64]:
    """Add rows until every class has as many as the commonest, each between a row and one of its nearest of the same class.

    A class with a single row has no neighbours and is repeated. Works in the network's own inputs, float32 [N, W].
    """
    random = np.random.default_rng(random_state)
    rows = np.bincount(classes)
    made, labels = [inputs], [classes]
    for index in np.flatnonzero((rows > 0) & (rows < rows.max())):
        made.append(_between(inputs[classes == index], int(rows.max() - rows[index]), random))
        labels.append(np.full(len(made[-1]), index))
    return np.concatenate(made), np.concatenate(labels)


def _between(members: Float32, wanted: int, random: np.random.Generator) -> Float32:
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415  # an extra, and only for this option

    first = random.integers(len(members), size=wanted)
    if len(members) == 1:
        return members[first]
    count = min(NEIGHBOURS, len(members) - 1)
    nearest = NearestNeighbors(n_neighbors=count + 1).fit(members).kneighbors(members, return_distance=False)[:, 1:]
    second = nearest[first, random.integers(count, size=wanted)]
    share = random.random((wanted, 1), np.float32)
    between: Float32 = members[first] + share * (members[second] - members[first])
    return between
