"""Faults of known kinds go in where they are meant to, what was told of them is counted, and named metrics are taken away."""

import math

import numpy as np
import pytest

from support.forecasters import SmoothForecaster
from support.readings import MINUTE_MS, configuration, profile
from tidegate.contracts.anomaly import FaultKind
from tidegate.contracts.ids import DeviceId, MetricName, ProfileName, SiteId
from tidegate.contracts.profile import Metric
from tidegate.fleet.series import Series
from tidegate_training.evaluate import kind_injections as injections
from tidegate_training.evaluate.attribution_check import Removal, removals
from tidegate_training.evaluate.kind_injections import LASTS, ROWS, Truth, faulty_fleet, quiet_stretches
from tidegate_training.evaluate.kinds_told import Case, Told, tell_injected
from tidegate_training.evaluate.why_figures import NOT_FOUND, attribution, confusion, of_kind, summary

METRICS = ("heat", "flow", "noise")


def recorded(rows: int = ROWS, device: str = "d", labels: np.ndarray | None = None, metrics: int = 1) -> Series:
    names = tuple(MetricName(name) for name in METRICS[:metrics])
    values = np.random.default_rng(len(device)).normal(20.0, 1.0, (rows, metrics))
    times = np.arange(rows, dtype=np.int64) * MINUTE_MS + 1_700_000_000_000
    return Series("made", DeviceId(device), ProfileName("pump"), 60.0, times, names, values, labels, train_rows=rows // 2)


def test_stretches_are_disjoint_unlabelled_and_devices_of_their_own():
    labels = np.zeros(2 * ROWS + 500, dtype=bool)
    labels[ROWS + 20] = True
    first, second = quiet_stretches(recorded(len(labels), labels=labels))
    assert (len(first), len(second)) == (ROWS, ROWS)
    assert not first.labels.any() | second.labels.any()
    assert first.device != second.device
    assert quiet_stretches(recorded(ROWS - 1)) == []


@pytest.mark.parametrize("kind", [kind for kind in LASTS if kind is not FaultKind.LINK])
def test_a_fault_touches_its_rows_alone(kind):
    series, random, start = recorded(), np.random.default_rng(1), 800
    one = injections.Stretch(series, "g", series.values.copy(), np.ones(ROWS, bool), np.zeros(ROWS, np.int64))
    assert injections.put(one, kind, start, MINUTE_MS, random)
    touched = (one.values != series.values).any(axis=1) | ~one.sent | (one.shift_ms != 0)
    assert touched[start : start + LASTS[kind]].any()
    assert not touched[:start].any()
    assert not touched[start + LASTS[kind] :].any()


def test_what_detection_tells_of_a_fleet_is_matched_with_what_was_done_to_it():
    fleet = faulty_fleet([recorded(device="d" * (place + 1)) for place in range(7)], "made", random_state=2)
    told = tell_injected(fleet, configuration(), SmoothForecaster())
    assert len(told.cases) == len(fleet.truths)
    right = {case.truth.kind for case in told.cases if case.told is case.truth.kind}
    assert {FaultKind.SPIKE, FaultKind.CLOCK, FaultKind.LINK, FaultKind.LEVEL_SHIFT} <= right


def case(kind: FaultKind, told: FaultKind | None, unit: str = "u") -> Case:
    return Case(Truth(kind, SiteId("s"), (DeviceId("d"),), None, 0, 1, unit), told, FaultKind.OUT_OF_PATTERN if told else None)


def test_precision_is_of_what_was_told_recall_of_what_was_found_and_both_are_counted_by_kind():
    spike, drift = FaultKind.SPIKE, FaultKind.DRIFT
    cases = [case(spike, spike), case(spike, spike, "v"), case(spike, None), case(drift, spike), case(drift, drift)]
    figures = of_kind(cases, spike)
    assert (figures["cases"], figures["found"]) == (3, 2)
    assert figures["precision"] == pytest.approx(2 / 3)
    assert (figures["recall"], figures["recall_of_all"]) == (1.0, pytest.approx(2 / 3))
    assert figures["precision_low"] <= figures["precision"] <= figures["precision_high"]
    assert confusion(cases)["drift"] == {"spike": 1, "drift": 1, NOT_FOUND: 0}
    whole = summary(Told(cases, [spike]))
    assert (whole["accuracy"], whole["accuracy_at_opening"], whole["commonest"]) == (0.75, 0.0, 0.5)
    assert whole["elsewhere_kinds"] == "spike 1"


def test_without_the_named_metric_the_score_falls_and_without_another_it_does_not():
    series = recorded(400, metrics=3)
    series.values[300:302, 1] += 40.0
    settings = configuration(profile(metrics={name: Metric() for name in METRICS}))
    found = removals([series], settings, SmoothForecaster())
    (removed,) = found
    assert removed.without_named < removed.threshold < min(removed.without_random)
    assert removed.without_half == removed.without_named
    assert removed.named_share > 0.5
    figures = attribution(found)
    assert (figures["fell_without_named"], figures["fell_without_random"]) == (1.0, 0.0)


def test_where_nothing_was_told_figures_are_undefined():
    assert math.isnan(summary(Told([], []))["accuracy"])
    figures = attribution([Removal("u", False, 1.0, 4.0, 0.5, 0.5, (1.0,), 1.0)])
    assert (figures["anomalies"], figures["opened_by_score"]) == (1, 0)
    assert math.isnan(figures["fell_without_named"])
