"""Which kind of fault the course of an anomaly tells, by its shape and then through the whole of detection."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from support.forecasters import SmoothForecaster
from support.readings import configuration, detection, noise, observe_series, reading, tick_of
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, FaultKind
from tidegate.contracts.codec import pack, unpack
from tidegate.core.detection.detection import Detection
from tidegate.core.detection.kinds import Course, kind_of

CALM = 400


def course(*away: float, repeats: float = 0.001) -> Course:
    return Course(np.array(away), repeats)


@pytest.mark.parametrize(
    ("away", "kind"),
    [
        ((30.0, 29.0, 0.2, -0.3), FaultKind.SPIKE),
        ((30.0, 29.0, 31.0, 30.0), FaultKind.LEVEL_SHIFT),
        ((9.0, -7.0, 12.0, -8.0, 6.0, -11.0, 8.0), FaultKind.NOISE),
        ((6.0, 6.5, 7.0, 7.5, 8.1, 8.6, 9.2, 9.6), FaultKind.DRIFT),
        ((6.0, 9.6, 9.2, 8.6, 8.1, 7.5, 7.0, 6.5), FaultKind.LEVEL_SHIFT),
        ((5.0, 5.0, 5.0, 5.0), FaultKind.STUCK),
        ((30.0, np.nan, 29.0, 0.2, -0.3), FaultKind.SPIKE),
    ],
)
def test_the_shape_of_a_course_tells_the_kind(away: tuple[float, ...], kind: FaultKind) -> None:
    assert kind_of(course(*away)) is kind


def test_a_short_course_tells_nothing_and_a_metric_that_always_repeats_is_not_stuck() -> None:
    assert kind_of(course(30.0, 29.0, 30.0)) is None
    assert kind_of(course(30.0, np.nan, np.nan, np.nan, 30.0)) is None
    assert kind_of(course(5.0, 5.0, 5.0, 5.0, repeats=0.9)) is FaultKind.LEVEL_SHIFT


@cache
def calm_state() -> dict[str, Any]:
    subject = detection()
    observe_series(subject, noise(CALM))
    return subject.export_state()


def calm() -> Detection:
    return Detection.restore(configuration(), {"universal": SmoothForecaster()}, calm_state())


def told(values: list[float]) -> list[Anomaly]:
    """Facts after a calm of `CALM` readings around 20."""
    return observe_series(calm(), values, start=CALM).anomalies


def test_an_anomaly_is_opened_with_what_is_known_and_told_again_when_its_kind_shows() -> None:
    opened, *updates, closed = told([20.0 + 40.0 * (-1) ** minute for minute in range(12)] + noise(20, 1))
    assert (opened.status, opened.fault_kind) == (AnomalyStatus.OPENED, FaultKind.OUT_OF_PATTERN)
    (updated,) = (fact for fact in updates if fact.fault_kind is FaultKind.NOISE)
    assert (updated.status, updated.event_time_ms) == (AnomalyStatus.UPDATED, tick_of(CALM + 7))
    assert (closed.status, closed.fault_kind) == (AnomalyStatus.CLOSED, FaultKind.NOISE)
    assert updated.metrics == opened.metrics


def test_what_closes_soon_says_its_kind_as_it_closes() -> None:
    opened, closed = told([90.0, *noise(12, 1)])
    assert (opened.fault_kind, closed.fault_kind) == (FaultKind.OUT_OF_PATTERN, FaultKind.SPIKE)


def test_a_level_that_stays_is_a_level_shift() -> None:
    assert told([value + 60.0 for value in noise(12, 1)])[-1].fault_kind is FaultKind.LEVEL_SHIFT


def test_the_kind_is_the_same_however_readings_are_cut_and_after_a_snapshot() -> None:
    values = [90.0, *noise(12, 1)]
    whole, parts = calm(), calm()
    observe_series(whole, values, start=CALM)
    for minute, value in enumerate(values):
        if minute == 2:
            parts = Detection.restore(configuration(), {"universal": SmoothForecaster()}, parts.export_state())
        parts.observe([reading(CALM + minute, value)], tick_of(CALM + len(values)))
    assert parts.digest() == whole.digest()


def test_a_reading_without_an_open_anomaly_keeps_no_course() -> None:
    subject = calm()
    assert subject.roster.devices.course_metric[0] == -1
    observe_series(subject, [90.0, *noise(2)], start=CALM)
    assert subject.roster.devices.course_count[0] == 3


def fleet(minutes: range, subject: Detection, clock_off: float = 0.0) -> list[Anomaly]:
    """Ten devices a minute apart, of which the first has a clock that is off by `clock_off` minutes; facts, ticks included."""
    facts: list[Anomaly] = []
    for minute in minutes:
        batch = [reading(minute + (clock_off if device == 0 else 0.0), 20.0 + minute % 3, f"d{device}") for device in range(10)]
        facts += subject.observe(batch, tick_of(minute)).anomalies
        facts += subject.tick(tick_of(minute)).anomalies
    return facts


def test_a_device_that_is_heard_with_impossible_times_has_a_clock_fault() -> None:
    subject = detection()
    fleet(range(80), subject)
    (fact,) = fleet(range(80, 92), subject, clock_off=-60.0)
    assert (fact.device, fact.fault_kind) == ("d0", FaultKind.CLOCK)
    assert "readings with times that cannot be believed" in fact.reasons[0].text
    fleet(range(92, 95), subject)
    assert subject.roster.devices.refused.tolist()[0] == 0


def test_facts_of_earlier_releases_are_still_read() -> None:
    (opened, *_) = told([90.0, 20.0])
    old = {name: value for name, value in unpack(pack(opened), dict).items() if name != "how_often"}
    old["reasons"] = [{name: value for name, value in each.items() if name != "share"} for each in old["reasons"]]
    read = unpack(pack(old), Anomaly)
    assert (read.how_often, read.reasons[0].share) == ("", None)
