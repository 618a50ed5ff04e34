"""Detection with the bundle that ships: the promises that hold for the double hold for the model, bit for bit."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from support.late import agree, final, live, shuffled, standing
from support.readings import configuration, noise, profile, reading, tick_of
from tidegate.adapters.bundles import bundle_catalogue, shipped_bundles
from tidegate.adapters.onnx import load_bundle
from tidegate.contracts.anomaly import AnomalyStatus
from tidegate.contracts.profile import Metric
from tidegate.contracts.reading import Reading
from tidegate.core.detection.detection import Detection
from tidegate.core.forecaster import Forecaster

MINUTES = 150
TICK = tick_of(MINUTES)
PROFILE = profile(metrics={"heat": Metric(), "flow": Metric()})


@cache
def universal() -> Forecaster:
    return load_bundle(bundle_catalogue([shipped_bundles()])["universal"])


def fresh() -> Detection:
    return Detection(configuration(PROFILE), {"universal": universal()})


def fleet(devices: int) -> list[Reading]:
    columns = [noise(MINUTES, number, centre=10.0**number) for number in range(devices)]
    return [
        reading(minute, device=f"d{number}", metrics={"heat": columns[number][minute], "flow": columns[-1 - number][minute]})
        for minute in range(MINUTES)
        for number in range(devices)
    ]


def by_device(subject: Detection, readings: list[Reading], batch: int) -> dict[str, list[str]]:
    scores: dict[str, list[str]] = {}
    for start in range(0, len(readings), batch):
        part = readings[start : start + batch]
        found = subject.observe(part, TICK).scores
        for index, rarity, surprise in zip(found.index, found.neg_log10_p, found.surprise, strict=True):
            scores.setdefault(part[index].device, []).append(f"{float(rarity).hex()} {float(surprise).hex()}")
    return scores


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_the_size_of_a_batch_changes_nothing_bit_for_bit(batch: int) -> None:
    readings = fleet(9)
    whole, cut = fresh(), fresh()
    assert by_device(whole, readings, len(readings)) == by_device(cut, readings, batch)
    assert whole.digest() == cut.digest()


def test_other_devices_change_no_score() -> None:
    readings = fleet(9)
    together = by_device(fresh(), readings, 64)
    for name in ("d0", "d8"):
        alone = by_device(fresh(), [each for each in readings if each.device == name], 64)
        assert alone[name] == together[name]


def test_a_restored_state_goes_on_bit_for_bit() -> None:
    readings = fleet(5)
    first = fresh()
    first.observe(readings[:400], TICK)
    second = Detection.restore(configuration(PROFILE), {"universal": universal()}, first.export_state())
    assert by_device(first, readings[400:], 64) == by_device(second, readings[400:], 17)
    assert first.digest() == second.digest()


def test_a_daily_rhythm_is_ordinary_and_a_spike_is_not() -> None:
    subject = Detection(configuration(profile()), {"universal": universal()})
    values = 20.0 + 5.0 * np.sin(2 * np.pi * np.arange(3000) / 1440) + np.random.default_rng(3).normal(0.0, 0.5, 3000)
    values[2500] = 45.0
    result = subject.observe([reading(minute, value) for minute, value in enumerate(values.tolist())], tick_of(3000))
    opened = [fact for fact in result.anomalies if fact.status is AnomalyStatus.OPENED]
    assert tick_of(2500) in [fact.opened_at_ms for fact in opened]
    assert len(opened) <= 3


@pytest.mark.parametrize("share", [0.05, 1.0])
def test_a_shuffle_within_the_horizon_converges_to_the_ordered_stream_bit_for_bit(share: float) -> None:
    spikes = {tick_of(minute) for minute in (110, 125)}
    readings = [replace(each, metrics={"heat": 1e6}) if each.event_time_ms in spikes else each for each in fleet(3)]
    late = replace(PROFILE, lateness_seconds=1200.0)
    ordered, subject = (Detection(configuration(late), {"universal": universal()}) for _ in range(2))
    expected = final(live(ordered, readings))
    mixed = shuffled(readings, 5, share, 20)
    agree(final(live(subject, mixed, range(0, len(mixed), 50))), expected)
    assert len(expected) >= 3
    assert standing(subject, pasts=False) == standing(ordered, pasts=False)
