"""Our metrics against the reference packages, by answers frozen once; `metric_cases.py` says how they were made."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tidegate_training.evaluate.events import count_events
from tidegate_training.evaluate.vus import vus_pr

CASES = json.loads((Path(__file__).parent / "metric_cases.json").read_text())


def labels_of(case):
    return np.array([int(label) for label in case["labels"]])


@pytest.mark.parametrize("number", range(len(CASES["rankings"])))
def test_vus_pr_is_that_of_tsb_ad(number):
    case = CASES["rankings"][number]
    for buffer, expected in case["vus_pr"].items():
        assert vus_pr(case["surprise"], labels_of(case), buffer=int(buffer)) == pytest.approx(expected, abs=1e-9), buffer


@pytest.mark.parametrize("number", range(len(CASES["events"])))
def test_event_precision_and_recall_are_the_range_based_ones_of_prts(number):
    case = CASES["events"][number]
    counts = count_events(case["alarms"], labels_of(case), interval_seconds=60.0)
    assert counts.recall == pytest.approx(case["recall"])
    assert not math.isnan(counts.precision)
    assert counts.precision == pytest.approx(case["precision"])
