"""Forecaster doubles that obey the Protocol: exponentially weighted level and spread, elementwise, no model file."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate.contracts.ids import MetricName
from tidegate.contracts.manifest import BundleManifest, StateTensor
from tidegate.core.forecaster import Float32, Float64, ForecastStep, State

NORMAL_QUANTILES = np.array([-2.3263, -1.6449, -0.6745, 0.0, 0.6745, 1.6449, 2.3263])
"""Standard normal quantiles at `QUANTILE_LEVELS`."""


def manifest(name: str = "smooth", warmup_readings: int = 32) -> BundleManifest:
    return BundleManifest(
        name=name,
        version="1",
        task="forecast",
        tier="light",
        metrics=[],
        units=[],
        horizons=list(HORIZONS),
        quantile_levels=list(QUANTILE_LEVELS),
        state=[StateTensor("level", "float64", 1), StateTensor("spread", "float64", 1), StateTensor("seen", "float64", 1)],
        state_bytes=24,
        warmup_readings=warmup_readings,
        prior={},
        data=[],
        code_version="0",
        commit="",
        command="",
        created_at="",
        random_state=0,
        parity_max_abs=0.0,
        figures={},
        model_sha256="0" * 64,
        opset=17,
    )


class SmoothForecaster:
    """Forecasts the smoothed level, with a Gaussian band that widens with the square root of the horizon."""

    def __init__(self, name: str = "smooth", weight: float = 0.1, warmup_readings: int = 32) -> None:
        self._manifest = manifest(name, warmup_readings)
        self._weight = weight
        self._widening = np.sqrt(np.array(HORIZONS, dtype=np.float64))

    @property
    def manifest(self) -> BundleManifest:
        return self._manifest

    @property
    def identity(self) -> str:
        return f"{self._manifest.name}/1@{'0' * 12}"

    def step(self, values: Float64, mask: Float32, elapsed: Float32, learn: Float32, state: State) -> ForecastStep:
        level, spread, seen = (state[name][:, 0].astype(np.float64) for name in ("level", "spread", "seen"))
        observed = mask > 0
        weight = np.maximum(self._weight, 1.0 / (seen + 1.0))
        distance = values - level
        first = observed & (seen == 0)
        spread = np.where(observed & ~first, spread + weight * (np.abs(distance) * 1.2533 - spread), spread)
        level = np.where(observed, level + weight * distance, level)
        seen = seen + observed
        band = spread[:, None, None] * self._widening[None, :, None] * NORMAL_QUANTILES[None, None, :]
        return ForecastStep(
            level[:, None, None] + band, {"level": level[:, None], "spread": spread[:, None], "seen": seen[:, None]}
        )


class JointForecaster(SmoothForecaster):
    """The same by device: a metric's forecast also leans on how far the others were from theirs, each by a share of its own.

    `lost_at` is a value that leaves a forecast of its metric, and of no other, that is not a number.
    """

    def __init__(self, metrics: Sequence[str], warmup_readings: int = 32, lost_at: float | None = None) -> None:
        super().__init__("pumps", warmup_readings=warmup_readings)
        count, names = len(metrics), [MetricName(name) for name in metrics]
        state = [replace(tensor, width=count) for tensor in (*self._manifest.state, StateTensor("leaning", "float64", count))]
        self._manifest = replace(self._manifest, metrics=names, units=[""] * count, state=state, state_bytes=count * 32)
        self._shares, self._lost_at = 0.1 * (1.0 + np.arange(count)), lost_at

    def step(self, values: Float64, mask: Float32, elapsed: Float32, learn: Float32, state: State) -> ForecastStep:
        alone = super().step(values, mask, elapsed, learn, state)
        away = mask * (values - state["level"][:, 0]) / np.maximum(state["spread"][:, 0], 1e-12)
        far = np.clip(np.where(state["seen"][:, 0] > 1, away, 0.0), -3.0, 3.0).reshape(-1, len(self._shares))
        leaning = sum(far[:, each] * share for each, share in enumerate(self._shares))
        moved = (0.5 * state["leaning"].reshape(far.shape) + leaning[:, None] * self._shares).reshape(-1, 1)
        quantiles = alone.quantiles + (0.1 * moved * alone.state["spread"])[:, :, None]
        if self._lost_at is not None:
            quantiles = np.where((values == self._lost_at)[:, None, None], np.nan, quantiles)
        return ForecastStep(quantiles, {**alone.state, "leaning": moved})
