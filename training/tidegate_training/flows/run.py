"""From flow records to a bundle: train, calibrate, export twice, judge on records set apart, write manifest and report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from tidegate.errors import InputError
from tidegate.fleet.readers.rt_iot2022 import NORMAL
from tidegate_training.bundle import MODEL, REPORT
from tidegate_training.evaluate.classification import block_split, f1_by_class, macro_f1
from tidegate_training.evaluate.flow_table import FlowTable
from tidegate_training.flows.bundle import INT8, write_flow_manifest
from tidegate_training.flows.calibration import calibration_error, log_softmax, negative_log_likelihood
from tidegate_training.flows.classifier import TrainedClassifier, check_classes, train_classifier
from tidegate_training.flows.export import FlowSession, batch_differences, export_flow_graph, largest_difference, quantise, speed
from tidegate_training.flows.fit import fit_network, logits_of
from tidegate_training.flows.preparation import learn_preparation
from tidegate_training.flows.settings import FlowSettings
from tidegate_training.report.flow_page import Judged, write_flow_report

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Report = Callable[[str, int, int], None]

NAME: Final = "flows"

SIZES: Final = (0.1, 0.3, 1.0)
"""Shares of the rows for the figure of loss against data size."""

PROBED: Final = 256
"""Records looked at one by one: whether a result depends on its batch."""


@dataclass(frozen=True, slots=True)
class Order:
    """Where the bundle goes, under which version, by which command, and which classes are no attack."""

    folder: Path
    version: str
    command: str
    normal: Sequence[str] = NORMAL


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """The table's rows: `kept` and `apart`, as `train_classifier` splits them."""

    kept: Int64
    apart: Int64


def train_flows(table: FlowTable, settings: FlowSettings, order: Order, report: Report = lambda *_: None) -> None:
    """Train on all of `table` and write the bundle; `report(what, done, of)` as it goes.

    Raises:
        InputError: no rows, one class only, or a class that is only normal or only attack for want of the other.
    """
    check_classes(table.classes)
    _check_groups(table.class_names, order.normal)
    torch.set_num_threads(1)
    count = len(table.class_names)
    trained = train_classifier(
        table.features, table.classes, table.feature_names, count, settings, lambda done, of: report("epochs", done, of)
    )
    parts = _Parts(*block_split(table.classes, settings.random_state, settings.calibration_share))
    order.folder.mkdir(parents=True, exist_ok=True)
    graphs = _export(trained, table, parts, order.folder)
    report("exported", 1, 1)
    figures = _figures(trained, table, parts, graphs)
    manifest = write_flow_manifest(
        order.folder,
        table,
        trained,
        settings,
        normal=[name for name in order.normal if name in table.class_names],
        version=order.version,
        command=order.command,
        figures=figures,
    )
    sizes = _loss_by_size(table, parts, settings, report)
    write_flow_report(order.folder / REPORT, manifest, _judged(trained, table, parts, sizes, figures))


def _check_groups(class_names: Sequence[str], normal: Sequence[str]) -> None:
    """Log-odds of attack need both sides.

    Raises:
        InputError: every class is normal, or none is.
    """
    ordinary = [name for name in class_names if name in normal]
    if not ordinary or len(ordinary) == len(class_names):
        raise InputError(
            f"of the classes {', '.join(class_names)} {'all are' if ordinary else 'none is'} normal, expected some of each",
            advice="name the classes that are no attack with --normal",
        )


def _export(trained: TrainedClassifier, table: FlowTable, parts: _Parts, folder: Path) -> dict[str, FlowSession]:
    export_flow_graph(trained.graph(), table.features.shape[1], folder / MODEL)
    quantise(folder / MODEL, np.random.default_rng(0).permutation(table.features[parts.kept]), folder / INT8)
    return {"float32": FlowSession(folder / MODEL), "int8": FlowSession(folder / INT8)}


def _figures(trained: TrainedClassifier, table: FlowTable, parts: _Parts, graphs: dict[str, FlowSession]) -> dict[str, float]:
    """The manifest's figures: of the recipe on records set apart, and of the two graphs of the shipped network."""
    logits, truth, count = trained.apart.logits, trained.apart.classes, len(table.class_names)
    tempered = log_softmax(logits / trained.temperature)
    records = table.features[: 4 * PROBED]
    plain, small = (graphs[name].run(table.features)[0].argmax(1) for name in ("float32", "int8"))
    figures = {
        "apart_records": float(len(truth)),
        "apart_macro_f1": macro_f1(truth, logits.argmax(1), count),
        "apart_accuracy": float((logits.argmax(1) == truth).mean()),
        "apart_log_loss": negative_log_likelihood(logits, truth),
        "apart_log_loss_tempered": negative_log_likelihood(logits / trained.temperature, truth),
        "apart_calibration_error": calibration_error(np.exp(log_softmax(logits)), truth),
        "apart_calibration_error_tempered": calibration_error(np.exp(tempered), truth),
        "parity_max_abs": largest_difference(trained.graph(), graphs["float32"], records),
        "int8_same_class_ratio": float((plain == small).mean()),
        "float32_fit_macro_f1": macro_f1(table.classes, plain, count),
        "int8_fit_macro_f1": macro_f1(table.classes, small, count),
    }
    for name, session in graphs.items():
        figures[f"{name}_batch_results_differing"] = float(batch_differences(session, records[:PROBED]))
        figures[f"{name}_records_per_second"], _ = speed(session, records, PROBED)
        _, figures[f"{name}_one_record_us"] = speed(session, records, 1)
    return figures


def _loss_by_size(table: FlowTable, parts: _Parts, settings: FlowSettings, report: Report) -> dict[int, float]:
    found = {}
    for done, share in enumerate(SIZES, 1):
        rows = np.random.default_rng(settings.random_state).permutation(parts.kept)[: max(2, round(share * len(parts.kept)))]
        preparation = learn_preparation(table.features[rows], table.feature_names, settings)
        inputs = preparation.apply(table.features[rows])
        network, _ = fit_network(inputs, table.classes[rows], len(table.class_names), replace(settings, imbalance="none"))
        logits = logits_of(network, preparation.apply(table.features[parts.apart]))
        found[len(rows)] = negative_log_likelihood(logits, table.classes[parts.apart])
        report("sizes of data", done, len(SIZES))
    return found


def _judged(
    trained: TrainedClassifier, table: FlowTable, parts: _Parts, sizes: dict[int, float], figures: dict[str, float]
) -> Judged:
    truth, raw = trained.apart.classes, table.features[parts.apart]
    inputs = trained.preparation.apply(raw)
    with torch.no_grad():
        layers = [layer.numpy() for layer in trained.network.layers(torch.from_numpy(inputs))]
    predicted = trained.apart.logits.argmax(1)
    amounts = len(trained.preparation.amount)
    return Judged(
        table.class_names,
        truth,
        np.exp(log_softmax(trained.apart.logits / trained.temperature)),
        np.nan_to_num(raw[:, trained.preparation.amount]),
        inputs[:, :amounts],
        layers,
        f1_by_class(truth, predicted, len(table.class_names)),
        trained.curves,
        sizes,
        {name: (figures[f"{name}_fit_macro_f1"], figures[f"{name}_one_record_us"]) for name in ("float32", "int8")},
    )
