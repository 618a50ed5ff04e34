"""Training the network: batches in a drawn order, Adam, cross-entropy, and the curves a report shows."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from tidegate_training.flows.imbalance import class_weights, smote
from tidegate_training.flows.settings import FlowSettings
from tidegate_training.models.flow_classifier import DenseClassifier

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
OnEpoch = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Curves:
    """Loss and accuracy by epoch, on the rows trained on and, where there are any, on rows set apart; dropout is off for both."""

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    apart_loss: list[float] = field(default_factory=list)
    apart_accuracy: list[float] = field(default_factory=list)


def fit_network(
    inputs: Float32,
    classes: Int64,
    count: int,
    settings: FlowSettings,
    apart: tuple[Float32, Int64] | None = None,
    on_epoch: OnEpoch = lambda *_: None,
) -> tuple[DenseClassifier, Curves]:
    """Train a network of `count` classes on prepared `inputs` float32 [N, W]; `on_epoch(done, of)` after each epoch.

    Unweighted loss is drawn, whatever the training weighs: curves of different settings can be compared. Deterministic: same
    arguments and library, same weights. Leaves torch's global generator as it was.
    """
    weights = torch.from_numpy(class_weights(classes, count, settings.imbalance))
    seen = smote(inputs, classes, settings.random_state) if settings.imbalance == "smote" else (inputs, classes)
    rows, targets = torch.from_numpy(seen[0]), torch.from_numpy(np.asarray(seen[1], np.int64))
    curves = Curves()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.random_state)
        network = DenseClassifier(inputs.shape[1], settings.hidden, count, settings.dropout)
        optimiser = torch.optim.Adam(network.parameters(), settings.learning_rate)
        for epoch in range(settings.epochs):
            network.train()
            for index in torch.split(torch.randperm(len(rows)), settings.batch):
                loss = functional.cross_entropy(network(rows[index]), targets[index], weights)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
                optimiser.step()
            _note(network, (inputs, classes), curves.loss, curves.accuracy)
            if apart is not None:
                _note(network, apart, curves.apart_loss, curves.apart_accuracy)
            on_epoch(epoch + 1, settings.epochs)
    return network.eval(), curves


def logits_of(network: DenseClassifier, inputs: Float32) -> Float32:
    """Logits float32 [N, class], dropout off."""
    with torch.no_grad():
        found: Float32 = network.eval()(torch.from_numpy(inputs)).numpy()
    return found


def _note(network: DenseClassifier, part: tuple[Float32, Int64], losses: list[float], accuracies: list[float]) -> None:
    logits, targets = torch.from_numpy(logits_of(network, part[0])), torch.from_numpy(part[1])
    losses.append(float(functional.cross_entropy(logits, targets)))
    accuracies.append(float((logits.argmax(1) == targets).float().mean()))
