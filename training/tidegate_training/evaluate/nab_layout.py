"""The benchmark's own layout of results, for its own scorer: `<detector>/<group>/<detector>_<file>.csv`.

Columns timestamp, value, anomaly_score, label, rows in the order of the recorded file. Scores are declustered and lie in 0 to 1;
Tidegate's shipped threshold is .5. The benchmark's scorer on these files comes to the optimised figures of `nab_figures`.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tidegate.fleet.readers import times
from tidegate.fleet.readers.tables import read_csv
from tidegate_training.evaluate.baselines import Float64
from tidegate_training.evaluate.nab import NabFile


def write_layout(files: Sequence[NabFile], detector: str, told: Sequence[Float64], folder: Path) -> None:
    """Write what `detector` told about each of `files` below `folder`; replaces files of these names."""
    name = detector_name(detector)
    for file, scores in zip(files, told, strict=True):
        target = folder / name / file.path.parent.name / f"{name}_{file.path.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("w", encoding="utf-8", newline="") as lines:
            writer = csv.writer(lines, lineterminator="\n")
            writer.writerow(["timestamp", "value", "anomaly_score", "label"])
            writer.writerows(_rows(file, share(scores)))


def _rows(file: NabFile, scores: Float64) -> list[tuple[str, str, float, int]]:
    """The rows of the recorded file, in its order: a series is in the order of its times."""
    table = read_csv(file.path)
    order, _ = times.order(times.from_text(table.text("timestamp"), None, file.path))
    score, label = np.empty(table.rows), np.empty(table.rows, np.int64)
    score[order], label[order] = scores, file.ground.window >= 0
    return list(zip(table.text("timestamp"), table.text("value"), score.tolist(), label.tolist(), strict=True))


def share(scores: Float64) -> Float64:
    """`scores` from 0 to 1 in the same order, .5 where they are 0; 0 where there is none.

    >>> share(np.array([-np.inf, -1.0, 0.0, 3.0, np.nan])).tolist()
    [0.0, 0.25, 0.5, 0.875, 0.0]
    """
    finite = np.where(np.isfinite(scores), scores, 0.0)
    return np.where(np.isfinite(scores), 0.5 + 0.5 * finite / (1.0 + np.abs(finite)), 0.0)


def detector_name(detector: str) -> str:
    """`detector` as the layout allows it: no blank, hyphen or underscore.

    >>> detector_name("half-space trees")
    'halfSpaceTrees'
    """
    first, *rest = detector.replace("-", " ").replace("_", " ").split()
    return first + "".join(word.capitalize() for word in rest)
