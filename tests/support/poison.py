"""A forecaster that one value of a reading brings down; everything else the real one does."""

from collections.abc import Callable

import numpy as np

from tidegate.contracts.manifest import BundleManifest
from tidegate.core.forecaster import Float32, Float64, Forecaster, ForecastStep, State

MAGIC = 66.613
"""The value; within the range of every profile that tests use."""


def raise_error() -> None:
    raise ZeroDivisionError("the magic value")


class PoisonedForecaster:
    """`real`, but `act` is called when a row holds `MAGIC`."""

    def __init__(self, real: Forecaster, act: Callable[[], None] = raise_error) -> None:
        self._real = real
        self._act = act

    @property
    def manifest(self) -> BundleManifest:
        return self._real.manifest

    @property
    def identity(self) -> str:
        return self._real.identity

    def step(self, values: Float64, mask: Float32, elapsed: Float32, learn: Float32, state: State) -> ForecastStep:
        if np.any(values == MAGIC):
            self._act()
        return self._real.step(values, mask, elapsed, learn, state)
