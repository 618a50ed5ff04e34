"""Makes `half_space_cases.json`: `river`'s half-space trees on random readings with three short excursions, to hold ours against.

Run once, in an environment of its own (`pip install river==0.26.1`): `python half_space_cases.py half_space_cases.json`. Two
forests cut at random are never equal; their rankings agree.
"""

import json
import sys
from pathlib import Path

import numpy as np

TRAIN, ROWS, METRICS = 500, 1_500, 3


def readings() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Normal noise, with excursions of six standard deviations in all metrics."""
    random = np.random.default_rng(0)
    values = random.normal(size=(ROWS, METRICS))
    for start in (700, 1_000, 1_300):
        values[start : start + 5] += random.choice([-6.0, 6.0])
    return values


def river_scores() -> list[float]:
    """Of every reading before it is learned, with the train part's range as limits, as the paper asks for."""
    from river.anomaly import HalfSpaceTrees  # noqa: PLC0415  # not a dependency; see the module

    values = readings()
    low, high = values[:TRAIN].min(axis=0), values[:TRAIN].max(axis=0)
    trees = HalfSpaceTrees(n_trees=25, height=15, window_size=250, seed=1, limits=dict.fromkeys(range(METRICS), (0, 1)))
    scores = []
    for row in (values - low) / (high - low):
        reading = dict(enumerate(row.tolist()))
        scores.append(round(float(trees.score_one(reading)), 5))
        trees.learn_one(reading)
    return scores


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(river_scores()))
