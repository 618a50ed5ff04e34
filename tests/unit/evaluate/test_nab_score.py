"""The NAB score by cases worked out by hand from its published rule, and by the benchmark's own sweep on random ones."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate_training.evaluate.nab_score import PROFILES, ground, points, probation_rows, sweep

STANDARD = PROFILES["standard"]
ROWS, WINDOW = 200, (100, 121)
FROZEN = json.loads((Path(__file__).parent / "nab_sweep_cases.json").read_text())


def sigmoid(position):
    return 2 / (1 + math.exp(5 * position)) - 1


def score(detected, costs=STANDARD):
    """Of one file of 200 rows with one window, rows 100 to 120."""
    on = ground(ROWS, [WINDOW])
    swept = sweep([np.zeros(ROWS)], [on], costs)
    return float(swept.normalised(np.array(points(detected, on, costs)), 1.0))


def test_silence_is_0_and_a_window_found_at_once_is_100():
    assert score([]) == 0.0
    assert score([100]) == pytest.approx(100.0)


def test_a_window_is_worth_less_the_later_it_is_found_and_only_the_first_detection_counts():
    assert score([110]) == pytest.approx(50 * (1 + sigmoid(-11 / 21) / sigmoid(-1)))
    assert score([110, 115, 120]) == pytest.approx(score([110]))
    assert 50 < score([120]) < 62


def test_the_worth_at_the_centre_of_a_long_window_is_0_86():
    assert ground(1000, [(400, 601)]).worth[500] == pytest.approx(0.86, abs=0.002)


def test_a_false_alarm_far_from_windows_costs_a_ninth_of_a_point_and_just_behind_one_nearly_nothing():
    assert score([100, 50]) == pytest.approx(100 - 50 * 0.11)
    assert score([100, 121]) == pytest.approx(100 + 50 * 0.11 * sigmoid(1 / 20))
    assert score([100, 181]) == pytest.approx(100 - 50 * 0.11)
    assert score([100, 50], PROFILES["low_fp"]) == pytest.approx(100 - 50 * 0.22)


def test_every_false_row_is_charged():
    assert score([100, 50, 51, 52]) == pytest.approx(100 - 3 * 50 * 0.11)


def test_a_missed_window_costs_double_where_misses_weigh_more():
    assert points([], ground(ROWS, [WINDOW]), PROFILES["low_fn"]) == -2.0
    assert score([110], PROFILES["low_fn"]) > score([110])


def test_rows_in_probation_count_for_nothing():
    assert probation_rows(ROWS) == 30
    assert score([100, 29]) == pytest.approx(100.0)
    assert score([100, 30]) < 100.0
    assert ground(ROWS, [(5, 20)]).windows == 0


def test_one_threshold_serves_the_whole_corpus():
    """Each file alone could be perfect; together the quiet one's alarm is below the other's noise."""
    quiet, loud = np.zeros(ROWS), np.zeros(ROWS)
    quiet[100], loud[100], loud[40:60] = 1.0, 9.0, 5.0
    swept = sweep([quiet, loud], [ground(ROWS, [WINDOW])] * 2, STANDARD)
    best = swept.best()
    assert swept.thresholds[best] == 9.0
    assert float(swept.normalised(swept.points[:, best].sum(), 2.0)) == pytest.approx(50.0)


def test_what_was_not_scored_is_never_a_detection():
    scores = np.full(ROWS, np.nan)
    scores[100], scores[150] = 2.0, -np.inf
    swept = sweep([scores], [ground(ROWS, [WINDOW])], STANDARD)
    assert swept.thresholds.tolist() == [np.inf, 2.0]


@pytest.mark.parametrize("case", FROZEN["cases"], ids=lambda case: f"{case['rows']} rows, {case['profile']}")
def test_the_sweep_agrees_with_the_benchmarks_own_on_random_cases(case):
    """`nab_sweep_cases.py` says how the answers came about."""
    on = [ground(case["rows"], [tuple(window) for window in each["windows"]]) for each in case["files"]]
    swept = sweep([np.array(each["scores"]) for each in case["files"]], on, PROFILES[case["profile"]])
    np.testing.assert_allclose(swept.thresholds[1:], case["thresholds"][1:], rtol=1e-12)
    np.testing.assert_allclose(swept.points.sum(axis=0), case["points"], rtol=1e-9, atol=1e-9)


@given(st.lists(st.integers(0, 199), max_size=12, unique=True), st.sampled_from(sorted(PROFILES)))
def test_the_points_of_a_set_of_detections_are_what_the_sweep_says_at_their_threshold(detected, profile):
    on = ground(ROWS, [(60, 70), WINDOW])
    scores = np.zeros(ROWS)
    scores[detected] = 1.0
    swept = sweep([scores], [on], PROFILES[profile])
    at = int(np.searchsorted(-swept.thresholds, -1.0))
    expected = swept.points[0, at] if swept.thresholds[min(at, len(swept.thresholds) - 1)] == 1.0 else swept.points[0, 0]
    assert points(detected, on, PROFILES[profile]) == pytest.approx(expected)


@given(st.permutations(range(4)))
def test_the_order_of_files_changes_nothing(order):
    random = np.random.default_rng(1)
    scores = [random.random(ROWS) for _ in range(4)]
    grounds = [ground(ROWS, [(50 + 10 * index, 80 + 10 * index)]) for index in range(4)]
    straight = sweep(scores, grounds, STANDARD)
    mixed = sweep([scores[index] for index in order], [grounds[index] for index in order], STANDARD)
    np.testing.assert_allclose(straight.points.sum(axis=0), mixed.points.sum(axis=0))
