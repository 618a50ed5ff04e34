"""Small self-made series for smoke runs and tests: daily waves, wandering levels, bursts, steps, and a constant."""

from collections.abc import Sequence

import numpy as np

from tidegate_training.data.series import DeviceSeries, Float64, Series


def small_series(random_state: int = 7, cells: int = 1200) -> list[Series]:
    """Return a dozen five-minute series in three groups, the same for the same `random_state`."""
    rng = np.random.default_rng(random_state)
    kinds = (_wave, _wander, _bursts, _steps)
    series = [
        _series(group, kind.__name__.strip("_"), kind(rng, cells)) for group in ("north", "south", "west") for kind in kinds
    ]
    return [*series, _series("north", "constant", np.full(cells, 5.0))]


def _series(group: str, name: str, values: Float64) -> Series:
    return Series("synthetic", group, name, values, 300.0, 1_700_000_000.0)


def _wave(rng: np.random.Generator, cells: int) -> Float64:
    day = 2.0 * np.pi * np.arange(cells) / 288.0
    return np.asarray(50.0 + 20.0 * np.sin(day) + rng.normal(size=cells))


def _wander(rng: np.random.Generator, cells: int) -> Float64:
    return np.asarray(np.cumsum(rng.normal(scale=0.1, size=cells)))


def _bursts(rng: np.random.Generator, cells: int) -> Float64:
    return np.asarray(1e6 * (1.0 + rng.exponential(size=cells) * (rng.random(cells) < 0.1)))


def _steps(rng: np.random.Generator, cells: int) -> Float64:
    return np.asarray(np.repeat(rng.integers(0, 5, size=-(-cells // 100)), 100)[:cells].astype(np.float64))


def small_devices(profile: str, metrics: Sequence[str], random_state: int = 7, cells: int = 600) -> list[DeviceSeries]:
    """Return three devices whose `metrics` follow one load, each in its own way and unit."""
    rng = np.random.default_rng(random_state)
    units, phases = 10.0 ** rng.uniform(-2, 4, len(metrics)), rng.uniform(0.0, 6.0, len(metrics))
    devices = []
    for group in ("north", "south", "west"):
        load = np.cumsum(rng.normal(scale=0.2, size=cells))[:, None]
        wave = np.sin(np.arange(cells)[:, None] / 20.0 + phases)
        values = units * (5.0 + wave + 0.3 * load + 0.1 * rng.normal(size=(cells, len(metrics))))
        devices.append(DeviceSeries("synthetic", group, profile, values, 300.0, 1_700_000_000.0, metrics=tuple(metrics)))
    return devices
