"""An anomaly's life, from readings alone."""

import pytest

from support import calm
from support.calm import CALM, OTHERS, calm_pair
from support.readings import detection, noise, observe_series, profile, reading, tick_of
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, DeviceState, FaultKind, Severity
from tidegate.contracts.profile import Direction, Metric
from tidegate.core.detection.detection import Detection
from tidegate.core.detection.judgement import STATE_CODES
from tidegate.core.detection.profiles import WARMUP_READINGS
from tidegate.core.detection.results import Trouble


def calm_device(metric: Metric | None = None, **alarm: object) -> Detection:
    """A device that has shown ordinary noise around 20 for ten hours, under a policy of its own."""
    return calm.calm_device(profile(metrics={"heat": metric or Metric(unit="°C")}, **alarm))


def facts(subject: Detection, values: list[float | None]) -> list[Anomaly]:
    return observe_series(subject, values, start=CALM).anomalies


def test_a_spike_opens_one_anomaly_that_closes_after_quiet_readings() -> None:
    opened, closed = facts(calm_device(), [60.0, *noise(30, 1)])
    assert (opened.status, closed.status) == (AnomalyStatus.OPENED, AnomalyStatus.CLOSED)
    assert opened.id == closed.id
    assert (opened.version, closed.version) == (1, 2)
    assert opened.opened_at_ms == tick_of(CALM)
    assert closed.closed_at_ms == tick_of(CALM + 6)


def test_an_anomaly_says_what_was_expected_and_observed_and_how_rare_that_is() -> None:
    opened = facts(calm_device(), [60.0])[0]
    reason = next(reason for reason in opened.reasons if reason.stream == "residual")
    assert (reason.metric, reason.observed) == ("heat", 60.0)
    assert reason.expected == pytest.approx(20.0, abs=2.0)
    assert reason.expected_low is not None and reason.expected_high is not None
    assert reason.expected_low < 20.0 < reason.expected_high < 60.0
    assert "heat is 60 °C, expected" in reason.text
    assert opened.metrics == ["heat"]
    assert opened.score > 0.999
    assert opened.neg_log10_p > 4.0
    assert 0.5 < opened.confidence < 1.0
    assert opened.bundle == "smooth/1@000000000000"
    assert opened.policy.startswith("pump@")


def test_noise_alone_stays_within_a_few_times_the_budget() -> None:
    devices, minutes, subject = 144, 564, detection()
    values = list(zip(*[noise(minutes, n) for n in range(devices)], strict=True))
    readings = [reading(minute, value, device=f"d{n}") for minute in range(minutes) for n, value in enumerate(values[minute])]
    opened = [fact for fact in subject.observe(readings, tick_of(minutes)).anomalies if fact.status is AnomalyStatus.OPENED]
    device_days = devices * (minutes - WARMUP_READINGS) / 1440
    assert device_days == 50
    assert len(opened) <= 4 * 0.05 * device_days


def test_a_long_fault_is_one_anomaly_and_not_many() -> None:
    found = facts(calm_device(), [200.0 + value for value in noise(40, 2)])
    assert len({fact.id for fact in found}) == 1


def test_a_worse_reading_updates_the_open_anomaly() -> None:
    found = facts(calm_device(), [30.0, 30.0, 900.0])
    assert [fact.status for fact in found] == [AnomalyStatus.OPENED, AnomalyStatus.UPDATED]
    ranks = [list(Severity).index(fact.severity) for fact in found]
    assert ranks[1] > ranks[0]
    assert found[1].neg_log10_p > found[0].neg_log10_p
    assert found[1].opened_at_ms == found[0].opened_at_ms < found[1].event_time_ms


def test_a_warming_device_raises_no_statistical_alarm_and_says_that_it_is_warming() -> None:
    subject = detection()
    result = observe_series(subject, [*noise(50), 90.0])
    assert result.anomalies == []
    assert {STATE_CODES[code] for code in result.scores.state} == {DeviceState.WARMING}
    assert subject.device_views()[0].state is DeviceState.WARMING


def test_a_value_the_sensor_cannot_say_alarms_at_once_also_while_warming() -> None:
    subject = detection(profile(metrics={"heat": Metric(unit="°C", low=-40.0, high=120.0)}))
    (opened,) = observe_series(subject, [*noise(5), -9999.0]).anomalies
    assert opened.fault_kind is FaultKind.OUT_OF_RANGE
    assert opened.severity is Severity.MEDIUM
    assert "cannot say" in opened.reasons[0].text
    assert (opened.reasons[0].expected_low, opened.reasons[0].expected_high) == (-40.0, 120.0)


def test_an_impossible_value_teaches_the_model_nothing() -> None:
    metric = Metric(low=-40.0, high=120.0)
    with_it, without = calm_device(metric), calm_device(metric)
    observe_series(with_it, [-9999.0, *noise(20, 3)], start=CALM)
    observe_series(without, [None, *noise(20, 3)], start=CALM)
    quantiles = [subject.demand_rows("s").groups[0].quantiles.tolist() for subject in (with_it, without)]
    assert quantiles[0] == quantiles[1]


def test_demand_does_not_rest_on_a_value_the_sensor_cannot_say() -> None:
    subject = calm_device(Metric(low=-40.0, high=120.0))
    observe_series(subject, [9999.0], start=CALM)
    assert subject.device_views()[0].metrics == {"heat": 9999.0}
    assert subject.demand_rows("s").groups[0].values[0, 0] == pytest.approx(20.0, abs=2.0)


def test_direction_and_minimum_deviation_hold_alarms_back_and_explain_says_so() -> None:
    below_only = calm_device(Metric(direction=Direction.BELOW))
    assert facts(below_only, [60.0]) == []
    explained = below_only.explain("s", "d")
    assert explained is not None
    assert not explained.alarming
    assert any("direction" in rule for rule in explained.suppressed_by)
    assert facts(calm_device(Metric(direction=Direction.BELOW)), [-20.0]) != []
    assert facts(calm_device(Metric(minimum_deviation=50.0)), [60.0]) == []
    assert facts(calm_device(Metric(minimum_deviation=30.0)), [60.0]) != []


def test_an_anomaly_gives_no_reason_that_policy_holds_back() -> None:
    subject = calm_pair(profile(metrics={"heat": Metric(direction=Direction.BELOW), "flow": Metric()}))
    opened = subject.observe([reading(CALM, metrics={"heat": 900.0, "flow": 90.0})], tick_of(CALM)).anomalies[0]
    assert opened.metrics == ["flow"]
    explained = subject.explain("s", "d")
    assert explained is not None
    assert {reason.metric for reason in explained.streams} == {"heat", "flow"}


def test_a_score_does_not_depend_on_the_policy() -> None:
    scores = [
        observe_series(calm_device(metric), [60.0], start=CALM).scores.neg_log10_p[0]
        for metric in (Metric(), Metric(direction=Direction.BELOW), Metric(minimum_deviation=50.0))
    ]
    assert scores[0] == scores[1] == scores[2] > 4.0


def test_a_budget_of_zero_means_no_statistical_alarm() -> None:
    assert facts(calm_device(alerts_per_device_day=0.0), [900.0]) == []


def test_below_the_wanted_severity_nothing_opens() -> None:
    assert facts(calm_device(minimum_severity="critical"), [27.0]) == []


def test_a_stuck_sensor_is_found_where_the_metric_varies() -> None:
    opened = facts(calm_device(Metric(stuck_after=10)), [20.5] * 12)[0]
    assert opened.fault_kind is FaultKind.STUCK
    assert opened.opened_at_ms == tick_of(CALM + 9)
    assert "exactly 20.5 for 10 readings" in opened.reasons[0].text


def test_a_constant_metric_is_not_stuck() -> None:
    subject = detection(profile(metrics={"heat": Metric(stuck_after=10)}))
    assert observe_series(subject, [5.0] * CALM).anomalies == []


def test_a_device_that_begins_to_lose_readings_is_found() -> None:
    subject = calm_device()
    values = noise(60, 4)
    readings = [reading(CALM + 3 * step, value) for step, value in enumerate(values)]
    found = subject.observe(readings, tick_of(CALM + 200)).anomalies
    assert found
    assert found[0].fault_kind is FaultKind.DROPOUT
    assert "missed lately" in found[0].reasons[0].text


def test_a_reading_that_lacks_a_metric_is_judged_by_the_others_and_marked_partial() -> None:
    subject = calm_pair(profile(metrics={"heat": Metric(), "flow": Metric()}))
    result = subject.observe([reading(CALM, metrics={"heat": 60.0})], tick_of(CALM))
    assert STATE_CODES[result.scores.state[0]] is DeviceState.PARTIAL
    assert result.anomalies[0].metrics == ["heat"]


def test_one_faulty_metric_among_many_is_heard() -> None:
    names = [f"m{number}" for number in range(38)]
    subject = detection(profile(metrics={name: Metric() for name in names}))
    columns = [noise(CALM + 1, number) for number in range(38)]
    rows = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    rows[CALM]["m17"] = 90.0
    result = subject.observe([reading(t, metrics=row) for t, row in enumerate(rows)], tick_of(CALM))
    last = [fact for fact in result.anomalies if fact.opened_at_ms == tick_of(CALM)]
    assert [fact.metrics[0] for fact in last] == ["m17"]


def test_thresholds_do_not_sink_after_an_incident() -> None:
    """Ten devices with an incident of 40 readings behind them, through 1,000 ordinary ones."""
    subject, names = calm_device(), ("d", *OTHERS)
    columns = {name: [200.0 + value for value in noise(40, n)] + noise(160, 50 + n) for n, name in enumerate(names)}
    batch = [reading(CALM + at, values[at], device=name) for at in range(200) for name, values in columns.items()]
    opened = [fact for fact in subject.observe(batch, tick_of(CALM + 200)).anomalies if fact.status is AnomalyStatus.OPENED]
    assert len([fact for fact in opened if fact.opened_at_ms == tick_of(CALM)]) == len(names)
    assert len([fact for fact in opened if fact.opened_at_ms >= tick_of(CALM + 100)]) <= 1


@pytest.mark.parametrize("gap_minutes", [2, 10, 100, 100_000])
def test_a_gap_of_any_length_breaks_nothing(gap_minutes: int) -> None:
    subject = calm_device()
    later = subject.observe([reading(CALM + gap_minutes, 20.0)], tick_of(CALM + gap_minutes))
    assert later.scored == 1
    assert later.anomalies == []


def test_an_anomaly_is_trouble_to_act_on_when_it_is_confident_and_while_it_is_open() -> None:
    subject = calm_device()
    (opened,) = facts(subject, [60.0])
    assert subject.troubles("s") == [Trouble("d", opened.opened_at_ms)]
    assert subject.troubles("elsewhere") == []
    observe_series(subject, noise(30, 1), start=CALM + 1)
    assert subject.troubles("s") == []


def test_an_anomaly_of_a_device_that_is_warming_is_no_trouble_to_act_on() -> None:
    subject = detection(profile(metrics={"heat": Metric(unit="°C", high=100.0)}))
    found = observe_series(subject, [*noise(3, 0), 1e6]).anomalies
    assert [(fact.device_state, fact.confidence >= 0.5) for fact in found] == [(DeviceState.WARMING, True)]
    assert subject.troubles("s") == []
