"""The joint forecaster and its lanes: metrics meet, units do not matter, and a metric that falls out takes nobody with it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tidegate.adapters.profiles import load_profiles
from tidegate.contracts.codec import encode
from tidegate.contracts.profile import Metric, Profile
from tidegate.contracts.reading import Reading
from tidegate.errors import InputError
from tidegate_training.data.devices import read_devices
from tidegate_training.data.dropping import dropped
from tidegate_training.data.lanes import LaneBatcher, LaneSource, lane_of
from tidegate_training.data.splits import split
from tidegate_training.data.synthetic import small_devices
from tidegate_training.models.cells import build
from tidegate_training.models.joint import JointForecaster
from tidegate_training.models.unroll import unroll
from tidegate_training.settings import JOINT_SMOKE

METRICS = 3
SETTINGS = replace(JOINT_SMOKE, metrics=METRICS)
READINGS = 120


@pytest.fixture
def model() -> JointForecaster:
    torch.manual_seed(0)
    return JointForecaster(METRICS, hidden=7, head=6).eval()


def load(readings: int = READINGS) -> np.ndarray:
    rng = np.random.default_rng(4)
    return np.sin(np.arange(readings) / 9.0)[:, None] * [1.0, 5.0, -2.0] + 0.1 * rng.normal(size=(readings, METRICS))


@torch.no_grad()
def follow(model: JointForecaster, values: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Quantiles [reading, metric, horizon, level] of one device."""
    scale, memory = model.fresh(1)
    mask, found = np.ones_like(values) if mask is None else mask, []
    for x, seen in zip(torch.from_numpy(values), torch.from_numpy(mask).float(), strict=True):
        step = model(x[None], seen[None], torch.ones(1), torch.ones(1), scale, memory)
        scale, memory = step.scale, step.memory
        found.append(step.quantiles[0])
    return torch.stack(found).numpy()


def test_its_memory_is_shared_evenly_by_the_metrics_and_the_rest_of_it_stays_zero(model: JointForecaster) -> None:
    assert (model.memory_width, model.memory_width % METRICS) == (15, 0)
    scale, memory = model.fresh(2)
    assert scale.shape == (2, 8 * METRICS)
    x = torch.from_numpy(load()[:2])
    after = model(x, torch.ones(2, METRICS), torch.ones(2), torch.ones(2), scale, memory).memory
    assert after[:, :14].abs().min() > 0.0
    assert not after[:, 14:].any()


def test_what_is_forecast_of_a_metric_depends_on_the_others(model: JointForecaster) -> None:
    values, other = load(), load()
    other[60:, 2] = -other[60:, 2]
    plain, moved = follow(model, values), follow(model, other)
    np.testing.assert_array_equal(moved[:60], plain[:60])
    assert np.abs(moved[61:, 0] - plain[61:, 0]).max() > 1e-6


@pytest.mark.parametrize(("factor", "offset"), [(1e-6, 0.0), (1e9, 0.0), (1.0, 1e4), (3600.0, -273.15)])
def test_another_unit_of_one_metric_changes_nothing_but_its_unit(model: JointForecaster, factor: float, offset: float) -> None:
    units = np.array([1.0, factor, 1.0]), np.array([0.0, offset, 0.0])
    rescaled = follow(model, load() * units[0] + units[1])
    back = (rescaled - units[1][:, None, None]) / units[0][:, None, None]
    np.testing.assert_allclose(back[1:], follow(model, load())[1:], atol=1e-4)


def test_metrics_that_are_out_for_ever_or_for_a_while_leave_all_forecasts_finite_and_ascending(model: JointForecaster) -> None:
    mask = np.ones((READINGS, METRICS))
    mask[:, 1], mask[30:70, 2], mask[80:83] = 0.0, 0.0, 0.0
    found = follow(model, np.where(mask > 0, load(), np.nan), mask)
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=3) >= 0).all()


def test_a_lane_of_a_device_keeps_its_metrics_side_by_side() -> None:
    values = load(8)
    values[2, 0], values[4:], values[7] = np.nan, np.nan, 1.0
    hidden = np.zeros(values.shape, bool)
    hidden[1, 2] = True
    lane = lane_of(values, np.arange(8) != 3, hidden)
    assert (len(lane), lane.metrics) == (7, METRICS)  # one is not read; a hole of three cells is readings without values
    assert lane.dt.tolist() == [1.0, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0]
    assert lane.mask.tolist() == [[1, 1, 1], [1, 1, 0], [0, 1, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 1, 1]]
    assert lane.targets.shape == (7, METRICS, 4)
    assert lane.targets[0, :, 0].tolist() == values[1].tolist()


def test_metrics_fall_out_for_whole_stretches_in_half_of_the_lanes() -> None:
    rng = np.random.default_rng(0)
    lanes = np.stack([dropped(50, METRICS, 0.5, rng) for _ in range(400)])
    touched = lanes.any(axis=1)
    assert 0.3 < touched.any(axis=1).mean() < 0.6
    assert 0.02 < lanes.all(axis=1).mean() < 0.1  # for ever
    assert np.abs(np.diff(lanes.astype(int), axis=1)).sum(axis=1).max() <= 2  # once
    assert not dropped(50, METRICS, 0.0, rng).any()


def test_training_sees_whole_devices_and_resets_them_whole() -> None:
    parts = split(small_devices("pumps", ("a", "b", "c")), 0.34, 7)
    assert (len(parts.train), len(parts.unseen)) == (2, 1)
    torch.manual_seed(1)
    model = build(SETTINGS)
    source = LaneSource(parts.train, SETTINGS)
    window = LaneBatcher(source, SETTINGS, np.random.default_rng(1)).next()
    assert window.x.shape == (SETTINGS.window, SETTINGS.lanes * METRICS)
    assert window.reset.shape == (SETTINGS.lanes,)
    assert (window.dt.reshape(SETTINGS.window, -1, METRICS) == window.dt[:, ::METRICS, None]).all()
    fresh = unroll(model, window, *model.fresh(SETTINGS.lanes))
    elsewhere = unroll(model, window, *(state + 5.0 for state in model.fresh(SETTINGS.lanes)))
    assert torch.equal(fresh.normalised, elsewhere.normalised)
    assert fresh.scale.shape == (SETTINGS.lanes, 8 * METRICS)
    graph = stepped(model, window.x, window.mask, window.dt)
    torch.testing.assert_close(fresh.memory, graph)


@torch.no_grad()
def stepped(model: JointForecaster, *columns: np.ndarray) -> Tensor:
    """The memory after the same readings by the step that is exported."""
    scale, memory = model.fresh(SETTINGS.lanes)
    for x, mask, dt in zip(*(torch.from_numpy(part).reshape(len(part), -1, METRICS) for part in columns), strict=True):
        step = model(x, mask.float(), dt[:, 0].float(), torch.ones(SETTINGS.lanes), scale, memory)
        scale, memory = step.scale, step.memory
    return memory


def boiler(path: Path) -> Profile:
    (path / "boiler.yaml").write_text("name: boiler\ninterval_seconds: 60\nmetrics: {heat: {}, flow: {}}\n", encoding="utf-8")
    return load_profiles([path / "boiler.yaml"])["boiler"]


def sent(device: str, minute: int, profile: str = "boiler", **metrics: float | None) -> bytes:
    return encode(Reading("s", device, profile, 1_700_000_000_000 + 60_000 * minute, metrics))


def test_own_telemetry_is_read_device_by_device_on_a_grid(tmp_path: Path) -> None:
    lines = [sent("one", minute, heat=float(minute), flow=None) for minute in (0, 1, 3, 2, 5)]
    lines += [sent("two", 0, flow=7.0), sent("pump", 0, profile="pump", heat=1.0)]
    (tmp_path / "history.jsonl").write_bytes(b"\n".join(lines))
    one, two = read_devices([tmp_path / "history.jsonl"], boiler(tmp_path))
    assert (one.group, one.interval_seconds, one.metrics) == ("s/one", 60.0, ("heat", "flow"))
    np.testing.assert_array_equal(one.values[:, 0], [0.0, 1.0, 2.0, 3.0, np.nan, 5.0])
    assert np.isnan(one.values[:, 1]).all()
    np.testing.assert_array_equal(two.values, [[np.nan, 7.0]])
    assert [column.name for column in one.columns] == ["heat", "flow"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([sent("d", 0, profile="pump", heat=1.0)], "no device of profile 'boiler' in .*; profiles there: pump"),
        ([], "profiles there: none"),
        ([sent("d", 0, heat=1.0), b"{"], r"history\.jsonl:2: "),
    ],
)
def test_telemetry_without_such_devices_or_that_is_none_is_refused(tmp_path: Path, lines: list[bytes], message: str) -> None:
    (tmp_path / "history.jsonl").write_bytes(b"\n".join(lines))
    with pytest.raises(InputError, match=message):
        read_devices([tmp_path / "history.jsonl"], boiler(tmp_path))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_devices([tmp_path / "none.jsonl"], Profile("boiler", 60.0, {"heat": Metric()}))
