"""Readings that come late, early or again within their horizon lead to what the ordered stream leads to."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.forecasters import SmoothForecaster
from support.readings import MINUTE_MS, configuration, profile, reading, tick_of
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus
from tidegate.contracts.profile import Metric
from tidegate.contracts.reading import Reading
from tidegate.core.detection.amendment import AMEND_DECADES
from tidegate.core.detection.detection import Detection
from tidegate.core.detection.results import DetectionResult

HORIZON_MINUTES = 20
PROFILES = (
    replace(
        profile(metrics={"heat": Metric(low=-1e6, high=1e6, stuck_after=4)}, alerts_per_device_day=50.0), lateness_seconds=1200.0
    ),
    replace(profile("fan", metrics={"a": Metric(), "b": Metric()}, alerts_per_device_day=50.0), lateness_seconds=1200.0),
)
TICK = tick_of(10_000)
FORECASTERS = {"universal": SmoothForecaster(warmup_readings=8)}


WARM_MINUTES = 80


@cache
def warm_state() -> dict[str, Any]:
    """What the first readings, in order, leave behind: devices that may alarm. Lived once."""
    subject = Detection(configuration(*PROFILES), FORECASTERS)
    subject.observe(stream(0, 0, WARM_MINUTES), TICK)
    return subject.export_state()


def warm() -> Detection:
    return Detection.restore(configuration(*PROFILES), FORECASTERS, warm_state())


def stream(random_state: int, start: int = WARM_MINUTES, minutes: int = 60, devices: int = 3) -> list[Reading]:
    """An ordered stream with missing values, gaps and gateways that change, and, once devices are warm, spikes and shifts."""
    random = np.random.default_rng(random_state)
    readings = []
    for minute in range(start, start + minutes):
        for number in range(devices):
            odd = minute >= WARM_MINUTES and (random.random() < 0.1 or 90 <= minute < 90 + 4 * number)
            value = float(random.normal(20.0, 1.0)) + odd * float(random.uniform(3.0, 12.0))
            names = ["heat"] if number % 2 else ["a", "b"]
            metrics = {name: None if random.random() < 0.05 else value + k for k, name in enumerate(names)}
            given = {"profile": "pump" if number % 2 else "fan", "sequence": minute if number else None}
            if random.random() > 0.05:
                readings.append(reading(minute, device=f"d{number}", metrics=metrics, gateway=f"g{minute // 40}", **given))
    return readings


def shuffled(readings: Sequence[Reading], random_state: int, share: float, horizon_minutes: float) -> list[Reading]:
    """`share` of the readings later than they should be, by less than the horizon, and a tenth of all once more."""
    random = np.random.default_rng(random_state)
    delay = np.where(random.random(len(readings)) < share, random.uniform(0, horizon_minutes, len(readings)), 0.0) * MINUTE_MS
    due = [(each.event_time_ms + late, number) for number, (each, late) in enumerate(zip(readings, delay.tolist(), strict=True))]
    due += [
        (moment + random.uniform(0, horizon_minutes / 2) * MINUTE_MS, number) for moment, number in due if random.random() < 0.1
    ]
    return [readings[number] for _, number in sorted(due)]


def live(subject: Detection, readings: Sequence[Reading], cuts: Sequence[int] = ()) -> list[DetectionResult]:
    edges = [0, *sorted(cuts), len(readings)]
    return [subject.observe(readings[start:end], TICK) for start, end in pairwise(edges)]


def final(results: Sequence[DetectionResult]) -> dict[str, Anomaly]:
    """The latest version of each anomaly that stands; versions rise by one."""
    latest: dict[str, Anomaly] = {}
    for fact in [fact for result in results for fact in result.anomalies]:
        assert fact.version == (latest[fact.id].version + 1 if fact.id in latest else 1), fact
        latest[fact.id] = fact
    return {name: fact for name, fact in latest.items() if fact.status is not AnomalyStatus.RETRACTED}


def matter(fact: Anomaly) -> tuple[object, ...]:
    return (
        fact.device,
        fact.opened_at_ms,
        fact.closed_at_ms,
        fact.severity,
        fact.fault_kind,
        fact.gateway,
        sorted(fact.metrics),
        fact.bundle,
    )


def agree(ones: dict[str, Anomaly], others: dict[str, Anomaly]) -> None:
    assert {name: matter(fact) for name, fact in ones.items()} == {name: matter(fact) for name, fact in others.items()}
    for name, fact in ones.items():
        assert abs(fact.neg_log10_p - others[name].neg_log10_p) < AMEND_DECADES


def standing(subject: Detection, *, pasts: bool) -> dict[str, Any]:
    """The state without what only says how we came to it: versions and links of facts. Arrays as bytes."""
    state = subject.export_state()
    path_of_facts = {"version": 0, "status": "", "supersedes": None}
    state["anomalies"] = sorted([slot, fact | path_of_facts] for slot, fact in state["anomalies"])
    del state["past"]
    kept = {name: value for name, value in state.items() if pasts or not name.startswith("past/")}
    return {name: value.tobytes() if isinstance(value, np.ndarray) else value for name, value in kept.items()}


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.02, 0.2, 1.0]), st.data())
def test_any_shuffle_within_the_horizon_converges_to_the_ordered_stream(
    random_state: int, share: float, data: st.DataObject
) -> None:
    readings = stream(random_state)
    mixed = shuffled(readings, random_state, share, HORIZON_MINUTES)
    ordered, subject = warm(), warm()
    expected = final(live(ordered, readings))
    results = live(subject, mixed, data.draw(st.lists(st.integers(0, len(mixed)), max_size=20)))
    assert sum(result.scored for result in results) == len(readings)
    assert sum(result.duplicate for result in results) == len(mixed) - len(readings)
    agree(final(results), expected)
    assert standing(subject, pasts=False) == standing(ordered, pasts=False)


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10_000), st.floats(10.0, 40.0), st.data())
def test_how_arrivals_are_cut_into_batches_changes_neither_the_state_nor_what_stands(
    random_state: int, reach_minutes: float, data: st.DataObject
) -> None:
    mixed = shuffled(stream(random_state), random_state, 0.2, reach_minutes)
    one, many = warm(), warm()
    whole = live(one, mixed)
    pieces = live(many, mixed, data.draw(st.lists(st.integers(0, len(mixed)), max_size=20)))
    for count in ("scored", "duplicate", "dead_lettered", "late"):
        assert sum(getattr(each, count) for each in whole) == sum(getattr(each, count) for each in pieces)
    agree(final(whole), final(pieces))
    assert standing(one, pasts=True) == standing(many, pasts=True)


@pytest.mark.parametrize("random_state", range(3))
def test_a_restart_amid_a_horizon_changes_nothing(random_state: int) -> None:
    mixed = shuffled(stream(random_state), random_state, 0.2, HORIZON_MINUTES)
    subject, restarted = warm(), warm()
    for start in range(0, len(mixed), 23):
        facts = subject.observe(mixed[start : start + 23], TICK).anomalies
        restarted = Detection.restore(configuration(*PROFILES), FORECASTERS, restarted.export_state())
        assert restarted.observe(mixed[start : start + 23], TICK).anomalies == facts
        assert restarted.digest() == subject.digest()


def test_scores_of_a_late_reading_are_those_of_its_place_in_time() -> None:
    readings = [each for each in stream(3) if each.device == "d1"]
    ordered = warm().observe(readings, TICK)
    place = 20
    subject = warm()
    subject.observe([*readings[:place], *readings[place + 1 : place + 10]], TICK)
    late = subject.observe([readings[place]], TICK)
    assert (late.late, late.rerun >= 9) == (1, True)
    assert late.scores.neg_log10_p.tolist() == [ordered.scores.neg_log10_p[place]]
