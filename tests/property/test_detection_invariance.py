"""What must not change a score: the future, the size of a batch, other devices, the unit of a metric, a restart."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.forecasters import SmoothForecaster
from support.readings import configuration, profile, reading, tick_of
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, Incident
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.contracts.ids import CommandId, DeviceId, SiteId
from tidegate.contracts.maintenance import MaintenanceWindow, WindowId
from tidegate.contracts.profile import Metric, Profile
from tidegate.contracts.reading import Reading
from tidegate.core.detection.detection import Detection
from tidegate.core.detection.results import DetectionResult

PROFILES = (
    profile(metrics={"heat": Metric(stuck_after=4, low=-1e6, high=1e6)}, alerts_per_device_day=50.0),
    profile("fan", metrics={"a": Metric(), "b": Metric(weight=2.0), "c": Metric()}, alerts_per_device_day=50.0),
)
TICK = tick_of(10_000)


def fresh(*profiles: Profile) -> Detection:
    return Detection(configuration(*(profiles or PROFILES)), {"universal": SmoothForecaster(warmup_readings=8)})


def random_readings(random_state: int, devices: int = 5, minutes: int = 120) -> list[Reading]:
    """Two profiles, missing metrics, missing readings, stuck stretches, spikes, repeats and stragglers."""
    random = np.random.default_rng(random_state)
    readings = []
    for minute in range(minutes):
        for number in random.permutation(devices).tolist():
            value = 500.0 if random.random() < 0.02 else float(np.round(random.normal(20.0, 1.0), random.integers(0, 6)))
            late = -3 if random.random() < 0.02 else 0
            names = ["heat"] if number % 2 else ["a", "b", "c"]
            metrics = {name: None if random.random() < 0.05 else value + k for k, name in enumerate(names)}
            kind = "pump" if number % 2 else "fan"
            if random.random() > 0.03:
                readings.append(
                    reading(minute + late, device=f"d{number}", profile=kind, metrics=metrics, gateway=f"g{number % 3}")
                )
    return readings


def judged(
    subject: Detection, readings: Sequence[Reading], cuts: Sequence[int]
) -> tuple[list[tuple[object, ...]], list[Anomaly]]:
    """Every score with its reading's name, bit for bit, and all anomalies by device, for readings cut into batches at `cuts`."""
    scores: list[tuple[object, ...]] = []
    anomalies: list[Anomaly] = []
    edges = [0, *sorted(cuts), len(readings)]
    for start, end in pairwise(edges):
        result = subject.observe(readings[start:end], TICK)
        found = result.scores
        for place, index in enumerate(found.index.tolist()):
            which = readings[start + index]
            numbers = (found.neg_log10_p[place], found.score[place], found.surprise[place])
            bits = tuple(float(value).hex() for value in numbers)
            scores.append((which.device, which.event_time_ms, *bits, int(found.state[place])))
        anomalies += result.anomalies
    return scores, sorted(anomalies, key=lambda fact: (fact.device, fact.event_time_ms, fact.id, fact.version))


def facts_of(result: DetectionResult) -> tuple[list[Anomaly], list[Incident]]:
    return result.anomalies, result.incidents


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.data())
def test_the_size_of_a_batch_changes_nothing_bit_for_bit(random_state: int, data: st.DataObject) -> None:
    readings = random_readings(random_state)
    cuts = data.draw(st.lists(st.integers(0, len(readings)), max_size=12))
    whole, pieces = fresh(), fresh()
    one, many = judged(whole, readings, []), judged(pieces, readings, cuts)
    assert one == many
    assert whole.digest() == pieces.digest()


def window(name: str, start: int, stop: int, **given: Any) -> Command:
    made = MaintenanceWindow(WindowId(name), tick_of(start), tick_of(stop), **given)
    return Command(CommandId(name), SiteId("s"), CommandKind.DECLARE_MAINTENANCE, window=made)


WINDOWS = st.lists(
    st.builds(
        window,
        st.sampled_from(["w1", "w2", "w3"]),
        st.integers(0, 100),
        st.integers(101, 130),
        devices=st.lists(st.sampled_from([f"d{number}" for number in range(5)]).map(DeviceId), max_size=2),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.data(), WINDOWS)
def test_within_maintenance_the_size_of_a_batch_changes_nothing_and_no_score_is_another(
    random_state: int, data: st.DataObject, windows: list[Command]
) -> None:
    readings = random_readings(random_state)
    cuts = data.draw(st.lists(st.integers(0, len(readings)), max_size=12))
    whole, pieces, without = fresh(), fresh(), fresh()
    for subject in (whole, pieces):
        for command in windows:
            subject.obey(command)
    one, many = judged(whole, readings, []), judged(pieces, readings, cuts)
    assert one == many
    assert whole.digest() == pieces.digest()
    assert one[0] == judged(without, readings, [])[0]
    opened = [fact for fact in one[1] if fact.status is AnomalyStatus.OPENED]
    kept = whole.anomalies.maintenance
    assert [fact for fact in opened if kept.covering((fact.site, fact.device, fact.gateway), fact.opened_at_ms)] == []


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 600), WINDOWS)
def test_windows_survive_a_restart_and_what_they_took_back_stays_so(random_state: int, cut: int, windows: list[Command]) -> None:
    readings = random_readings(random_state)
    profiles = [replace(each, lateness_seconds=600.0) for each in PROFILES]
    first = fresh(*profiles)
    first.observe(readings[:cut], TICK)
    retracted = [fact for command in windows for fact in first.obey(command).anomalies]
    assert all(fact.status is AnomalyStatus.RETRACTED for fact in retracted)
    forecasters = {"universal": SmoothForecaster(warmup_readings=8)}
    second = Detection.restore(configuration(*profiles), forecasters, first.export_state())
    assert second.digest() == first.digest()
    assert judged(second, readings[cut:], []) == judged(first, readings[cut:], [])
    assert facts_of(second.tick(tick_of(300))) == facts_of(first.tick(tick_of(300)))
    assert second.digest() == first.digest()
    gone = {fact.id for fact in retracted}
    assert not any(fact.id in gone for fact in first.anomalies.open.values())


def test_one_reading_at_a_time_is_the_same_as_all_at_once() -> None:
    readings = random_readings(1, minutes=90)
    whole, single = fresh(), fresh()
    assert judged(whole, readings, []) == judged(single, readings, range(1, len(readings)))
    assert whole.digest() == single.digest()


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 500))
def test_the_future_changes_no_score_that_is_out(random_state: int, length: int) -> None:
    readings = random_readings(random_state)
    known = judged(fresh(), readings[:length], [])[0]
    assert known == judged(fresh(), readings, [])[0][: len(known)]


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000))
def test_other_devices_change_no_score(random_state: int) -> None:
    readings = random_readings(random_state)
    together = judged(fresh(), readings, [])
    for name in ("d1", "d2"):
        alone = judged(fresh(), [each for each in readings if each.device == name], [])
        assert alone[0] == [score for score in together[0] if score[0] == name]
        assert alone[1] == [fact for fact in together[1] if fact.device == name]


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_among_devices_changes_no_score(random_state: int) -> None:
    readings = random_readings(random_state)
    shuffled = sorted(readings, key=lambda each: each.device)
    assert sorted(judged(fresh(), readings, [])[0]) == sorted(judged(fresh(), shuffled, [])[0])


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.floats(1e-6, 1e6), st.floats(-1e6, 1e6))
def test_measuring_in_another_unit_changes_no_score(random_state: int, scale: float, offset: float) -> None:
    random = np.random.default_rng(random_state)
    values = random.normal(0.0, 1.0, 200)
    values[150] = 40.0
    shift = offset * scale

    def surprises(series: np.ndarray) -> np.ndarray:
        batch = [reading(minute, value) for minute, value in enumerate(series.tolist())]
        return fresh(profile()).observe(batch, TICK).scores.surprise

    rounding = 1e-12 * (1.0 + abs(offset))
    np.testing.assert_allclose(surprises(values * scale + shift), surprises(values), rtol=1e-3 + 1e4 * rounding, atol=1e-2)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 600))
def test_a_restored_state_goes_on_as_if_nothing_had_happened(random_state: int, cut: int) -> None:
    readings = random_readings(random_state)
    first = fresh()
    first.observe(readings[:cut], TICK)
    first.tick(tick_of(200))
    second = Detection.restore(configuration(*PROFILES), {"universal": SmoothForecaster(warmup_readings=8)}, first.export_state())
    assert second.digest() == first.digest()
    assert judged(second, readings[cut:], []) == judged(first, readings[cut:], [])
    assert facts_of(second.tick(tick_of(300))) == facts_of(first.tick(tick_of(300)))
    assert second.digest() == first.digest()
    assert second.device_views() == first.device_views()


HOSTILE_NUMBERS = st.one_of(
    st.none(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-(10**400), 10**400),
    st.sampled_from([1e15, -1e15, 1e300, 5e-324, -0.0]),
)
HOSTILE_TIMES = st.one_of(st.integers(-(2**70), 2**70), st.integers(tick_of(0), tick_of(100)))
HOSTILE_NAMES = st.one_of(st.sampled_from(["d", "e", "x" * 10_000, "\x00", " d", "\ud800"]), st.text(max_size=5))
HOSTILE = st.builds(
    Reading,
    site=st.one_of(st.just("s"), HOSTILE_NAMES),
    device=HOSTILE_NAMES,
    profile=st.sampled_from(["pump", "fan", "unheard", ""]),
    event_time_ms=HOSTILE_TIMES,
    metrics=st.dictionaries(st.sampled_from(["heat", "a", "b", "zz"]), HOSTILE_NUMBERS, max_size=4),
    gateway=st.one_of(st.none(), HOSTILE_NAMES),
    sequence=st.one_of(st.none(), st.integers(-(2**70), 2**70)),
)


@pytest.mark.parametrize("lateness_seconds", [0.0, 600.0])
@settings(max_examples=60, deadline=None)
@given(batches=st.lists(st.lists(HOSTILE, max_size=12), max_size=4))
def test_whatever_comes_every_reading_is_accounted_for(lateness_seconds: float, batches: list[list[Reading]]) -> None:
    subject = fresh(*(replace(each, lateness_seconds=lateness_seconds) for each in PROFILES))
    for number, batch in enumerate(batches):
        result = subject.observe(batch, TICK)
        assert result.received == len(batch)
        assert result.received == result.scored + result.duplicate + result.quarantined + result.dead_lettered
        indices = [rejection.index for rejection in result.rejections]
        assert len(set(indices)) == len(indices) == result.quarantined + result.dead_lettered
        assert not set(indices) & set(result.scores.index.tolist())
        assert np.isfinite(result.scores.surprise).all()
        assert all(isinstance(rejection.reason, DeadLetterReason) for rejection in result.rejections)
        subject.tick(TICK + 2000 * number)
    assert all(view.score is None or 0.0 <= view.score <= 1.0 for view in subject.device_views())
    for view in subject.device_views():
        assert subject.explain(view.site, view.device) is not None
    subject.digest()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(st.floats(-1e15, 1e15), st.sampled_from([0.0, 1e15, -1e15, 5e-324])), min_size=60, max_size=120))
def test_extreme_but_finite_values_leave_finite_scores(values: list[float]) -> None:
    subject = fresh(profile())
    batch = [reading(minute, value) for minute, value in enumerate(values)]
    result = subject.observe(batch, TICK)
    assert result.scored == len(values)
    assert np.isfinite(result.scores.surprise).all()
    known = result.scores.neg_log10_p[~np.isnan(result.scores.neg_log10_p)]
    assert ((known >= 0.0) & (known <= 12.0)).all()


def test_memory_does_not_grow_with_the_stream() -> None:
    subject = fresh(profile())

    def size() -> int:
        return sum(array.nbytes for array in subject.export_state().values() if isinstance(array, np.ndarray))

    values = np.random.default_rng(9).normal(20.0, 1.0, 1500).tolist()
    subject.observe([reading(minute, value) for minute, value in enumerate(values[:100])], TICK)
    before = size()
    subject.observe([reading(minute, value) for minute, value in enumerate(values[100:], start=100)], TICK)
    assert size() == before
    assert len(subject.anomalies.open) <= 1


@pytest.mark.parametrize("column", ["row", "device"])
def test_state_per_row_and_device_is_no_more_than_promised(column: str) -> None:
    subject = fresh(profile())
    subject.observe([reading(0)], TICK)
    table = subject.roster.lanes[0].rows if column == "row" else subject.roster.devices
    assert table.bytes_per_row <= (1280 if column == "row" else 1024)
