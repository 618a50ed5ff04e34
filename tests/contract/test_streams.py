"""What every evidence stream must keep to, whatever it looks for. A new one joins by its name in `STREAMS` and a fault here."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest

from support.forecasters import SmoothForecaster
from support.readings import configuration, profile, reading, tick_of
from tidegate.contracts.profile import Metric
from tidegate.contracts.reading import Reading
from tidegate.core.detection.detection import Detection
from tidegate.core.detection.row_scores import RARITY_CAP
from tidegate.core.detection.state import STREAMS

Values = np.ndarray
DROPOUT = "dropout"
ALL = (*STREAMS, DROPOUT)
METRICS = ("a", "b", "c", "d")
CALM = 300
TOLD = 2.0
"""−log10 p from which a stream has spoken up: once in a hundred readings."""


CONFIGURATION = configuration(profile(metrics={name: Metric(stuck_after=6) for name in METRICS}))
BUNDLES = {"universal": SmoothForecaster(warmup_readings=8)}
SCALE, OFFSET = np.array([1e-3, 7.0, 1e4, 1.0]), np.array([5.0, -300.0, 1e3, 0.0])


def fresh() -> Detection:
    return Detection(CONFIGURATION, BUNDLES)


def calm(readings: int = CALM, random_state: int = 0) -> Values:
    """Four metrics that move together, each with noise of its own; [readings, metric]."""
    random = np.random.default_rng(random_state)
    shared = random.normal(0.0, 1.0, (readings, 1)) + np.sin(np.arange(readings) / 40.0)[:, None]
    return 20.0 + shared * np.array([1.0, 2.0, -1.5, 1.0]) + random.normal(0.0, 0.2, (readings, 4))


def with_fault(stream: str) -> Values:
    """A calm stretch, and then what `stream` is there to find, in metric a."""
    values = np.concatenate([calm(), calm(40, 1)])
    late = values[CALM:]
    if stream in ("residual", "range"):
        late[5:, 0] += 60.0
    elif stream == "stuck":
        late[5:, 0] = late[5, 0]
    elif stream == "level":
        late[:, 0] += np.minimum(np.arange(40) * 0.4, 8.0)
    elif stream == "cross":
        late[:, 0] = 40.0 - late[:, 0]
    elif stream == "season":
        late[:, 0] += 5.0
    else:
        late[5:12] = np.nan
    return values


def readings_of(values: Values, start: int = 0) -> list[Reading]:
    rows = [[None if np.isnan(value) else float(value) for value in row] for row in values]
    return [reading(start + at, metrics=dict(zip(METRICS, row, strict=True))) for at, row in enumerate(rows)]


def said(subject: Detection, stream: str) -> list[float]:
    """−log10 p of `stream` for each row of the one device, after its last reading."""
    if stream == DROPOUT:
        return [float(subject.roster.devices.dropout_rarity[0])]
    rows = subject.roster.lanes[0].rows
    return rows.rarity[: rows.size, STREAMS.index(stream)].tolist()


def follow(subject: Detection, stream: str, readings: Sequence[Reading]) -> Iterator[list[float]]:
    for one in readings:
        subject.observe([one], one.event_time_ms)
        yield said(subject, stream)


@cache
def after_calm(scaled: bool) -> dict[str, Any]:
    """The state of a device that has seen the calm stretch; `scaled`: in other units."""
    subject = fresh()
    values = calm() * SCALE + OFFSET if scaled else calm()
    subject.observe(readings_of(values), tick_of(CALM))
    return subject.export_state()


def lived(scaled: bool = False) -> Detection:
    return Detection.restore(CONFIGURATION, BUNDLES, after_calm(scaled))


def fault(stream: str) -> list[Reading]:
    """The readings of the fault that follows the calm stretch."""
    return readings_of(with_fault(stream))[CALM:]


@pytest.mark.parametrize("stream", ALL)
def test_it_finds_what_it_is_there_for_and_is_calm_otherwise(stream: str) -> None:
    assert max(row[0] for row in follow(lived(), stream, fault(stream))) > TOLD
    more = readings_of(calm(60, 7), start=CALM)
    assert np.mean([row[0] > TOLD for row in follow(lived(), stream, more)]) < 0.05


@pytest.mark.parametrize("stream", ALL)
def test_it_depends_on_the_past_alone_and_not_on_batches(stream: str) -> None:
    one_by_one = list(follow(lived(), stream, fault(stream)))
    for cut in (7, 12, 40):
        whole = lived()
        whole.observe(fault(stream)[:cut], tick_of(10_000))
        assert said(whole, stream) == one_by_one[cut - 1]


def test_a_calm_stretch_in_one_batch_and_one_by_one_come_to_the_same() -> None:
    single = fresh()
    for one in readings_of(calm()):
        single.observe([one], tick_of(CALM))
    assert single.digest() == lived().digest()


@pytest.mark.parametrize("stream", ALL)
def test_it_goes_on_from_a_snapshot_as_if_nothing_had_happened(stream: str) -> None:
    first, readings = lived(), fault(stream)
    first.observe(readings[:6], tick_of(10_000))
    second = Detection.restore(CONFIGURATION, BUNDLES, first.export_state())
    assert list(follow(second, stream, readings[6:])) == list(follow(first, stream, readings[6:]))
    assert second.digest() == first.digest()


@pytest.mark.parametrize("stream", ALL)
def test_units_do_not_matter(stream: str) -> None:
    elsewhere = readings_of(with_fault(stream) * SCALE + OFFSET)[CALM:]
    here = list(follow(lived(), stream, fault(stream)))
    there = list(follow(lived(scaled=True), stream, elsewhere))
    np.testing.assert_allclose(there, here, atol=0.05)


def constant() -> Values:
    return np.full((90, 4), 7.0)


def missing() -> Values:
    return np.full((90, 4), np.nan)


def one_value() -> Values:
    return np.where(np.arange(90)[:, None] == 20, 5.0, np.full((90, 4), np.nan))


@pytest.mark.parametrize("values", [constant, missing, one_value])
@pytest.mark.parametrize("stream", [name for name in ALL if name != DROPOUT])
def test_it_has_nothing_to_say_where_there_is_nothing_to_see(stream: str, values: Callable[[], Values]) -> None:
    assert all(max(row) == 0.0 for row in follow(fresh(), stream, readings_of(values())))


@pytest.mark.parametrize("stream", ALL)
def test_huge_values_leave_it_finite_and_capped(stream: str) -> None:
    values = calm(100)
    values[70:75, 0], values[80, 1:] = 1e15, -1e15
    found = np.array(list(follow(fresh(), stream, readings_of(values))))
    assert np.isfinite(found).all()
    assert (found >= 0.0).all() and (found <= RARITY_CAP).all()


@pytest.mark.parametrize("stream", ALL)
def test_after_weeks_of_nothing_an_ordinary_value_is_no_news(stream: str) -> None:
    found = np.array(list(follow(lived(), stream, readings_of(calm(30, 2), start=CALM + 40_000))))
    assert np.mean(found > TOLD) < 0.05


@pytest.mark.parametrize("stream", ALL)
def test_a_device_with_other_metrics_begins_anew(stream: str) -> None:
    subject = lived()
    subject.observe(fault(stream), tick_of(10_000))
    subject.configure(configuration(profile(metrics={name: Metric(stuck_after=6) for name in ("b", "x")})))
    renewed = [reading(1000 + at, metrics={"b": float(at % 3), "x": 5.0}) for at in range(40)]
    found = list(follow(subject, stream, renewed))
    assert max(found[0]) == 0.0
    assert np.isfinite(found).all()
