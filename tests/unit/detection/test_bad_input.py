"""What becomes of series that are no proper ones: each has a clear outcome, and none an alarm that nobody could use."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from support.calm import CALM, calm_device
from support.readings import configuration, detection, observe_series, profile, reading, tick_of
from tidegate.contracts.anomaly import DeviceState
from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.contracts.profile import Metric
from tidegate.contracts.reading import Reading
from tidegate.core.detection.detection import Detection


@dataclass(frozen=True)
class Outcome:
    """What is told after the last reading, and how many readings were scored and refused, and why."""

    state: DeviceState
    has_score: bool
    scored: int
    refused: tuple[DeadLetterReason, ...] = ()


def constant() -> tuple[Detection, list[Reading], Outcome]:
    return detection(), [reading(minute, 7.0) for minute in range(100)], Outcome(DeviceState.OK, True, 100)


def all_missing() -> tuple[Detection, list[Reading], Outcome]:
    return detection(), [reading(minute, None) for minute in range(100)], Outcome(DeviceState.PARTIAL, False, 100)


def one_sample() -> tuple[Detection, list[Reading], Outcome]:
    return detection(), [reading(0, 20.0)], Outcome(DeviceState.WARMING, False, 1)


def too_huge() -> tuple[Detection, list[Reading], Outcome]:
    values = [1e16, -1e300, float("inf"), 20.0]
    readings = [reading(CALM + at, value) for at, value in enumerate(values)]
    return calm_device(), readings, Outcome(DeviceState.OK, True, 1, (DeadLetterReason.VALUE_OUT_OF_BOUNDS,) * 3)


def irregular() -> tuple[Detection, list[Reading], Outcome]:
    random = np.random.default_rng(2)
    minutes = CALM + np.cumsum(random.choice([0.2, 0.5, 1.0, 1.4], 60))
    readings = [reading(minute, value) for minute, value in zip(minutes, random.normal(20.0, 1.0, 60), strict=True)]
    return calm_device(), readings, Outcome(DeviceState.OK, True, 60)


def after_weeks() -> tuple[Detection, list[Reading], Outcome]:
    """No forecast reaches so far: what comes next is judged by its range and level alone, then by forecasts again."""
    return calm_device(), [reading(CALM + 40_000 + at, 20.0 + at % 2) for at in range(3)], Outcome(DeviceState.OK, True, 3)


def another_profile() -> tuple[Detection, list[Reading], Outcome]:
    subject = calm_device()
    subject.configure(configuration(profile(), profile("fan")))
    readings = [reading(CALM, 20.0, profile="fan"), reading(CALM + 1, 20.0)]
    return subject, readings, Outcome(DeviceState.OK, True, 1, (DeadLetterReason.PROFILE_CHANGED,))


def other_metrics() -> tuple[Detection, list[Reading], Outcome]:
    """The readings change and the profile does not: what it does not know is no reading of it."""
    readings = [reading(CALM, metrics={"cold": 3.0}), reading(CALM + 1, metrics={"cold": 3.0, "heat": 20.0})]
    return calm_device(), readings, Outcome(DeviceState.OK, True, 1, (DeadLetterReason.NO_KNOWN_METRIC,))


def a_metric_more() -> tuple[Detection, list[Reading], Outcome]:
    """The profile changes: its devices warm up again."""
    subject = calm_device()
    subject.configure(configuration(profile(metrics={"heat": Metric(), "cold": Metric()})))
    return subject, [reading(CALM, metrics={"heat": 20.0, "cold": 3.0})], Outcome(DeviceState.WARMING, False, 1)


@pytest.mark.parametrize(
    "case",
    [constant, all_missing, one_sample, too_huge, irregular, after_weeks, another_profile, other_metrics, a_metric_more],
)
def test_the_outcome_is_clear(case: Callable[[], tuple[Detection, list[Reading], Outcome]]) -> None:
    subject, readings, expected = case()
    result = subject.observe(readings, tick_of(CALM + 100_000))
    (view,) = (each for each in subject.device_views() if each.device == "d")
    refused = tuple(rejection.reason for rejection in result.rejections)
    assert Outcome(view.state, view.score is not None, result.scored, refused) == expected
    assert result.anomalies == []
    explained = subject.explain(view.site, view.device)
    assert explained is not None
    assert bool(explained.suppressed_by) == (not expected.has_score)


def test_a_device_that_was_calm_and_falls_silent_metric_by_metric_is_partial_and_unknown() -> None:
    subject = calm_device()
    result = observe_series(subject, [None], start=CALM)
    assert (subject.device_views()[0].state, subject.device_views()[0].score) == (DeviceState.PARTIAL, None)
    assert result.anomalies == []
