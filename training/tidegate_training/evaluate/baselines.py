"""The rivals every figure stands beside: simple, causal detectors that give one raw surprise per reading.

Each is fitted on a device's train part and then scores reading by reading from that reading and earlier ones only. One
rule for many metrics: the surprise of a reading is the mean square over its observed metrics, each clipped, so that one
wild sensor cannot drown the rest; NaN when nothing was observed. They share one alarm rule (`alarm_threshold`), with the
budget and the declustering of the service's own policy, so nobody wins by being allowed more alarms.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tidegate_training.evaluate.events import SECONDS_PER_DAY, alarm_spans
from tidegate_training.evaluate.half_space_trees import HalfSpaceTrees

Float64 = NDArray[np.float64]

CLIP: Final = 20.0
"""Standard deviations beyond which a metric is no more surprising (spec: detection quality, rule 3, PCA's clip)."""

EWMA_WEIGHT: Final = 0.05
"""Weight of the newest reading in the running mean and variance; a memory of about 39 readings."""

AR_ORDER: Final = 8
"""Earlier readings an autoregression looks at (spec: detection quality, AR(8))."""

EXPLAINED_VARIANCE: Final = 0.9
"""Share of the train part's variance that PCA's components keep (spec: detection quality, rule 3)."""

_FLOOR: Final = 1e-4
"""Smallest standard deviation, as a share of the train part's range or of 1: a constant metric must not divide by zero."""


class Baseline(Protocol):
    """A detector fitted on a train part. `score` gives the surprise of each row of `values` [T, M] as float64 [T].

    Row t depends on rows 0 to t only. `values` starts with the train part's rows, so expanding and running statistics
    have their history.
    """

    def score(self, values: Float64) -> Float64:
        """Surprise per row, greater is more surprising; NaN where nothing was observed."""
        ...


class RandomGuess:
    """A coin: surprise uniform on 0 to 1. What any detector must beat."""

    def __init__(self, train: Float64, random_state: int = 0) -> None:
        self._random_state = random_state

    def score(self, values: Float64) -> Float64:
        """Uniform numbers; the same for the same random state and length."""
        return np.random.default_rng(self._random_state).random(len(values))


class RangeCheck:
    """How far a value lies outside everything seen so far, as a share of the range seen so far."""

    def __init__(self, train: Float64) -> None:
        self._floor = np.maximum(_floor(train), np.finfo(np.float64).tiny)

    def score(self, values: Float64) -> Float64:
        """Expanding range over the whole past, train part included; the first row has no past and scores 0."""
        low = np.fmin.accumulate(values, axis=0)[:-1]
        high = np.fmax.accumulate(values, axis=0)[:-1]
        beyond = np.maximum(values[1:] - high, low - values[1:])
        share = np.clip(beyond / np.maximum(high - low, self._floor), 0.0, CLIP)
        return np.concatenate([[0.0], mean_observed(share**2)])


class Ewma:
    """Distance from an exponentially weighted mean in exponentially weighted standard deviations."""

    def __init__(self, train: Float64) -> None:
        self._floor = _floor(train)
        self._mean, self._scale = _centre(train)

    def score(self, values: Float64) -> Float64:
        """Score first, then update; a missing metric leaves its mean and variance as they were."""
        mean, variance = self._mean, self._scale**2
        surprise = np.empty_like(values)
        for index, row in enumerate(values):
            distance = row - mean
            surprise[index] = np.abs(distance) / np.maximum(np.sqrt(variance), self._floor)
            step = np.where(np.isnan(distance), 0.0, distance)
            weight = np.where(np.isnan(distance), 0.0, EWMA_WEIGHT)
            mean = mean + weight * step
            variance = (1 - weight) * (variance + weight * step**2)
        return mean_observed(np.minimum(surprise, CLIP) ** 2)


class Autoregression:
    """Error of each metric's own autoregression by least squares, in standard deviations of its error on the train part."""

    def __init__(self, train: Float64) -> None:
        self._mean, self._scale = _centre(train)
        self._weights = [_least_squares(column) for column in _standard(train, self._mean, self._scale).T]
        self._error = np.maximum(_spread(self._residual(train)), _FLOOR)

    def score(self, values: Float64) -> Float64:
        """Standardised error; the first rows, with too short a past, score 0."""
        return mean_observed(np.minimum(np.abs(self._residual(values)) / self._error, CLIP) ** 2)

    def _residual(self, values: Float64) -> Float64:
        standard = _standard(values, self._mean, self._scale)
        expected = np.stack([_lags(column) @ weights for column, weights in zip(standard.T, self._weights, strict=True)], axis=1)
        residual = standard - expected
        residual[:AR_ORDER] = 0.0
        return np.where(np.isnan(values), np.nan, residual)


class PrincipalComponents:
    """Reconstruction error from the train part's principal components: what the metrics do not usually do together."""

    def __init__(self, train: Float64) -> None:
        self._mean, self._scale = _centre(train)
        _, strength, axes = np.linalg.svd(_standard(train, self._mean, self._scale), full_matrices=False)
        explained = np.cumsum(strength**2) / max(float(np.sum(strength**2)), np.finfo(np.float64).tiny)
        self._axes = axes[: int(np.searchsorted(explained, EXPLAINED_VARIANCE)) + 1]

    def score(self, values: Float64) -> Float64:
        """Reconstruction error; a single metric has nothing to be reconstructed from and scores its distance from the mean."""
        standard = _standard(values, self._mean, self._scale)
        error = standard if values.shape[1] == 1 else standard - (standard @ self._axes.T) @ self._axes
        return mean_observed(np.where(np.isnan(values), np.nan, error**2))


class RandomPartitions:
    """Isolation forest (scikit-learn; 100 trees of 256 rows): how few random cuts set a reading apart from the train part."""

    def __init__(self, train: Float64) -> None:
        from sklearn.ensemble import IsolationForest  # noqa: PLC0415  # an extra; the commands check for it

        self._mean, self._scale = _centre(train)
        self._forest = IsolationForest(n_estimators=100, max_samples=min(256, len(train)), random_state=0)
        self._forest.fit(_standard(train, self._mean, self._scale))

    def score(self, values: Float64) -> Float64:
        """Minus scikit-learn's score; a missing metric counts as its mean."""
        surprise = -self._forest.score_samples(_standard(values, self._mean, self._scale))
        return np.where(np.isnan(values).all(axis=1), np.nan, surprise)


ALWAYS_ALARM: Final = "always-alarm"
"""Opens an alarm at every reading: every event found, and what that costs. It ranks nothing, so its surprise is constant."""

BASELINES: Final[dict[str, Callable[[Float64], Baseline]]] = {
    "random": RandomGuess,
    "range check": RangeCheck,
    "EWMA": Ewma,
    "AR": Autoregression,
    "PCA": PrincipalComponents,
    "isolation forest": RandomPartitions,
    "half-space trees": HalfSpaceTrees,
}
"""Baselines by the name figures use, each fitted by calling it with a train part float64 [T, M]."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one detector said about one series, or its test part: raw `surprise` [T] and the readings `alarms` opened at.

    `ends` are the readings at which they had closed again, one for each; none where nobody asked.
    `rarity` [T] is what alarms go by, calibrated (Tidegate: −log10 p; NaN where not judged); None where that is the surprise
    itself. `threshold` is the one it is held against; NaN where there is none.
    """

    surprise: Float64
    alarms: list[int]
    rarity: Float64 | None = None
    threshold: float = np.nan
    ends: tuple[int, ...] = ()


def judge(name: str, values: Float64, train_rows: int, *, interval_seconds: float, budget: float, close_after: int) -> Judgement:
    """Fit the baseline `name` on the first `train_rows` rows of `values` [T, M] and judge the rest.

    `budget` is alarms per device-day; the threshold that spends it is set on the later half of the train part, where
    running statistics have a past, and not touched again.
    """
    surprise = surprise_of(name, values, train_rows)
    return judge_surprise(name, surprise, train_rows, interval_seconds=interval_seconds, budget=budget, close_after=close_after)


def surprise_of(name: str, values: Float64, train_rows: int) -> Float64:
    """Surprise [T] of the baseline `name`, fitted on the first `train_rows` of `values` [T, M]; the costly half of `judge`."""
    return np.zeros(len(values)) if name == ALWAYS_ALARM else BASELINES[name](values[:train_rows]).score(values)


def judge_surprise(
    name: str, surprise: Float64, train_rows: int, *, interval_seconds: float, budget: float, close_after: int
) -> Judgement:
    """The cheap half of `judge`: the threshold, and what is above it in the test part of `surprise` [T]."""
    if name == ALWAYS_ALARM:
        length = len(surprise) - train_rows
        return Judgement(np.zeros(length), list(range(length)), ends=tuple(range(1, length + 1)))
    settled = surprise[train_rows // 2 : train_rows]
    days = len(settled) * interval_seconds / SECONDS_PER_DAY
    threshold = alarm_threshold(settled, allowed=int(budget * days), close_after=close_after)
    spans = alarm_spans(surprise[train_rows:], threshold, close_after=close_after)
    opened, ends = [span.start for span in spans], tuple(span.end for span in spans)
    return Judgement(surprise[train_rows:], opened, threshold=threshold, ends=ends)


def alarm_threshold(surprise: Float64, *, allowed: int, close_after: int) -> float:
    """The threshold that at most `allowed` alarms exceed on `surprise` [T]: the greatest peak left once those are taken.

    A peak takes the `close_after` readings on both sides with it, as an open alarm would. Infinite when nothing is left.
    """
    left = np.nan_to_num(surprise, nan=-np.inf)
    for _ in range(allowed):
        peak = int(np.argmax(left))
        left[max(peak - close_after, 0) : peak + close_after + 1] = -np.inf
    threshold = float(left.max(initial=-np.inf))
    return threshold if np.isfinite(threshold) else np.inf


def mean_observed(surprise: Float64) -> Float64:
    """Mean over the metrics that are not NaN, [T]; NaN where all are."""
    observed = ~np.isnan(surprise)
    total = np.where(observed, surprise, 0.0).sum(axis=1)
    count = observed.sum(axis=1)
    mean: Float64 = np.divide(total, count, out=np.full(len(surprise), np.nan), where=count > 0)
    return mean


def _mean(train: Float64) -> Float64:
    """Mean per metric; 0 where nothing was observed."""
    return np.nan_to_num(mean_observed(train.T))


def _centre(train: Float64) -> tuple[Float64, Float64]:
    """Mean and standard deviation per metric, the latter never zero."""
    mean = _mean(train)
    return mean, np.maximum(_spread(train - mean), _floor(train))


def _standard(values: Float64, mean: Float64, scale: Float64) -> Float64:
    """`values` in train standard deviations, clipped; a missing value counts as the mean."""
    return np.clip(np.nan_to_num((values - mean) / scale), -CLIP, CLIP)


def _spread(centred: Float64) -> Float64:
    return np.sqrt(_mean(centred**2))


def _floor(train: Float64) -> Float64:
    """Smallest believable standard deviation per metric: a share of its range, or of 1 where it never moved."""
    span = np.nan_to_num(np.fmax.reduce(train, axis=0) - np.fmin.reduce(train, axis=0))
    return _FLOOR * np.where(span > 0, span, 1.0)


def _lags(column: Float64) -> Float64:
    """The `AR_ORDER` earlier values of each row and a constant, [T, AR_ORDER + 1]; zeros before the start."""
    padded = np.concatenate([np.zeros(AR_ORDER), column])
    past = np.lib.stride_tricks.sliding_window_view(padded, AR_ORDER)[: len(column)]
    return np.concatenate([past, np.ones((len(column), 1))], axis=1)


def _least_squares(column: Float64) -> Float64:
    weights: Float64 = np.linalg.lstsq(_lags(column)[AR_ORDER:], column[AR_ORDER:], rcond=None)[0].astype(np.float64)
    return weights
