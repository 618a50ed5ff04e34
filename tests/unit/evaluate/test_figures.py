"""Figures pool counts, average rankings over series, and say when they are undefined."""

import math

import numpy as np
import pytest

from tidegate_training.evaluate.baselines import Judgement
from tidegate_training.evaluate.figures import (
    alarm_rates,
    bootstrap_interval,
    budget_by_profile,
    by_dataset,
    by_detector,
    outcome,
    paired_difference,
    summary,
    vus_by_series,
)

LABELS = np.repeat([0, 1, 0], [40, 10, 50]).astype(np.uint8)


def made(dataset="smd", series="one", detector="PCA", alarms=(41,), labels=LABELS):
    surprise = np.linspace(0, 1, len(labels)) + labels
    return outcome(dataset, series, detector, Judgement(surprise, list(alarms)), labels, interval_seconds=864.0)


def test_a_summary_pools_events_and_alarms_over_series():
    figures = summary([made(), made(series="two", alarms=(3,))])
    assert (figures["events"], figures["detected"], figures["false_alarms"]) == (2, 1, 1)
    assert figures["event_precision"] == figures["event_recall"] == 0.5
    assert figures["device_days"] == pytest.approx(1.8)
    assert figures["false_alarms_per_device_day"] == pytest.approx(1 / 1.8)
    assert figures["delay_readings_median"] == 1.0


def test_a_series_without_events_counts_its_false_alarms_but_not_in_the_ranking():
    quiet = made(series="quiet", labels=np.zeros(100, dtype=np.uint8), alarms=(5,))
    figures = summary([made(), quiet])
    assert figures["vus_pr"] == made().vus
    assert figures["false_alarms"] == 1


def test_false_alarms_are_held_against_the_profiles_budget_with_their_interval():
    row = budget_by_profile([made(alarms=(3, 70)), made(series="two", alarms=())], {"": 0.5})[""]
    assert row["expected"] == pytest.approx(0.5 * 1.8)
    assert row["times_budget"] == pytest.approx(2 / 1.8 / 0.5)
    assert row["times_budget_low"] < row["times_budget"] < row["times_budget_high"]


def test_alarm_rates_are_known_only_where_it_is_known_when_alarms_closed():
    assert alarm_rates([made()]) == {}
    said = Judgement(np.zeros(100), [45, 60], ends=(50, 65))
    known = outcome("skab", "one", "PCA", said, LABELS, interval_seconds=1.0)
    assert alarm_rates([known])["PCA"] == {"missed_alarm_rate": 0.5, "false_alarm_rate": pytest.approx(5 / 90)}


def test_nothing_detected_leaves_delay_and_precision_undefined():
    figures = summary([made(alarms=())])
    assert math.isnan(figures["delay_readings_median"])
    assert math.isnan(figures["event_precision"])
    assert figures["event_recall"] == 0.0


def test_groups_keep_detectors_and_data_sets_apart():
    outcomes = [made(), made(detector="EWMA"), made(dataset="asd")]
    assert list(by_detector(outcomes)) == ["PCA", "EWMA"]
    assert by_dataset(outcomes)["asd"]["PCA"]["series"] == 1
    assert set(vus_by_series(outcomes)) == {"smd/one", "asd/one"}


def test_a_paired_difference_counts_wins_over_the_series_both_ranked():
    table = {"a": {"x": 0.5, "y": 0.4}, "b": {"x": 0.3, "y": 0.4}, "c": {"x": 0.9}, "d": {"x": math.nan, "y": 0.1}}
    difference = paired_difference(table, "x", "y")
    assert difference["mean"] == pytest.approx(0.0)
    assert (difference["wins"], difference["series"]) == (1, 2)


def test_the_bootstrap_interval_holds_the_mean_and_needs_two_values():
    values = np.random.default_rng(0).normal(5, 1, 200)
    low, high = bootstrap_interval(values)
    assert low < values.mean() < high
    assert high - low == pytest.approx(4 / np.sqrt(200), rel=0.2)
    assert all(math.isnan(bound) for bound in bootstrap_interval(values[:1]))
