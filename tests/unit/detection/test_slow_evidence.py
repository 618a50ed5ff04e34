"""Levels and company: what only slow evidence sees, in numbers and in words."""

import numpy as np
import pytest

from support.calm import CALM
from support.calm import calm_device as calm
from support.readings import detection, noise, observe_series, profile, reading, tick_of
from tidegate.contracts.anomaly import FaultKind, Reason
from tidegate.contracts.profile import Metric
from tidegate.core.detection.detection import Detection
from tidegate.core.detection.explanation import fault_kind


def reason_of(subject: Detection, stream: str, metric: str = "heat") -> Reason:
    explanation = subject.explain("s", "d")
    assert explanation is not None
    return next(each for each in explanation.streams if (each.stream, each.metric) == (stream, metric))


def unrest(subject: Detection) -> float | None:
    return subject.device_views()[0].unrest


def test_a_shift_is_news_for_as_long_as_it_lasts_though_the_forecast_follows() -> None:
    subject = calm()
    before = unrest(subject) or 0.0
    observe_series(subject, [*noise(40, 1, centre=24.0), 24.0], start=CALM)
    level = reason_of(subject, "level")
    explanation = subject.explain("s", "d")
    assert explanation is not None
    assert level.neg_log10_p > 1.2
    assert all(each.neg_log10_p < 1.0 for each in explanation.streams if each.stream == "residual")
    assert (unrest(subject) or 0.0) > before + 0.2


def test_a_level_says_since_when_and_what_is_usual() -> None:
    subject = calm()
    observe_series(subject, noise(40, 1, centre=24.0), start=CALM)
    said = reason_of(subject, "level")
    assert said.text.startswith("heat has been around 2")
    assert "for 1.1 hours, usually" in said.text or "for 8 minutes, usually" in said.text
    assert said.expected == pytest.approx(20.0, abs=0.5)
    assert said.expected_low is not None
    assert said.expected_high is not None
    assert said.expected_low < said.expected < said.expected_high < (said.observed or 0.0)


def test_a_shift_is_learned_in_the_end() -> None:
    subject = calm()
    observe_series(subject, noise(500, 1, centre=25.0), start=CALM)
    assert reason_of(subject, "level").neg_log10_p < 1.0


def test_a_metric_that_never_moved_can_start_to() -> None:
    subject = detection()
    observe_series(subject, [0.0] * 100)
    observe_series(subject, noise(400, 2, centre=50.0), start=100)
    rows = subject.roster.lanes[0].rows
    assert rows.level_usual[0] == pytest.approx(50.0, abs=15.0)
    assert rows.spread[0] > 0.3


def test_after_a_gap_a_mean_starts_with_what_comes() -> None:
    subject = calm()
    observe_series(subject, [20.0], start=CALM + 50_000)
    rows = subject.roster.lanes[0].rows
    np.testing.assert_allclose(rows.level_means[0], 20.0, atol=1e-6)


def pair(subject: Detection, readings: int, start: int = 0, against: bool = False) -> None:
    """Two metrics that go together, or against each other."""
    random = np.random.default_rng(start)
    shared = random.normal(0.0, 1.0, readings)
    batch = [
        reading(start + at, metrics={"in": 20.0 + x, "out": 50.0 + 3.0 * (-x if against else x) + random.normal(0.0, 0.1)})
        for at, x in enumerate(shared.tolist())
    ]
    subject.observe(batch, tick_of(start + readings))


def test_metrics_that_part_are_news_though_each_alone_is_ordinary() -> None:
    subject = detection(profile(metrics={"in": Metric(), "out": Metric(unit="kPa")}))
    pair(subject, 300)
    before = unrest(subject)
    pair(subject, 12, start=300, against=True)
    said = max((reason_of(subject, "cross", metric) for metric in ("in", "out")), key=lambda each: each.neg_log10_p)
    assert (unrest(subject) or 0.0) > (before or 0.0)
    assert "where the other metrics suggest" in said.text
    assert said.expected is not None


def test_slow_evidence_ranks_and_does_not_alarm() -> None:
    subject = calm()
    creeping = np.minimum(np.arange(120) * 0.03, 2.5) + np.array(noise(120, 3))
    result = observe_series(subject, creeping.tolist(), start=CALM)
    assert reason_of(subject, "level").neg_log10_p > 1.0
    assert result.anomalies == []


def test_a_level_is_a_shift_once_the_forecast_takes_it_for_granted() -> None:
    level = Reason("level", "heat", 25.0, 20.0, 18.0, 22.0, 5.0, "")
    residual = Reason("residual", "heat", 25.0, 20.0, 18.0, 22.0, 3.0, "")
    assert fault_kind([level]) is FaultKind.LEVEL_SHIFT
    assert fault_kind([level, residual]) is FaultKind.OUT_OF_PATTERN


def test_a_device_that_cannot_be_judged_has_no_unrest() -> None:
    subject = detection()
    observe_series(subject, [20.0])
    assert unrest(subject) is None
