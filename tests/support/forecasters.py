"""A forecaster double that obeys the Protocol: exponentially weighted level and spread, elementwise, no model file."""

import numpy as np

from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
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
