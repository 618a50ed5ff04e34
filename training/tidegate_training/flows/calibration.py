"""From logits to probabilities that mean something, and to "none of the classes I know".

Temperature scaling (Guo et al. 2017) divides all logits by one number, so that no prediction changes. A row is called unknown
where the free energy of its logits (Liu et al. 2020) is below what the given share of known rows reaches.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

TEMPERATURES: Final = (0.05, 20.0)
"""Where the best temperature is sought; a network without errors on the rows given would want 0."""

BINS: Final = 15
"""Bins of the calibration error, as in the temperature paper."""


def log_softmax(logits: NDArray[np.floating]) -> Float64:
    """Logarithm of the softmax over the last axis, float64 of the same shape."""
    wide = np.asarray(logits, np.float64)
    return wide - energy(wide)[..., None]


def energy(logits: NDArray[np.floating]) -> Float64:
    """Logarithm of the sum of exponentials over the last axis: high where some class fits well."""
    wide = np.asarray(logits, np.float64)
    top: Float64 = wide.max(-1)
    total: Float64 = top + np.log(np.exp(wide - top[..., None]).sum(-1))
    return total


def negative_log_likelihood(logits: NDArray[np.floating], classes: Int64) -> float:
    """Mean cross-entropy in nats; NaN without rows."""
    if not len(classes):
        return float("nan")
    return float(-log_softmax(logits)[np.arange(len(classes)), classes].mean())


def best_temperature(logits: Float32, classes: Int64) -> float:
    """The temperature with the least cross-entropy, by golden section on its logarithm; 1 without rows.

    >>> best_temperature(np.array([[9.0, 0.0], [9.0, 0.0]], np.float32), np.array([0, 1]))
    20.0
    """
    if not len(classes):
        return 1.0
    low, high = np.log(TEMPERATURES)
    golden = (np.sqrt(5.0) - 1.0) / 2.0
    for _ in range(60):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if _loss(logits, classes, left) <= _loss(logits, classes, right):
            high = right
        else:
            low = left
    return round(float(np.exp((low + high) / 2.0)), 6)


def calibration_error(probabilities: Float64, classes: Int64) -> float:
    """Expected calibration error, 0 to 1: distance of confidence from accuracy over `BINS` bins of it; NaN without rows."""
    if not len(classes):
        return float("nan")
    confidence, right = probabilities.max(1), probabilities.argmax(1) == classes
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    rows = np.bincount(place, minlength=BINS)
    gap = np.bincount(place, confidence, BINS) - np.bincount(place, right, BINS)
    return float(np.abs(gap).sum() / rows.sum())


def known_limit(energies: Float64, known_share: float) -> float:
    """The energy that `known_share` (ratio) of known rows reach; minus infinity without rows: nothing is unknown then."""
    return float(np.quantile(energies, 1.0 - known_share)) if len(energies) else float("-inf")


def group_log_odds(log_likelihood: NDArray[np.floating], attacks: NDArray[np.bool_]) -> Float64:
    """Natural log-odds of attack against ordinary, [N], classes equally likely within each group and the groups even.

    `log_likelihood` [N, class] is the graph's, free of the training set's shares; whoever uses it adds their own prior.
    """
    wide = np.asarray(log_likelihood, np.float64)
    attack, ordinary = wide[:, attacks], wide[:, ~attacks]
    odds: Float64 = energy(attack) - np.log(attack.shape[1]) - energy(ordinary) + np.log(ordinary.shape[1])
    return odds


def _loss(logits: Float32, classes: Int64, log_temperature: float) -> float:
    return negative_log_likelihood(logits / np.exp(log_temperature), classes)
