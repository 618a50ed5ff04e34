"""Makes `metric_cases.json`: random cases with the answers of the reference packages `TSB-AD` (VUS-PR) and `prts` (events).

Run once, in an environment of its own: neither is a dependency, and what `TSB-AD` asks for is large.

    python -m venv reference && reference/bin/pip install numpy scipy scikit-learn pandas
    reference/bin/pip install --no-deps TSB-AD==1.5 prts==1.0.0.3
    reference/bin/python metric_cases.py metric_cases.json

Range-based recall that rewards existence alone (alpha 1) is the share of events with an alarm in them; range-based precision of
single readings is the share of alarms that lie in an event, which is ours when no event has two.
"""

import json
import sys
from pathlib import Path

import numpy as np

ROWS = 240
BUFFERS = (0, 7, 40)


def ranking(random: np.random.Generator, levels: int) -> dict[str, object]:
    """Labels in stretches and a surprise of `levels` different values that knows a little of them."""
    from TSB_AD.evaluation.basic_metrics import generate_curve  # noqa: PLC0415  # not a dependency; see the module

    labels = stretches(random)
    surprise = np.round((random.random(ROWS) + labels * random.random(ROWS)) * levels) / levels
    answers = {buffer: float(generate_curve(labels, surprise, buffer, "opt", 250)[7]) for buffer in BUFFERS}
    return {"labels": "".join(map(str, labels)), "surprise": surprise.tolist(), "vus_pr": answers}


def events(random: np.random.Generator) -> dict[str, object]:
    """Labels in stretches and alarms at least two readings apart, at most one to an event."""
    from prts import ts_precision, ts_recall  # noqa: PLC0415  # not a dependency; see the module

    labels = stretches(random)
    alarms = np.zeros(ROWS, np.int64)
    number = np.cumsum(np.diff(labels, prepend=0) == 1) * labels
    taken: set[int] = set()
    for row in random.permutation(ROWS)[: random.integers(1, 30)].tolist():
        if alarms[max(row - 1, 0) : row + 2].any() or (number[row] and number[row] in taken):
            continue
        alarms[row] = 1
        taken.add(int(number[row]))
    return {
        "labels": "".join(map(str, labels)),
        "alarms": np.flatnonzero(alarms).tolist(),
        "precision": float(ts_precision(labels, alarms)),
        "recall": float(ts_recall(labels, alarms, alpha=1.0)),
    }


def stretches(random: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Labels with one to five events of 1 to 30 readings, at the edges too."""
    labels = np.zeros(ROWS, np.int64)
    for _ in range(random.integers(1, 6)):
        start = random.integers(-5, ROWS - 1)
        labels[max(start, 0) : start + random.integers(1, 31)] = 1
    return labels if labels.any() else stretches(random)


if __name__ == "__main__":
    generator = np.random.default_rng(7)
    made = {
        "rankings": [ranking(generator, levels) for levels in (3, 20, 10_000) for _ in range(8)],
        "events": [events(generator) for _ in range(40)],
    }
    Path(sys.argv[1]).write_text(json.dumps(made))
