"""When new behaviour becomes the new normal, when it never does, and what people's word changes of it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from support.forecasters import SmoothForecaster
from support.readings import configuration, noise, observe_series, profile, reading, tick_of
from tidegate.contracts.annotation import AnomalyLabel
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, FaultKind
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.ids import CommandId, SiteId
from tidegate.contracts.profile import Metric, Profile
from tidegate.core.detection.detection import Detection

CALM = 100
ABSORB = 40
BUNDLES = {"universal": SmoothForecaster()}
MOVED = 50.0
"""The new level; the old one is 20, and both have a standard deviation of 1."""


def policy(absorb_after: int = ABSORB, **given: Any) -> Profile:
    return profile(absorb_after=absorb_after, **given)


@cache
def shifted_state() -> dict[str, Any]:
    """A device that was calm, moved, and has been at its new level for 30 readings. Lived once for all tests."""
    subject = Detection(configuration(policy()), BUNDLES)
    facts = observe_series(subject, [*noise(CALM), *noise(30, 1, MOVED)]).anomalies
    assert [fact.status for fact in facts] == [AnomalyStatus.OPENED, AnomalyStatus.UPDATED]  # that it is a level shift
    return subject.export_state()


def shifted(chosen: Profile | None = None) -> Detection:
    return Detection.restore(configuration(chosen or policy()), BUNDLES, shifted_state())


def go_on(subject: Detection, values: Sequence[float | None], start: int = CALM + 30) -> list[Anomaly]:
    return observe_series(subject, values, start=start).anomalies


def label(subject: Detection, what: AnomalyLabel) -> None:
    anomaly = subject.device_views()[0].anomaly
    assert anomaly is not None
    subject.obey(Command(CommandId(what), SiteId("s"), CommandKind.LABEL_ANOMALY, "anna", anomaly_id=anomaly, label=what))


def is_accepted(fact: Anomaly) -> bool:
    return fact.reasons[0].stream == "acceptance"


def test_a_shift_stays_open_until_the_metric_returns_though_the_forecast_follows() -> None:
    subject = shifted()
    assert subject.device_views()[0].anomaly is not None
    facts = go_on(subject, noise(40, 2))
    assert [fact.status for fact in facts] == [AnomalyStatus.CLOSED]
    assert not is_accepted(facts[0])


def test_a_new_level_that_lasts_is_accepted_and_the_fact_says_so() -> None:
    subject = shifted()
    (closed,) = go_on(subject, noise(160, 2, MOVED))
    assert (closed.status, closed.version) == (AnomalyStatus.CLOSED, 3)
    assert closed.fault_kind is FaultKind.LEVEL_SHIFT
    assert closed.closed_at_ms is not None
    assert closed.closed_at_ms >= tick_of(CALM + ABSORB)
    assert closed.reasons[0].text.startswith("accepted as the new normal: heat at 4")
    assert closed.reasons[0].text.endswith(("hours", "minutes"))
    assert closed.reasons[1].stream != "acceptance"


def test_what_is_accepted_is_usual_from_then_on() -> None:
    subject, never = shifted(), shifted(policy(0))
    for each in (subject, never):
        go_on(each, noise(180, 2, MOVED))
    usual = [each.roster.lanes[0].rows.level_usual[0] for each in (subject, never)]
    assert usual[0] == pytest.approx(MOVED, abs=4.0)
    assert usual[1] < MOVED - 10.0
    assert (subject.device_views()[0].anomaly, never.device_views()[0].anomaly is None) == (None, False)
    assert go_on(subject, noise(60, 3, MOVED), start=CALM + 210) == []


def test_a_true_alarm_is_never_accepted_and_can_be_taken_back() -> None:
    subject = shifted()
    label(subject, AnomalyLabel.TRUE_ALARM)
    assert go_on(subject, noise(160, 2, MOVED)) == []
    label(subject, AnomalyLabel.UNSURE)
    (closed,) = go_on(subject, noise(10, 3, MOVED), start=CALM + 190)
    assert is_accepted(closed)


def test_a_true_alarm_ends_when_the_metric_returns() -> None:
    subject = shifted()
    label(subject, AnomalyLabel.TRUE_ALARM)
    (closed,) = go_on(subject, noise(40, 2))
    assert not is_accepted(closed)


def test_a_new_trend_is_accepted_with_the_next_reading() -> None:
    subject = shifted()
    label(subject, AnomalyLabel.NEW_TREND)
    (closed,) = go_on(subject, noise(5, 2, MOVED))
    assert closed.closed_at_ms == tick_of(CALM + 30)
    assert closed.reasons[0].text == "accepted as the new normal: labelled new-trend"


def test_a_label_of_another_anomaly_changes_nothing() -> None:
    subject = shifted()
    before = subject.digest()
    asked = Command(CommandId("c"), SiteId("s"), CommandKind.LABEL_ANOMALY, anomaly_id="other", label=AnomalyLabel.NEW_TREND)
    subject.obey(asked)
    assert subject.digest() == before


def test_a_sensor_that_sticks_at_a_new_value_is_not_accepted() -> None:
    subject = shifted(policy(metrics={"heat": Metric(stuck_after=6)}))
    go_on(subject, [MOVED] * 160)
    assert subject.device_views()[0].anomaly is not None


def test_another_metric_that_fails_meanwhile_is_told() -> None:
    two = policy(metrics={"heat": Metric(), "flow": Metric()})
    subject = Detection(configuration(two), BUNDLES)
    columns = [*noise(CALM), *noise(30, 1, MOVED)], noise(CALM + 30, 2)
    rows = [{"heat": heat, "flow": flow} for heat, flow in zip(*columns, strict=True)]
    subject.observe([reading(minute, metrics=row) for minute, row in enumerate(rows)], tick_of(CALM + 30))
    (updated,) = subject.observe([reading(CALM + 30, metrics={"heat": MOVED, "flow": 90.0})], tick_of(CALM + 30)).anomalies
    assert updated.status is AnomalyStatus.UPDATED
    assert "flow" in updated.metrics


@pytest.mark.parametrize("word", [AnomalyLabel.TRUE_ALARM, AnomalyLabel.NEW_TREND, AnomalyLabel.EXPECTED])
def test_neither_batches_nor_a_restart_change_what_is_accepted(word: AnomalyLabel) -> None:
    whole, single = shifted(), shifted()
    values = noise(130, 2, MOVED)
    label(whole, word)
    facts = go_on(whole, values)
    label(single, word)
    single = Detection.restore(configuration(policy()), BUNDLES, single.export_state())
    pieces = [go_on(single, values[start : start + 13], start=CALM + 30 + start) for start in range(0, 130, 13)]
    assert [fact for piece in pieces for fact in piece] == facts
    assert single.digest() == whole.digest()


def test_a_late_reading_leaves_an_acceptance_as_it_was_told() -> None:
    late = replace(policy(), lateness_seconds=1800.0)
    subject = Detection(configuration(late), BUNDLES)
    values = [*noise(CALM), *noise(150, 1, MOVED)]
    missing = CALM + 145
    batch = [reading(minute, value) for minute, value in enumerate(values) if minute != missing]
    told = [fact for fact in subject.observe(batch, tick_of(300)).anomalies if fact.status is AnomalyStatus.CLOSED]
    assert [is_accepted(fact) for fact in told] == [True]
    result = subject.observe([reading(missing, values[missing])], tick_of(300))
    assert (result.late, result.anomalies) == (1, [])
    ordered = Detection(configuration(late), BUNDLES)
    ordered.observe([reading(minute, value) for minute, value in enumerate(values)], tick_of(300))
    assert subject.device_views() == ordered.device_views()


def test_behaviour_is_accepted_exactly_when_it_lasts_and_is_calm_for_the_way_it_went() -> None:
    """64 devices jump by 20 to 200 sigma; half of them are calm there, half are not, and half of each come back too early."""
    random, devices, after = np.random.default_rng(5), 64, 170
    subject = Detection(configuration(policy()), BUNDLES)
    jump = random.uniform(20.0, 200.0, devices) * random.choice([-1.0, 1.0], devices)
    calm, lasts = np.arange(devices) % 2 == 0, np.arange(devices) % 4 < 2
    spread = np.where(calm, random.uniform(0.01, 0.1, devices), random.uniform(0.35, 0.8, devices)) * np.abs(jump)
    values = random.normal(20.0, 1.0, (CALM + after, devices))
    until = np.where(lasts, after, ABSORB - 5)
    there = np.arange(after)[:, None] < until
    values[CALM:] = np.where(there, 20.0 + jump + spread * random.normal(size=(after, devices)), values[CALM:])
    batch = [reading(minute, value, device=f"d{n}") for minute, row in enumerate(values) for n, value in enumerate(row.tolist())]
    facts = subject.observe(batch, tick_of(CALM + after)).anomalies
    accepted = {fact.device for fact in facts if is_accepted(fact)}
    assert accepted == {f"d{n}" for n in np.flatnonzero(calm & lasts)}
