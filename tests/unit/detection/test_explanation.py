"""The question that may be asked of any device: why an alarm, or why none."""

from support.readings import detection, noise, observe_series
from tidegate.contracts.views import Explanation
from tidegate.core.detection.detection import Detection


def asked(subject: Detection) -> Explanation:
    explanation = subject.explain("s", "d")
    assert explanation is not None
    return explanation


def test_an_unknown_device_has_no_explanation() -> None:
    assert detection().explain("s", "nobody") is None


def test_a_calm_device_says_how_far_it_is_from_an_alarm() -> None:
    subject = detection()
    observe_series(subject, noise(300))
    explanation = asked(subject)
    assert not explanation.alarming
    assert explanation.suppressed_by == []
    assert "times as rare as this one" in explanation.would_fire
    assert "about once in 20 days" in explanation.would_fire


def test_an_alarming_device_shows_its_streams_the_rarest_first() -> None:
    subject = detection()
    observe_series(subject, [*noise(600), 90.0])
    explanation = asked(subject)
    assert explanation.alarming
    rarities = [reason.neg_log10_p for reason in explanation.streams]
    assert rarities == sorted(rarities, reverse=True)
    assert {reason.stream for reason in explanation.streams} == {"residual", "range", "level", "season"}
    assert explanation.would_fire.startswith("fires")
    assert explanation.device.anomaly is not None
    assert explanation.device.neg_log10_p is not None
    assert explanation.device.neg_log10_p > explanation.threshold


def test_a_warming_device_says_that_it_is_warming_and_has_no_silent_zero() -> None:
    subject = detection()
    observe_series(subject, [20.0])
    explanation = asked(subject)
    assert explanation.device.score is None
    assert any(rule.startswith("warming: 1 of 64") for rule in explanation.suppressed_by)
