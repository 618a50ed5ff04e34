"""Our metrics against the reference packages, by answers frozen once; `metric_cases.py` says how they were made."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from half_space_cases import TRAIN, readings

from tidegate_training.evaluate.events import count_events
from tidegate_training.evaluate.half_space_trees import HalfSpaceTrees
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


def test_half_space_trees_rank_readings_as_those_of_river():
    """`half_space_cases.py` says how the scores were made."""
    values = readings()
    ours = HalfSpaceTrees(values[:TRAIN]).score(values)[TRAIN:]
    theirs = np.array(json.loads((Path(__file__).parent / "half_space_cases.json").read_text()))[TRAIN:]
    ranks = np.stack([np.argsort(np.argsort(scores)) for scores in (ours, theirs)])
    assert np.corrcoef(ranks)[0, 1] > 0.85
    excursions = {row - TRAIN for start in (700, 1_000, 1_300) for row in range(start, start + 5)}
    assert set(np.argsort(ours)[-15:].tolist()) == excursions
