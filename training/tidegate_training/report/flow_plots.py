"""The plots of a classifier's report: the figures of the DNN traffic paper. Draws what it is given."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tidegate_training.flows.fit import Curves
from tidegate_training.report.plots import image

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

SHOWN_UNITS: Final = 64
"""Units of a layer drawn at most."""


def curves(found: Curves) -> str:
    """Loss and accuracy by epoch, on the rows trained on and on those set apart (the paper's figures 3 and 4)."""
    figure = Figure(figsize=(8.0, 2.8), layout="constrained")
    for axes, name, seen, apart in zip(
        figure.subplots(1, 2),
        ("accuracy", "cross-entropy, nats"),
        (found.accuracy, found.loss),
        (found.apart_accuracy, found.apart_loss),
        strict=True,
    ):
        epochs = np.arange(1, len(seen) + 1)
        axes.plot(epochs, seen, label="trained on")
        if apart:
            axes.plot(epochs, apart, label="set apart")
        axes.set(xlabel="epoch", ylabel=name)
        axes.legend(frameon=False)
    return image(figure, "accuracy and loss by epoch")


def confusion(truth: Int64, predicted: Int64, names: Sequence[str]) -> str:
    """The confusion matrix (figure 5): shares of each true class, with counts."""
    counts = np.bincount(truth * len(names) + predicted, minlength=len(names) ** 2).reshape(len(names), -1)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure = Figure(figsize=(1.8 + 0.5 * len(names), 1.2 + 0.42 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.argwhere(counts > 0):
        dark = shares[row, column] > 0.5
        axes.text(column, row, counts[row, column], ha="center", va="center", fontsize=6, color="white" if dark else "black")
    axes.set_xticks(range(len(names)), names, rotation=70, ha="right", fontsize=6)
    axes.set_yticks(range(len(names)), names, fontsize=6)
    axes.set(xlabel="said", ylabel="true")
    return image(figure, "confusion matrix")


def distribution(truth: Int64, predicted: Int64, names: Sequence[str]) -> str:
    """How often each class is there and how often it is said (the distribution of predictions), on a logarithmic axis."""
    figure = Figure(figsize=(6.4, 2.8), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(names))
    for shift, values, label in ((-0.2, truth, "true"), (0.2, predicted, "said")):
        axes.bar(places + shift, np.bincount(values, minlength=len(names)), 0.4, label=label)
    axes.set_yscale("symlog", linthresh=1)
    axes.set_xticks(places, names, rotation=70, ha="right", fontsize=6)
    axes.set_ylabel("records")
    axes.legend(frameon=False)
    return image(figure, "distribution of predictions")


def roc_by_class(probabilities: Float64, truth: Int64, names: Sequence[str]) -> str:
    """The ROC curve of each class against all others (figure 7), with the area under it; none for classes without rows."""
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    for index in np.unique(truth):
        right, wrong = roc(probabilities[:, index], truth == index)
        axes.plot(wrong, right, linewidth=1, label=f"{names[index]}, {np.trapezoid(right, wrong):.3f}")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    axes.set(xlabel="false positives, ratio", ylabel="true positives, ratio")
    axes.legend(fontsize=6, frameon=False)
    return image(figure, "ROC curve of each class")


def roc(scores: Float64, positive: NDArray[np.bool_]) -> tuple[Float64, Float64]:
    """True and false positive rates over all thresholds, from (0, 0) to (1, 1); equal scores move together."""
    order = np.argsort(-scores, kind="stable")
    hits = positive[order]
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    right, wrong = np.cumsum(hits)[ends], np.cumsum(~hits)[ends]
    return np.append(0.0, right / max(hits.sum(), 1)), np.append(0.0, wrong / max((~hits).sum(), 1))


def values(inputs: NDArray[np.float32], raw: Float64) -> str:
    """Values of all amounts before and after preparation (figure 2): why three sigma of the raw ones is no measure."""
    figure = Figure(figsize=(8.0, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    deviation = raw.std(0)
    left.hist(np.ravel((raw - raw.mean(0)) / np.where(deviation > 0, deviation, 1.0)), bins=80)
    left.set(xlabel="deviations, as measured", ylabel="values", yscale="log")
    right.hist(np.ravel(inputs), bins=80)
    right.set(xlabel="as the network sees them", yscale="log")
    return image(figure, "distribution of values")


def loss_by_size(found: Mapping[int, float]) -> str:
    """Cross-entropy on records set apart against the rows trained on (figure 8)."""
    figure = Figure(figsize=(5.0, 2.8), layout="constrained")
    axes = figure.subplots()
    axes.plot(list(found), list(found.values()), marker="o")
    axes.set(xscale="log", xlabel="rows trained on", ylabel="cross-entropy, nats")
    return image(figure, "loss against data size")


def activations(layers: Sequence[NDArray[np.float32]], truth: Int64, names: Sequence[str]) -> str:
    """Mean activation of each unit by class, a panel per layer (figure 9); dark is more, each panel on its own scale."""
    figure = Figure(figsize=(8.0, 1.0 + 0.14 * len(names) * len(layers)), layout="constrained")
    present = np.unique(truth)
    for place, (axes, layer) in enumerate(zip(np.ravel(figure.subplots(len(layers), 1)), layers, strict=True)):
        means = np.stack([layer[truth == index].mean(0) for index in present])[:, :SHOWN_UNITS]
        axes.imshow(means, cmap="Greys", aspect="auto")
        axes.set_yticks(range(len(present)), [names[index] for index in present], fontsize=4)
        axes.set_title("logits" if place == len(layers) - 1 else f"dense layer {place + 1}", fontsize=7)
    return image(figure, "activations by layer")


def accuracy_by_latency(found: Mapping[str, tuple[float, float]]) -> str:
    """Macro-F1 on the rows trained on against the time one record takes, microseconds, by graph: what int8 costs and gains."""
    figure = Figure(figsize=(4.6, 2.8), layout="constrained")
    axes = figure.subplots()
    for name, (score, took) in found.items():
        axes.plot([took], [score], "o", label=name)
    axes.set(xlabel="time of one record, µs", ylabel="macro-F1, rows trained on")
    axes.legend(frameon=False)
    return image(figure, "macro-F1 against latency")
