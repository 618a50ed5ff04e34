"""The report of a classifier of flow records: figures of the paper, on records set apart, in one file that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.manifest import BundleManifest
from tidegate_training.flows.fit import Curves
from tidegate_training.report import flow_plots as plots
from tidegate_training.report.page import STYLE, table

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Bundle {name}/{version}</title>
<style>{style}</style>
<h1>Bundle {name}/{version}</h1>
<p>A classifier of flow records: {features} features, {classes} classes. Made {created_at} from commit <code>{commit}</code> by
<code>{command}</code>.</p>
<p>All figures are on {apart} records set apart: of each class one contiguous stretch. Temperature and the limit of the known were
found on the same records, and the shipped network was then trained on all rows: the figures say how good this recipe is, not how
good it is on another network's traffic.</p>
<h2>Quality</h2>{quality}
<h2>By class</h2>{by_class}{confusion}{distribution}
<h2>ROC of each class</h2>{roc}
<h2>Training</h2>{curves}
<h2>Loss against data size</h2>{loss_by_size}
<h2>Values</h2>{values}
<h2>Activations by layer</h2>{activations}
<h2>Accuracy against latency</h2>{latency}
</html>
"""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What the report shows: records set apart with their true classes, and what each part of the network made of them."""

    class_names: tuple[str, ...]
    truth: Int64
    probabilities: Float64
    raw: Float64
    inputs: NDArray[np.float32]
    layers: Sequence[NDArray[np.float32]]
    f1: Float64
    curves: Curves
    loss_by_size: dict[int, float]
    graphs: dict[str, tuple[float, float]]


def write_flow_report(path: Path, manifest: BundleManifest, judged: Judged) -> None:
    """Write the report; everything it needs is inside."""
    predicted = judged.probabilities.argmax(1).astype(np.int64)
    names = judged.class_names
    text = PAGE.format(
        style=STYLE,
        name=escape(manifest.name),
        version=escape(manifest.version),
        features=len(manifest.metrics),
        classes=len(names),
        created_at=manifest.created_at,
        commit=escape(manifest.commit),
        command=escape(manifest.command),
        apart=len(judged.truth),
        quality=table(("figure", "value"), [(name, f"{value:.4g}") for name, value in manifest.figures.items()]),
        by_class=table(
            ("class", "records", "F1"),
            [(name, f"{int((judged.truth == i).sum())}", f"{judged.f1[i]:.3f}") for i, name in enumerate(names)],
        ),
        confusion=plots.confusion(judged.truth, predicted, names),
        distribution=plots.distribution(judged.truth, predicted, names),
        roc=plots.roc_by_class(judged.probabilities, judged.truth, names),
        curves=plots.curves(judged.curves),
        loss_by_size=plots.loss_by_size(judged.loss_by_size),
        values=plots.values(judged.inputs, judged.raw),
        activations=plots.activations(judged.layers, judged.truth, names),
        latency=plots.accuracy_by_latency(judged.graphs),
    )
    path.write_text(text, encoding="utf-8")
