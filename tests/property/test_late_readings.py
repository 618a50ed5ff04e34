"""Readings that come late, early or again within their horizon lead to what the ordered stream leads to."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.forecasters import SmoothForecaster
from support.late import TICK, agree, final, live, shuffled, standing
from support.readings import configuration, profile, reading
from tidegate.contracts.profile import Metric
from tidegate.contracts.reading import Reading
from tidegate.core.detection.detection import Detection

HORIZON_MINUTES = 20
PROFILES = (
    replace(
        profile(metrics={"heat": Metric(low=-1e6, high=1e6, stuck_after=4)}, alerts_per_device_day=50.0), lateness_seconds=1200.0
    ),
    replace(profile("fan", metrics={"a": Metric(), "b": Metric()}, alerts_per_device_day=50.0), lateness_seconds=1200.0),
)
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
