"""Which scores are recorded, and that what is recorded explains as the live state did."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from support.forecasters import SmoothForecaster
from support.readings import START_MS, configuration, noise, profile, reading, tick_of
from tidegate.contracts.codec import pack, unpack
from tidegate.contracts.profile import Metric
from tidegate.contracts.reading import Reading
from tidegate.contracts.scores import ScoreBatch, ScoreSample, samples_of
from tidegate.contracts.views import Explanation, MetricPart
from tidegate.core.detection import samples as gathering
from tidegate.core.detection.recorded import explained, point_of
from tidegate.core.partition import Batch, Facts, Partition

PROFILES = (
    profile(metrics={"heat": Metric(unit="°C", low=-50.0, high=200.0, stuck_after=4)}),
    profile("fan", metrics={"a": Metric(), "b": Metric(unit="rpm")}),
)


def partition(every_seconds: float = 0.0) -> Partition:
    return Partition(configuration(*PROFILES, score_every_seconds=every_seconds), {"universal": SmoothForecaster()})


def step(subject: Partition, readings: Sequence[Reading]) -> Facts:
    return subject.step(Batch(readings[-1].event_time_ms, readings))


def recorded(facts: Facts) -> list[ScoreSample]:
    """Through the bytes of the topic."""
    return [sample for batch in facts.scores for sample in samples_of(unpack(pack(batch), ScoreBatch))]


def as_recorded(now: Explanation | None) -> Explanation | None:
    """Without what only the state knows: what the tail would say of other readings."""
    return now and replace(now, parts=[MetricPart(part.metric, part.share) for part in now.parts])


def test_every_recorded_sample_explains_as_the_live_state_does() -> None:
    subject = partition()
    values = [*noise(90), 150.0, 20.0, 20.0, 20.0, 20.0, 20.0, 400.0, None, 21.0]
    seen = 0
    for minute, value in enumerate(values):
        both = {"a": value, "b": None if minute % 7 == 0 else minute * 2.0}
        facts = step(subject, [reading(minute, value), reading(minute, device="f", profile="fan", metrics=both)])
        for sample in recorded(facts):
            assert explained(sample) == as_recorded(subject.detection.explain(sample.site, sample.device))
            assert sample.recorded_at_ms == tick_of(minute)
            seen += 1
    assert seen == 2 * len(values)


def test_a_device_is_recorded_when_its_time_enters_another_stretch() -> None:
    subject = partition(every_seconds=600.0)
    minutes = [minute for minute in range(100) if recorded(step(subject, [reading(minute, 20.0 + minute % 3)]))]
    first = START_MS // 60_000 % 10
    assert minutes == [0, *range(10 - first, 100, 10)]


def test_what_opens_and_closes_is_recorded_between_times_too() -> None:
    subject = partition(every_seconds=86_400.0)
    step(subject, [reading(minute, value) for minute, value in enumerate(noise(300))])
    (opened,) = recorded(step(subject, [reading(300, 150.0)]))
    assert opened.group.devices.anomaly[0] is not None
    assert explained(opened).alarming
    ends = [sample for minute, value in enumerate(noise(30), 301) for sample in recorded(step(subject, [reading(minute, value)]))]
    assert [explained(sample).alarming for sample in ends] == [False]


def test_a_repeat_records_nothing_and_a_reading_that_is_not_newer_neither() -> None:
    subject = partition()
    assert recorded(step(subject, [reading(5)]))
    assert recorded(step(subject, [reading(5)])) == []
    assert recorded(step(subject, [reading(4)])) == []


def test_a_message_stays_below_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "BATCH_BYTES", 20_000)
    subject = partition()
    fleet = [reading(0, device=f"{'d' * 100}{number}") for number in range(100)]
    facts = step(subject, [*fleet, reading(0, device="other", site="s2")])
    assert len(facts.scores) > 4
    assert all(len(pack(batch)) < 20_000 for batch in facts.scores)
    assert {sample.device for sample in recorded(facts)} == {each.device for each in fleet} | {"other"}
    assert [batch.site for batch in facts.scores].count("s2") == 1


def test_a_point_shows_what_was_observed_and_expected_and_nothing_for_what_was_missing() -> None:
    subject = partition()
    step(subject, [reading(minute, value) for minute, value in enumerate(noise(100))])
    (sample,) = recorded(step(subject, [reading(100, None)]))
    point = point_of(sample)
    assert point.metrics["heat"].observed is None
    assert point.neg_log10_p is None
    (sample,) = recorded(step(subject, [reading(101, 20.0)]))
    heat = point_of(sample).metrics["heat"]
    assert heat.observed == 20.0
    assert heat.expected_low is not None
    assert heat.expected_high is not None
    assert heat.expected_low < heat.expected_high


def test_a_sample_of_a_release_without_slow_evidence_still_explains_itself() -> None:
    subject = partition()
    step(subject, [reading(minute, value) for minute, value in enumerate(noise(100))])
    (batch,) = step(subject, [reading(100, 150.0)]).scores
    (group,) = batch.groups
    older = replace(
        group,
        devices=replace(group.devices, sustained=[]),
        values=replace(
            group.values, level=[], recent=[], usual=[], width=[], over=[], cross=[], suggested=[], season=[], neighbour=[]
        ),
    )
    (sample,) = samples_of(unpack(pack(replace(batch, groups=[older])), ScoreBatch))
    found = explained(sample)
    assert {reason.stream for reason in found.streams} == {"residual", "range"}
    assert found.device.unrest is None
