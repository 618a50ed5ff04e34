"""Late readings: what counts, what it changes of what was told, and what it leaves alone."""

from dataclasses import replace
from typing import Any

import pytest

from support import calm
from support.calm import CALM, OTHERS
from support.forecasters import SmoothForecaster
from support.readings import configuration, detection, noise, observe_series, profile, reading, tick_of
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, FaultKind
from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.contracts.ids import DeviceId, GatewayId, SiteId
from tidegate.contracts.profile import Metric, Profile
from tidegate.contracts.reading import Reading
from tidegate.core.detection import arrivals
from tidegate.core.detection.archive import digest
from tidegate.core.detection.arrivals import LEAST_APART, MOST_KEPT, Standing, Verdict
from tidegate.core.detection.detection import Detection
from tidegate.core.detection.results import DetectionResult
from tidegate.core.detection.state import NEVER, RECENT_TIMES
from tidegate.pipeline.snapshots import chunk_snapshot, join_chunks, read_chunk

HORIZON_MINUTES = 30
FORECASTERS = {"universal": SmoothForecaster()}


def late_profile(horizon_minutes: float = HORIZON_MINUTES, **alarm: Any) -> Profile:
    return replace(profile(**alarm), lateness_seconds=60.0 * horizon_minutes)


def calm_device() -> Detection:
    return calm.calm_device(late_profile())


def minutes(subject: Detection, values: dict[int, float]) -> DetectionResult:
    """One batch: values by minute after the calm, in the order given."""
    return subject.observe([reading(CALM + minute, value) for minute, value in values.items()], tick_of(2 * CALM))


def usual(*spans: range) -> dict[int, float]:
    values = noise(200, 3)
    return {minute: values[minute] for span in spans for minute in span}


def told(facts: list[Anomaly]) -> list[tuple[str, int]]:
    return [(fact.status.value, fact.version) for fact in facts]


def test_a_late_reading_within_the_horizon_counts_in_its_place() -> None:
    ordered, subject = calm_device(), calm_device()
    minutes(ordered, usual(range(10)))
    minutes(subject, usual(range(4), range(5, 10)))
    result = minutes(subject, usual(range(4, 5)))
    assert (result.scored, result.late, result.duplicate, result.rejections) == (1, 1, 0, [])
    assert result.rerun >= 5
    assert result.anomalies == []
    assert subject.device_views() == ordered.device_views()


def test_an_orderly_stream_steps_no_reading_twice_and_keeps_the_same_state_as_without_a_horizon() -> None:
    with_horizon, without = detection(late_profile()), detection()
    results = [observe_series(subject, noise(200)) for subject in (with_horizon, without)]
    assert [result.rerun for result in results] == [0, 0]
    assert results[0].scores.neg_log10_p.tobytes() == results[1].scores.neg_log10_p.tobytes()
    assert with_horizon.device_views() == without.device_views()


def test_a_late_reading_leaves_other_devices_alone() -> None:
    subject, untouched = calm_device(), calm_device()
    minutes(subject, usual(range(4), range(5, 10)) | {4: 90.0})
    (before,) = (view for view in untouched.device_views() if view.device == "neighbour")
    (after,) = (view for view in subject.device_views() if view.device == "neighbour")
    assert after == before


def test_a_late_spike_opens_an_anomaly_at_its_own_time_and_says_that_it_is_over() -> None:
    subject = calm_device()
    minutes(subject, usual(range(4), range(5, 20)))
    opened, closed = minutes(subject, {4: 60.0}).anomalies
    assert told([opened, closed]) == [("opened", 1), ("closed", 2)]
    assert (opened.opened_at_ms, closed.closed_at_ms) == (tick_of(CALM + 4), tick_of(CALM + 10))
    assert (opened.closed_at_ms, opened.supersedes) == (None, None)


def test_a_later_spike_within_an_anomaly_amends_it() -> None:
    subject = calm_device()
    (opened,) = minutes(subject, usual(range(4)) | {4: 31.0} | usual(range(6, 8))).anomalies
    (amended,) = minutes(subject, {5: 60.0}).anomalies
    assert told([opened, amended]) == [("opened", 1), ("amended", 2)]
    assert amended.id == opened.id
    assert amended.opened_at_ms == opened.opened_at_ms
    assert amended.neg_log10_p > opened.neg_log10_p
    assert amended.is_open


def test_nothing_is_said_of_an_anomaly_when_nothing_that_matters_differs() -> None:
    subject = calm_device()
    opened = minutes(subject, usual(range(3)) | {4: 60.0} | usual(range(5, 8))).anomalies
    assert told(opened) == [("opened", 1)]
    assert minutes(subject, usual(range(3, 4))).anomalies == []
    assert told(minutes(subject, usual(range(8, 20))).anomalies) == [("closed", 2)]


def test_an_earlier_start_retracts_an_anomaly_and_opens_one_that_supersedes_it() -> None:
    subject = calm_device()
    (first,) = minutes(subject, usual(range(3)) | {4: 60.0} | usual(range(5, 7))).anomalies
    retracted, opened = minutes(subject, {3: 60.0}).anomalies
    assert told([first, retracted, opened]) == [("opened", 1), ("retracted", 2), ("opened", 1)]
    assert retracted.id == first.id != opened.id
    assert opened.supersedes == first.id
    assert opened.opened_at_ms == tick_of(CALM + 3)
    assert not retracted.is_open
    assert subject.device_views()[0].anomaly == opened.id
    assert [fact.id for fact in minutes(subject, usual(range(7, 20))).anomalies] == [opened.id]


def test_beyond_the_horizon_a_reading_is_too_late_and_says_what_would_not_have_been() -> None:
    subject = calm_device()
    minutes(subject, usual(range(5), range(6, 59)))
    before = subject.export_state()
    result = minutes(subject, usual(range(5, 6)))
    (rejection,) = result.rejections
    assert rejection.reason is DeadLetterReason.TOO_LATE
    assert f"is before {tick_of(CALM + 58 - HORIZON_MINUTES)}," in rejection.message
    assert "lateness_seconds is 1800" in rejection.message
    assert (result.scored, result.late, result.dead_lettered) == (0, 0, 1)
    after = subject.export_state()
    assert after["device/refused"].sum() - before["device/refused"].sum() == 1
    assert digest(after) == digest(before | {"device/refused": after["device/refused"]})


def test_the_horizon_includes_its_own_end() -> None:
    subject = calm_device()
    minutes(subject, usual(range(10), range(11, 41)))
    assert minutes(subject, usual(range(10, 11))).late == 1


@pytest.mark.parametrize("sequence", [None, 9])
def test_a_repeat_has_no_effect_also_of_a_reading_that_was_itself_late(sequence: int | None) -> None:
    subject = calm_device()
    late = reading(CALM + 4, 60.0, sequence=sequence)
    minutes(subject, usual(range(4), range(5, 10)))
    assert subject.observe([late, late], tick_of(2 * CALM)).duplicate == 1
    before = subject.digest()
    result = subject.observe([late, replace(late, metrics={"heat": 1.0})], tick_of(2 * CALM))
    assert (result.duplicate, result.scored, result.rerun) == (2, 0, 0)
    assert subject.digest() == before


def test_a_repeated_sequence_is_a_duplicate_beside_the_reading_that_has_it() -> None:
    subject = calm_device()
    numbered = [reading(CALM + minute, 20.0, sequence=minute) for minute in (0, 1, 2, 4, 5)]
    subject.observe(numbered, tick_of(2 * CALM))
    again = [reading(CALM + 2.5, 20.0, sequence=2), reading(CALM + 3.5, 20.0, sequence=4), reading(CALM + 3, 20.0, sequence=3)]
    result = subject.observe(again, tick_of(2 * CALM))
    assert (result.duplicate, result.late) == (2, 1)


def test_what_was_settled_and_comes_again_is_a_duplicate_and_what_never_came_is_too_late() -> None:
    subject = calm_device()
    batch = [reading(CALM + minute, 20.0, sequence=minute) for minute in range(200) if minute != 60]
    subject.observe(batch, tick_of(2 * CALM))
    result = subject.observe(batch, tick_of(2 * CALM))
    assert (result.duplicate, result.dead_lettered) == (199, 0)
    unnumbered = subject.observe([reading(CALM + 60, 20.0)], tick_of(2 * CALM))
    assert [rejection.reason for rejection in unnumbered.rejections] == [DeadLetterReason.TOO_LATE]


def test_a_device_that_speaks_too_often_has_a_shorter_horizon(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, second = 160, 1 / 60  # in place of 1,280 readings, each of which would be stepped here
    monkeypatch.setattr(arrivals, "MOST_KEPT", kept)
    subject, newest = calm_device(), kept + kept // 4
    subject.observe([reading(CALM + number * second, 20.0) for number in range(newest + 1)], tick_of(2 * CALM))
    within, beyond = (reading(CALM + (newest - back) * second, 20.0) for back in (kept // 2 - 0.5, kept + 0.5))
    result = subject.observe([within, beyond], tick_of(2 * CALM))
    assert (result.late, [rejection.index for rejection in result.rejections]) == (1, [1])
    assert subject.lateness.checkpoints.pasts.since_older.max() <= kept


def test_endless_late_readings_settle_what_they_fall_into() -> None:
    standing = Standing(10**9, NEVER, NEVER, NEVER, [], [], [NEVER] * RECENT_TIMES, NEVER, 0)
    verdicts = [standing.take(10**6 - step, NEVER) for step in range(3 * MOST_KEPT)]
    assert standing.since_older <= MOST_KEPT
    assert verdicts[-1] is Verdict.TOO_LATE
    assert verdicts.count(Verdict.LATE) <= MOST_KEPT
    assert standing.take(10**6 + 1, NEVER) is Verdict.NEWEST


def bytes_kept(subject: Detection) -> int:
    lateness = subject.lateness
    tables = [lateness.checkpoints.pasts, lateness.tail.entries, lateness.tail.values, *lateness.checkpoints.rows.values()]
    return sum(array.nbytes for table in tables for array in table.arrays.values())


def test_without_a_horizon_nothing_is_kept() -> None:
    subject = detection()
    observe_series(subject, noise(200))
    subject.export_state()
    assert bytes_kept(subject) == 0
    assert (subject.lateness.silences, subject.anomalies.ledgers, subject.lateness.tail_readings) == ({}, {}, 0)


def test_memory_of_a_horizon_does_not_grow_with_the_stream() -> None:
    subject = calm_device()
    for start in range(0, 600, 150):
        values = noise(150, start)
        values[::50] = [60.0] * 3
        late_tenths = [start + 10 * block + each for block in range(15) for each in (0, 2, 1, 5, 4, 3, 9, 8, 7, 6)]
        subject.observe([reading(CALM + minute, values[minute - start]) for minute in late_tenths], tick_of(9000))
        subject.export_state()
        assert subject.lateness.tail.entries.size == subject.lateness.tail_readings
        assert subject.lateness.checkpoints.pasts.since_older.max() <= 2 * HORIZON_MINUTES + LEAST_APART
        assert sum(len(ledger) for ledger in subject.anomalies.ledgers.values()) <= 3


def live(subject: Detection, span: range, without: tuple[str, ...] = ()) -> list[Anomaly]:
    facts = []
    for minute in span:
        names = [name for name in ("d", *OTHERS) if name not in without]
        batch = [reading(CALM + minute, 20.0 + minute % 3, device=name) for name in names]
        facts += subject.observe(batch, tick_of(CALM + minute)).anomalies + subject.tick(tick_of(CALM + minute)).anomalies
    return facts


def test_a_told_silence_stays_told_and_late_readings_end_it() -> None:
    subject = calm_device()
    live(subject, range(5))
    (silence,) = live(subject, range(5, 20), without=("d",))
    assert silence.fault_kind is FaultKind.SILENCE
    assert live(subject, range(20, 22)) == []
    facts = subject.observe([reading(CALM + minute, 20.0) for minute in range(5, 20)], tick_of(CALM + 22)).anomalies
    assert told(facts) == [("closed", 2)]
    assert facts[0].id == silence.id
    assert facts[0].closed_at_ms == tick_of(CALM + 10)


def test_a_late_reading_does_not_make_a_silent_device_speak() -> None:
    subject = calm_device()
    live(subject, range(5))
    live(subject, range(6, 8))
    live(subject, range(8, 30), without=("d",))
    subject.observe([reading(CALM + 5, 20.0)], tick_of(CALM + 30))
    assert subject.device_views()[0].state.value == "stale"
    subject.tick(tick_of(CALM + 31))
    assert subject.device_views()[0].state.value == "stale"


def test_who_serves_a_device_is_allocations_word_also_in_an_amended_past() -> None:
    subject = calm_device()
    batch = [reading(CALM + minute, value, gateway="g1") for minute, value in usual(range(3), range(4, 8)).items()]
    subject.observe(batch, tick_of(2 * CALM))
    subject.assign(SiteId("s"), DeviceId("d"), GatewayId("g2"))
    facts = subject.observe([reading(CALM + 3, 60.0, gateway="g1")], tick_of(2 * CALM)).anomalies
    assert {fact.gateway for fact in facts} == {"g2"}
    assert subject.device_views()[0].gateway == "g2"


def test_an_incident_lists_what_took_a_retracted_anomalys_place() -> None:
    subject = calm_device()
    names = ["d", "a", "b", "c"]

    def speak(minute: int, *, value: float = 20.0, among: list[str] = names) -> list[Any]:
        batch = [reading(CALM + minute, value if name == "d" else 20.0, device=name, gateway="g") for name in among]
        batch += [reading(CALM + minute, 20.0, device=f"other{number}", gateway="h") for number in range(6)]
        subject.observe(batch, tick_of(CALM + minute))
        return subject.tick(tick_of(CALM + minute)).incidents

    for minute in (0, 1, 2, 4):
        speak(minute)
    speak(5, value=60.0)
    incidents = [fact for minute in range(6, 20) for fact in speak(minute, among=[])]
    (incident,) = incidents
    (first,) = incident.anomalies
    result = subject.observe([reading(CALM + 3, 60.0, gateway="g")], tick_of(CALM + 20))
    opened = next(fact for fact in result.anomalies if fact.status is AnomalyStatus.OPENED)
    assert opened.supersedes == first
    (updated,) = result.incidents
    assert (updated.id, updated.version, updated.anomalies) == (incident.id, incident.version + 1, [opened.id])


def test_a_horizon_that_is_turned_on_begins_where_the_device_stands() -> None:
    subject = calm.calm_device()
    minutes(subject, {0: 60.0, 2: 20.0})
    subject.configure(configuration(late_profile()))
    assert minutes(subject, {3: 20.0, 1: 20.0}).rejections[0].reason is DeadLetterReason.TOO_LATE
    assert minutes(subject, usual(range(5, 7), range(4, 5))).late == 1
    (closed,) = minutes(subject, usual(range(7, 20))).anomalies
    assert told([closed]) == [("closed", 2)]


@pytest.mark.parametrize("after", [profile(), replace(late_profile(), metrics={"heat": Metric(), "flow": Metric()})])
def test_a_horizon_ends_with_its_setting_and_with_the_shape_of_its_devices(after: Profile) -> None:
    subject = calm_device()
    minutes(subject, usual(range(3), range(4, 10)) | {10: 60.0})
    subject.configure(configuration(after))
    assert subject.lateness.tail_readings == 0
    assert minutes(subject, usual(range(3, 4))).dead_lettered == 1
    assert minutes(subject, usual(range(11, 20))).scored == 9


def test_one_past_may_end_while_others_go_on() -> None:
    fan = replace(late_profile(), name="fan")
    subject = detection(late_profile(), fan)
    both: list[Reading] = []
    for minute in range(40):
        both += [reading(minute, device="d"), reading(minute, device="e", profile="fan", metrics={"heat": 20.0 + minute % 5})]
    subject.observe([each for number, each in enumerate(both) if number not in (60, 61)], tick_of(40))
    subject.configure(configuration(profile(), fan))
    result = subject.observe([both[60], both[61]], tick_of(40))
    assert (result.late, [rejection.index for rejection in result.rejections]) == (1, [0])
    alone = detection(fan)
    alone.observe(both[1::2], tick_of(40))
    assert [view for view in subject.device_views() if view.device == "e"] == alone.device_views()


def test_a_snapshot_amid_a_horizon_holds_everything_that_may_still_be_amended() -> None:
    subject = calm_device()
    minutes(subject, usual(range(3)) | {4: 60.0} | usual(range(5, 7)))
    live(subject, range(7, 20), without=("d",))
    state = subject.export_state()
    parts = [read_chunk(raw) for raw in chunk_snapshot(0, 1, {}, state)]
    restored = Detection.restore(configuration(late_profile()), FORECASTERS, join_chunks(parts).state)
    assert restored.digest() == subject.digest()
    for each in (subject, restored):
        assert [fact.status for fact in minutes(each, {3: 60.0}).anomalies] == ["retracted", "opened"]
    assert restored.digest() == subject.digest()
