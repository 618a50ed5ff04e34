"""Makes `nab_sweep_cases.json`: random cases with the answers of the benchmark's own sweep (https://github.com/numenta/NAB).

Run once, outside the project's environment, with that repository's `nab/sweeper.py` on the path:
`PYTHONPATH=NAB python nab_sweep_cases.py nab_sweep_cases.json`. The answers are the points at every threshold, summed over
the files of a case.
"""

import json
import sys
from pathlib import Path

import numpy as np

COSTS = {"standard": (1.0, 1.0, 0.11), "low_fp": (1.0, 1.0, 0.22), "low_fn": (1.0, 2.0, 0.11)}
WINDOWS = ([], [(40, 60)], [(30, 41), (41, 55)], [(70, 100)], [(10, 40), (60, 62)])
"""Half-open row ranges: none, one, two that touch, one at the end, one that begins in probation and a short one."""


def case(rows: int, profile: str, levels: int, random: np.random.Generator) -> dict[str, object]:
    """Files of `rows` rows with every kind of windows, scores at `levels` levels so that many are equal."""
    from nab.sweeper import Sweeper  # noqa: PLC0415  # not a dependency; see the module

    hit, miss, false_alarm = COSTS[profile]
    sweeper = Sweeper(0.15, {"tpWeight": hit, "fnWeight": miss, "fpWeight": false_alarm})
    files, told = [], []
    for number, windows in enumerate(WINDOWS):
        scores = (random.integers(0, levels, rows) / levels).tolist()
        limits = [(start, end - 1) for start, end in windows]
        told += sweeper.calcSweepScore(list(range(rows)), scores, limits, f"file{number}")
        files.append({"windows": windows, "scores": scores})
    found = sweeper.calcScoreByThreshold(told)
    return {
        "rows": rows,
        "profile": profile,
        "files": files,
        "thresholds": [one.threshold for one in found],
        "points": [one.score for one in found],
    }


if __name__ == "__main__":
    generator = np.random.default_rng(11)
    made = [case(rows, profile, levels, generator) for rows in (100, 137) for profile in COSTS for levels in (7, 90)]
    Path(sys.argv[1]).write_text(json.dumps({"source": "numenta/NAB nab/sweeper.py 1.1", "cases": made}))
