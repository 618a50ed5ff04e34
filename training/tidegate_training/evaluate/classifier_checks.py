"""What macro-F1 does not say: the paper's own preparation, calibration, unknown classes, and what int8 costs and gains."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tidegate_training.evaluate.classification import RANDOM_STATES, block_split, macro_f1, random_split
from tidegate_training.evaluate.flow_table import Float64, FlowTable, Int64
from tidegate_training.evaluate.progress import Report
from tidegate_training.flows.calibration import calibration_error, energy, log_softmax, negative_log_likelihood
from tidegate_training.flows.classifier import DenseFlows, TrainedClassifier, train_classifier
from tidegate_training.flows.export import FlowSession, export_flow_graph, quantise, speed
from tidegate_training.flows.preparation import paper_rows
from tidegate_training.flows.settings import PAPER, FlowSettings

Figures = dict[str, Any]

PAPER_TEST_SHARE: Final = 0.2
LEAST_ROWS: Final = 50
"""Rows a class needs to be left out as the unknown one: a share of fewer says nothing."""

SILENT: Report = lambda *_: None  # noqa: E731  # a default, not a function to read


def paper_preparation(every: FlowTable, settings: FlowSettings = PAPER) -> tuple[Figures, Figures]:
    """The paper's way: all rows, duplicates and ports with them, split at random 80 to 20; and what its outlier rule removes."""
    seen = np.column_stack([every.features, every.identifiers])
    names = (*every.feature_names, *(f"identifier_{i}" for i in range(every.identifiers.shape[1])))
    kept = paper_rows(seen)
    rows, count = np.bincount(every.classes, minlength=len(every.class_names)), len(every.class_names)
    left = np.bincount(every.classes[kept], minlength=count)
    removed = {
        name: {"rows": int(rows[i]), "removed": int(rows[i] - left[i]), "removed_ratio": float(1.0 - left[i] / rows[i])}
        for i, name in enumerate(every.class_names)
    }
    features, classes = seen[kept], every.classes[kept]
    train, test = random_split(classes, settings.random_state, PAPER_TEST_SHARE)
    predicted = DenseFlows(names, count, settings).fit(features[train], classes[train]).predict(features[test])
    figures = {
        "rows": len(classes),
        "rows_removed_as_outliers": int((~kept).sum()),
        "accuracy": float((predicted == classes[test]).mean()),
        "macro_f1_of_classes_left": macro_f1(classes[test], predicted, count),
        "classes_left": int((left > 0).sum()),
        "classes": count,
    }
    return figures, removed


def calibration_and_int8(
    table: FlowTable, settings: FlowSettings, random_states: Sequence[int] = RANDOM_STATES, report: Report = SILENT
) -> tuple[Figures, Figures]:
    """On class blocks: calibration before and after the temperature; quality, speed and size of the graph in float32 and int8."""
    calibration, graphs = [], []
    for done, state in enumerate(random_states, 1):
        train, test = block_split(table.classes, state)
        trained = _train(table, train, replace(settings, random_state=state))
        calibration.append(_calibration(trained, table.features[test], table.classes[test]))
        graphs.append(_graphs(trained, table, train, test))
        report("calibration and int8", done, len(random_states))
    return _mean(calibration), {kind: _mean([one[kind] for one in graphs]) for kind in graphs[0]}


def unknown_classes(
    table: FlowTable, settings: FlowSettings, random_state: int = 0, report: Report = SILENT
) -> dict[str, Figures]:
    """Leave one class out of training, for each with enough rows: how many of its rows are called unknown, and of the others'."""
    rows = np.bincount(table.classes, minlength=len(table.class_names))
    chosen = [int(index) for index in np.flatnonzero(rows >= LEAST_ROWS)]
    found = {}
    for done, index in enumerate(chosen, 1):
        found[table.class_names[index]] = _left_out(table, index, replace(settings, random_state=random_state))
        report("classes left out", done, len(chosen))
    return found


def area_under_roc(positive: Float64, negative: Float64) -> float:
    """The chance that a score of `positive` is above one of `negative`, ties by half; NaN when either is empty."""
    if not len(positive) or not len(negative):
        return float("nan")
    order = np.sort(negative)
    below = np.searchsorted(order, positive, side="left") + np.searchsorted(order, positive, side="right")
    return float(below.mean() / (2.0 * len(negative)))


def _train(table: FlowTable, rows: Int64, settings: FlowSettings) -> TrainedClassifier:
    return train_classifier(table.features[rows], table.classes[rows], table.feature_names, len(table.class_names), settings)


def _calibration(trained: TrainedClassifier, features: Float64, classes: Int64) -> Figures:
    logits = trained.logits(features)
    tempered = logits / trained.temperature
    return {
        "temperature": trained.temperature,
        "error_before": calibration_error(np.exp(log_softmax(logits)), classes),
        "error_after": calibration_error(np.exp(log_softmax(tempered)), classes),
        "log_loss_before": negative_log_likelihood(logits, classes),
        "log_loss_after": negative_log_likelihood(tempered, classes),
    }


def _graphs(trained: TrainedClassifier, table: FlowTable, train: Int64, test: Int64) -> dict[str, Figures]:
    with TemporaryDirectory(prefix="tidegate-flows-") as folder:
        plain, small = Path(folder) / "model.onnx", Path(folder) / "int8.onnx"
        export_flow_graph(trained.graph(), table.features.shape[1], plain)
        quantise(plain, np.random.default_rng(0).permutation(table.features[train]), small)
        return {name: dict(_graph(path, table, test)) for name, path in (("float32", plain), ("int8", small))}


def _graph(path: Path, table: FlowTable, test: Int64) -> Iterator[tuple[str, float]]:
    session, records, classes = FlowSession(path), table.features[test], table.classes[test]
    predicted = session.run(records)[0].argmax(1).astype(np.int64)
    yield "macro_f1", macro_f1(classes, predicted, len(table.class_names))
    yield "accuracy", float((predicted == classes).mean())
    yield "records_per_second_batch_256", speed(session, records, 256)[0]
    yield "median_us_one_record", speed(session, records, 1)[1]
    yield "bytes", path.stat().st_size


def _left_out(table: FlowTable, index: int, settings: FlowSettings) -> Figures:
    train, test = block_split(table.classes, settings.random_state)
    others = [i for i in range(len(table.class_names)) if i != index]
    renumbered = np.full(len(table.class_names), -1)
    renumbered[others] = np.arange(len(others))
    train, test = train[table.classes[train] != index], test[table.classes[test] != index]
    trained = train_classifier(
        table.features[train], renumbered[table.classes[train]], table.feature_names, len(others), settings
    )
    stranger, known = trained.logits(table.features[table.classes == index]), trained.logits(table.features[test])
    surest, surest_known = (log_softmax(part).max(1) for part in (stranger, known))
    return {
        "rows": len(stranger),
        "called_unknown": _share(energy(stranger) < trained.known_limit),
        "known_rows_called_unknown": _share(energy(known) < trained.known_limit),
        "auroc_energy": area_under_roc(energy(known), energy(stranger)),
        "auroc_probability": area_under_roc(surest_known, surest),
    }


def _share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean())


def _mean(rows: Sequence[Figures]) -> Figures:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
