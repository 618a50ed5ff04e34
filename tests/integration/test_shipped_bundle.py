"""The universal bundle as shipped: small, complete, independent of its batch, and sane over a month of minutes."""

import hashlib
import re

import numpy as np
import pytest

from tidegate.adapters.bundles import shipped_bundles
from tidegate.adapters.onnx import OnnxForecaster, load_bundle
from tidegate.core.forecaster import ForecastStep, State

FOLDER = shipped_bundles() / "universal" / "1"
ROWS = 1000


@pytest.fixture(scope="module")
def forecaster() -> OnnxForecaster:
    return load_bundle(FOLDER)


def fresh(forecaster: OnnxForecaster, rows: int) -> State:
    return {tensor.name: np.zeros((rows, tensor.width), tensor.dtype) for tensor in forecaster.manifest.state}


def step(forecaster: OnnxForecaster, values: np.ndarray, state: State, rng: np.random.Generator | None = None) -> ForecastStep:
    """Take one reading per row, some missing, late or not learned from when `rng` is given."""
    ones = np.ones(len(values), np.float32)
    if rng is None:
        return forecaster.step(values, ones, ones, ones, state)
    mask = (rng.random(len(values)) > 0.1).astype(np.float32)
    return forecaster.step(values, mask, rng.choice([1.0, 1.0, 5.0, 200.0], len(values)).astype(np.float32), ones, state)


def test_it_is_smaller_than_a_mebibyte_and_names_what_made_it(forecaster: OnnxForecaster) -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 1 << 20
    manifest = forecaster.manifest
    assert manifest.model_sha256 == hashlib.sha256((FOLDER / "model.onnx").read_bytes()).hexdigest()
    assert {one.dataset for one in manifest.data} == {"nab", "aiops_kpi", "smd", "bitbrains"}
    assert all(re.fullmatch("[0-9a-f]{64}", one.sha256) and one.rows > 0 for one in manifest.data)
    assert re.fullmatch("[0-9a-f]{40}", manifest.commit)
    assert manifest.command.startswith("tidegate train universal --data ../shared/data ")
    assert manifest.state_bytes <= 500


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_a_rows_result_does_not_depend_on_its_batch_in_any_bit(forecaster: OnnxForecaster, size: int) -> None:
    rng = np.random.default_rng(size)
    state = fresh(forecaster, ROWS)
    sizes = 10.0 ** rng.uniform(-6, 9, ROWS)
    for _ in range(3):
        state = step(forecaster, sizes * rng.normal(size=ROWS), state, rng).state
    values, learn = sizes * rng.normal(size=ROWS), rng.random(ROWS).astype(np.float32)
    mask = (learn > 0.1).astype(np.float32)
    whole = forecaster.step(values, mask, learn * 9, learn, state)
    order = rng.permutation(ROWS)
    for at in range(0, ROWS, size):
        part = order[at : at + size]
        mine = {name: rows[part] for name, rows in state.items()}
        alone = forecaster.step(values[part], mask[part], learn[part] * 9, learn[part], mine)
        assert alone.quantiles.tobytes() == whole.quantiles[part].tobytes()
        assert all(alone.state[name].tobytes() == whole.state[name][part].tobytes() for name in state)


def test_another_unit_of_a_metric_changes_nothing_but_the_unit(forecaster: OnnxForecaster) -> None:
    rng = np.random.default_rng(3)
    series = np.sin(np.arange(400) / 20.0) + 0.1 * rng.normal(size=400)
    factors, offsets = np.array([1.0, 1e-6, 1e9, 3600.0]), np.array([0.0, 0.0, 0.0, -273.15])
    state = fresh(forecaster, 4)
    for i, value in enumerate(series):
        result = step(forecaster, factors * value + offsets, state)
        state = result.state
        if i > 0:
            plain = (result.quantiles - offsets[:, None, None]) / factors[:, None, None]
            np.testing.assert_allclose(plain, np.broadcast_to(plain[:1], plain.shape), atol=1e-5)


def test_bands_and_state_stay_finite_ordered_and_bounded_over_30000_hostile_readings(forecaster: OnnxForecaster) -> None:
    rng = np.random.default_rng(8)
    state = fresh(forecaster, 6)
    for i in range(30_000):
        values = np.array([5.0, np.sin(i / 200.0), 1e9 + rng.normal(), i, rng.standard_cauchy(), float(i % 97 == 0)])
        if i % 1009 == 0:
            values[i % 6] = (np.nan, 1e300, -np.inf)[i % 3]
        result = step(forecaster, values, state)
        state = result.state
        if i % 50 == 0:
            assert np.isfinite(result.quantiles).all()
            assert (np.diff(result.quantiles, axis=2) >= 0).all()
            assert np.isfinite(state["scale"]).all()
            assert np.abs(state["memory"]).max() <= 32.0


def test_the_band_of_a_noisy_wave_covers_about_nine_in_ten(forecaster: OnnxForecaster) -> None:
    rng = np.random.default_rng(5)
    rows, readings = 64, 900
    state, inside, last = fresh(forecaster, rows), [], None
    for i in range(readings):
        values = 50.0 + 10.0 * np.sin(2 * np.pi * (i + np.arange(rows) * 5) / 288.0) + rng.normal(size=rows)
        if last is not None and i > 300:
            inside.append((values >= last[:, 0, 1]) & (values <= last[:, 0, 5]))
        result = step(forecaster, values, state)
        state, last = result.state, result.quantiles
    assert 0.85 <= np.mean(inside) <= 0.97
