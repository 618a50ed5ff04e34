"""What must not change a score where metrics are forecast jointly: the future, the size of a batch, other devices, a restart."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_detection_invariance import TICK, facts_of, judged

from support.forecasters import SmoothForecaster
from support.joint import METRICS, PROFILE
from support.readings import configuration, profile, reading, tick_of
from tidegate.adapters.onnx import load_bundle
from tidegate.contracts.profile import Metric
from tidegate.contracts.reading import Reading
from tidegate.core.detection.detection import Detection
from tidegate.core.forecaster import Forecaster

TURNED = replace(profile(metrics={name: Metric() for name in ("c", "a", "d", "b")}, alerts_per_device_day=50.0), bundle=PROFILE)
OTHER = profile("fan", metrics={"a": Metric(), "b": Metric()}, alerts_per_device_day=50.0)
FEW = settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MINUTES = 70


@pytest.fixture(scope="module")
def bundles(joint_bundle: Path) -> dict[str, Forecaster]:
    return {"universal": SmoothForecaster(warmup_readings=8), PROFILE: load_bundle(joint_bundle)}


def fresh(bundles: dict[str, Forecaster], lateness_seconds: float = 0.0) -> Detection:
    return Detection(configuration(replace(TURNED, lateness_seconds=lateness_seconds), OTHER), bundles)


def random_readings(random_state: int) -> list[Reading]:
    """Four devices, two of them alike; missing metrics, one for ever, missing readings, spikes, repeats and stragglers."""
    random = np.random.default_rng(random_state)
    readings = []
    for minute in range(MINUTES):
        load = random.normal()
        for number in random.permutation(4).tolist():
            values = 20.0 + load + random.normal(0.0, 0.3, 4) + 300.0 * (random.random(4) < 0.01)
            metrics = {
                name: None if random.random() < 0.05 or (number == 1 and name == "d") else float(value)
                for name, value in zip(METRICS, values, strict=True)
            }
            kind = "fan" if number == 3 else "pump"
            metrics = {name: metrics[name] for name in (OTHER if number == 3 else TURNED).metrics}
            late = -3 if random.random() < 0.02 else 0
            if random.random() > 0.03:
                readings.append(reading(minute + late, device=f"d{number}", profile=kind, metrics=metrics, gateway=f"g{number}"))
    return readings


@FEW
@given(st.integers(0, 10_000), st.data())
def test_the_size_of_a_batch_changes_nothing_bit_for_bit(
    bundles: dict[str, Forecaster], random_state: int, data: st.DataObject
) -> None:
    readings = random_readings(random_state)
    cuts = data.draw(st.lists(st.integers(0, len(readings)), max_size=12))
    whole, pieces = fresh(bundles), fresh(bundles)
    assert judged(whole, readings, []) == judged(pieces, readings, cuts)
    assert whole.digest() == pieces.digest()


@FEW
@given(st.integers(0, 10_000), st.integers(0, 300))
def test_neither_the_future_nor_other_devices_change_a_score(
    bundles: dict[str, Forecaster], random_state: int, length: int
) -> None:
    readings = random_readings(random_state)
    together = judged(fresh(bundles), readings, [])
    known = judged(fresh(bundles), readings[:length], [])[0]
    assert known == together[0][: len(known)]
    for name in ("d1", "d3"):
        alone = judged(fresh(bundles), [each for each in readings if each.device == name], [])
        assert alone[0] == [score for score in together[0] if score[0] == name]
        assert alone[1] == [fact for fact in together[1] if fact.device == name]


@FEW
@given(st.integers(0, 10_000), st.integers(0, 300))
def test_a_restored_state_goes_on_as_if_nothing_had_happened(bundles: dict[str, Forecaster], random_state: int, cut: int) -> None:
    readings = random_readings(random_state)
    first = fresh(bundles, 600.0)
    first.observe(readings[:cut], TICK)
    second = Detection.restore(configuration(replace(TURNED, lateness_seconds=600.0), OTHER), bundles, first.export_state())
    assert second.digest() == first.digest()
    assert judged(second, readings[cut:], []) == judged(first, readings[cut:], [])
    assert facts_of(second.tick(tick_of(300))) == facts_of(first.tick(tick_of(300)))
    assert second.digest() == first.digest()


def test_a_late_reading_leaves_the_state_that_its_place_in_time_would_have_left(bundles: dict[str, Forecaster]) -> None:
    readings = [each for each in random_readings(3) if each.device == "d0"]
    ordered = sorted(readings, key=lambda each: each.event_time_ms)
    late = [*ordered[:50], *ordered[51:54], ordered[50], *ordered[54:]]
    subjects = fresh(bundles, 600.0), fresh(bundles, 600.0)
    for subject, stream in zip(subjects, (ordered, late), strict=True):
        for one in stream:
            subject.observe([one], TICK)
    rows = [subject.roster.lanes[0].rows for subject in subjects]
    for name in ("model/scale", "model/memory", "quantiles"):
        assert rows[0].arrays[name][:4].tobytes() == rows[1].arrays[name][:4].tobytes()


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
def test_measuring_one_metric_in_another_unit_changes_no_score(
    bundles: dict[str, Forecaster], scale: float, offset: float
) -> None:
    values = np.random.default_rng(5).normal(0.0, 1.0, (90, 1)) + np.random.default_rng(6).normal(0.0, 0.3, (90, 4))
    values[70] += 30.0

    def surprises(series: np.ndarray) -> np.ndarray:
        rows = [dict(zip(METRICS, row, strict=True)) for row in series.tolist()]
        batch = [reading(minute, metrics=row) for minute, row in enumerate(rows)]
        return fresh(bundles).observe(batch, TICK).scores.surprise

    moved = np.concatenate([values[:, :1] * scale + offset * scale, values[:, 1:]], axis=1)
    np.testing.assert_allclose(surprises(moved), surprises(values), rtol=1e-3, atol=2e-2)
