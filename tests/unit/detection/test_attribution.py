"""What each metric brings to a score, and which next value would alarm: both held against the scoring itself."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from support.forecasters import SmoothForecaster
from support.readings import configuration, detection, profile, reading, tick_of
from tidegate.contracts.anomaly import Anomaly
from tidegate.contracts.profile import Direction, Metric
from tidegate.contracts.reading import Reading
from tidegate.contracts.views import Explanation, MetricPart
from tidegate.core.detection.detection import Detection

CALM = 400
FORECASTERS = {"universal": SmoothForecaster()}
METRICS = {"heat": Metric(unit="°C"), "flow": Metric(unit="l/min"), "noise": Metric()}


def calm(**policies: Metric) -> Detection:
    """A device of three metrics that has been calm for `CALM` readings."""
    return Detection.restore(configuration(profile(metrics=METRICS | policies)), FORECASTERS, calm_state())


@cache
def calm_state() -> dict[str, Any]:
    subject = detection(profile(metrics=METRICS))
    values = np.random.default_rng(5).normal((20.0, 3.0, 0.0), (1.0, 0.1, 2.0), (CALM, 3))
    subject.observe([of(minute, *row) for minute, row in enumerate(values.tolist())], tick_of(CALM))
    return subject.export_state()


def of(minute: int, heat: float | None, flow: float, noisy: float) -> Reading:
    return reading(minute, metrics={"heat": heat, "flow": flow, "noise": noisy})


def explained(subject: Detection) -> Explanation:
    found = subject.explain("s", "d")
    assert found is not None
    return found


def parts(subject: Detection) -> dict[str, MetricPart]:
    return {str(part.metric): part for part in explained(subject).parts}


def opened(subject: Detection, *values: float) -> Anomaly:
    (fact,) = subject.observe([of(CALM, *values)], tick_of(CALM)).anomalies
    return fact


def test_shares_add_up_to_one_and_the_metric_that_did_it_is_named_first() -> None:
    subject = calm()
    fact = opened(subject, 60.0, 3.35, 0.0)
    assert fact.metrics[0] == "heat"
    assert sum(reason.share or 0.0 for reason in fact.reasons) == pytest.approx(1.0)
    assert all(reason.share == 0.0 for reason in fact.reasons if reason.stream in ("level", "cross", "season"))
    found = parts(subject)
    assert sum(part.share for part in found.values()) == pytest.approx(1.0)
    assert found["heat"].share > found["flow"].share > found["noise"].share == 0.0


def test_without_the_metric_that_did_it_the_score_is_what_the_reading_without_it_scores() -> None:
    subject, other = calm(), calm()
    opened(subject, 60.0, 3.0, 0.0)
    found = parts(subject)
    assert found["heat"].without is not None
    assert found["noise"].without is not None
    assert found["heat"].without < explained(subject).threshold < found["noise"].without
    assert not other.observe([of(CALM, None, 3.0, 0.0)], tick_of(CALM)).anomalies


@pytest.mark.parametrize("metric", ["heat", "flow", "noise"])
@pytest.mark.parametrize("side", ["below", "above"])
def test_the_value_that_is_said_to_fire_fires_and_one_short_of_it_does_not(metric: str, side: str) -> None:
    subject = calm()
    expected = dict(zip(METRICS, _expected(subject), strict=True))
    value = getattr(parts(subject)[metric], f"fires_{side}")
    assert value is not None
    short = expected[metric] + 0.98 * (value - expected[metric])
    for given, fires in ((short, False), (value, True)):
        after = Detection.restore(configuration(profile(metrics=METRICS)), FORECASTERS, subject.export_state())
        facts = after.observe([reading(CALM, metrics=expected | {metric: given})], tick_of(CALM)).anomalies
        assert bool(facts) is fires


def _expected(subject: Detection) -> list[float]:
    quantiles = subject.roster.lanes[0].rows.quantiles[:3, 0]
    return [float(median) for median in quantiles[:, quantiles.shape[1] // 2]]


def test_a_side_that_policy_does_not_hear_never_fires_and_what_it_holds_back_is_named() -> None:
    subject = calm(heat=Metric(direction=Direction.ABOVE))
    assert parts(subject)["heat"].fires_below is None
    assert parts(subject)["heat"].fires_above is not None
    subject.observe([of(CALM, -40.0, 3.0, 0.0)], tick_of(CALM))
    assert "direction or minimum deviation of heat" in explained(subject).suppressed_by


def test_a_warming_device_fires_for_what_its_sensor_cannot_say_alone() -> None:
    subject = detection(profile(metrics={"heat": Metric(low=-50.0, high=200.0)}))
    subject.observe([reading(minute, 20.0 + minute % 3) for minute in range(5)], tick_of(5))
    (part,) = explained(subject).parts
    assert part.fires_above == pytest.approx(200.0, rel=0.05)
    assert part.fires_above > 200.0


def test_the_least_severity_that_is_told_is_named_when_it_holds_an_alarm_back() -> None:
    subject = detection(profile(minimum_severity="critical"))
    values = np.random.default_rng(0).normal(20.0, 1.0, 600).tolist()
    subject.observe([reading(minute, value) for minute, value in enumerate([*values, 30.0])], tick_of(601))
    found = explained(subject)
    assert found.device.neg_log10_p is not None
    assert found.threshold < found.device.neg_log10_p < found.threshold + 4.0
    assert found.suppressed_by == ["minimum severity: nothing below critical is told"]
    assert not found.would_fire.startswith("fires")


def test_how_often_is_of_the_device_and_says_where_it_is_extrapolated() -> None:
    fact = opened(calm(), 60.0, 3.0, 0.0)
    assert fact.how_often.startswith(("about once in", "less than once"))
    assert fact.how_often.endswith("by extrapolation from 6.7 hours")
    assert not any("about once" in reason.text for reason in fact.reasons)
