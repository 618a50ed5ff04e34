"""Training a classifier of flow records from a table to something that answers: preparation, calibration, network.

The rows set apart for calibration are contiguous stretches of the train part. What is found on them (temperature, limit of the
known) is kept; the network is then trained again on every row, since the rarest classes have a handful.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tidegate.errors import InputError
from tidegate_training.evaluate.classification import block_split
from tidegate_training.flows.calibration import best_temperature, energy, known_limit, log_softmax
from tidegate_training.flows.fit import Curves, OnEpoch, fit_network, logits_of
from tidegate_training.flows.imbalance import class_weights
from tidegate_training.flows.preparation import Preparation, learn_preparation
from tidegate_training.flows.settings import FlowSettings
from tidegate_training.models.flow_classifier import DenseClassifier, FlowGraph

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Apart:
    """The rows set apart, as the first network saw them: `logits` float32 [N, class] and `classes` int64 [N]."""

    logits: Float32
    classes: Int64


@dataclass(frozen=True, slots=True, eq=False)
class TrainedClassifier:
    """A network with all that surrounds it. `curves` and `apart` are of the first training, `log_prior` [class] of the shares."""

    preparation: Preparation
    network: DenseClassifier
    temperature: float
    known_limit: float
    log_prior: Float32
    curves: Curves
    apart: Apart

    def logits(self, features: Float64) -> Float32:
        """Raw logits float32 [N, class] of records as measured, float64 [N, F]."""
        return logits_of(self.network, self.preparation.apply(features))

    def probabilities(self, features: Float64) -> Float64:
        """Tempered probabilities float64 [N, class]."""
        return np.exp(log_softmax(self.logits(features) / self.temperature))

    def unknown(self, features: Float64) -> Bool:
        """Which records fit none of the classes, bool [N]."""
        return np.asarray(energy(self.logits(features)) < self.known_limit)

    def graph(self) -> FlowGraph:
        """All of it as one module, for export."""
        return FlowGraph(self.network, self.preparation, self.temperature, torch.from_numpy(self.log_prior)).eval()


def train_classifier(
    features: Float64,
    classes: Int64,
    names: Sequence[str],
    count: int,
    settings: FlowSettings,
    on_epoch: OnEpoch = lambda *_: None,
) -> TrainedClassifier:
    """Train on records float64 [N, F] of `names` and class indices below `count`; `on_epoch(done, of)` over both trainings.

    Raises:
        InputError: no rows, or rows of one class only: there is nothing to tell apart.
    """
    check_classes(classes)
    kept, apart = block_split(classes, settings.random_state, settings.calibration_share)
    preparation = learn_preparation(features[kept], names, settings)
    aside = preparation.apply(features[apart]), classes[apart]
    first, curves = fit_network(
        preparation.apply(features[kept]),
        classes[kept],
        count,
        settings,
        aside,
        lambda done, of: on_epoch(done, 2 * of),
    )
    logits = logits_of(first, aside[0])
    preparation = learn_preparation(features, names, settings)
    network, _ = fit_network(
        preparation.apply(features), classes, count, settings, on_epoch=lambda done, of: on_epoch(of + done, 2 * of)
    )
    return TrainedClassifier(
        preparation,
        network,
        best_temperature(logits, aside[1]),
        known_limit(energy(logits), settings.known_share),
        log_shares(classes, count, settings),
        curves,
        Apart(logits, aside[1]),
    )


def check_classes(classes: Int64) -> None:
    """Refuse what no classifier can be trained on.

    Raises:
        InputError: no rows, or one class only.
    """
    if not len(classes):
        raise InputError("there are no flow records, expected rows of at least two classes")
    if len(np.unique(classes)) < 2:
        raise InputError(
            f"all {len(classes)} flow records are of one class, expected at least two",
            advice="add records of other classes; for unlabelled or one-class data use a forecaster",
        )


def log_shares(classes: Int64, count: int, settings: FlowSettings) -> Float32:
    """Logarithm of each class's share as the loss weighed it, float32 [count]; a class without rows counts as one row."""
    rows = np.maximum(np.bincount(classes, minlength=count), 1.0)
    weighed = np.ones(count) if settings.imbalance == "smote" else rows * class_weights(classes, count, settings.imbalance)
    logarithms: Float32 = np.log(weighed / weighed.sum()).astype(np.float32)
    return logarithms


class DenseFlows:
    """The network as evaluation drives every classifier: fitted once, then asked."""

    def __init__(self, names: Sequence[str], count: int, settings: FlowSettings) -> None:
        self._names, self._count, self._settings = names, count, settings

    def fit(self, features: Float64, classes: Int64) -> "DenseFlows":
        """Train the network once, on all rows; calibration changes no prediction and is left out.

        Raises:
            InputError: no rows, or one class only.
        """
        check_classes(classes)
        self._preparation = learn_preparation(features, self._names, self._settings)
        self._network, self.curves = fit_network(self._preparation.apply(features), classes, self._count, self._settings)
        return self

    def predict(self, features: Float64) -> Int64:
        """The likeliest class of each row."""
        return np.asarray(logits_of(self._network, self._preparation.apply(features)).argmax(1), np.int64)
