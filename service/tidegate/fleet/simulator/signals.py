"""Healthy values of all devices at a moment, as arrays: load by time of day and week, noise with memory, bounds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tidegate.fleet.simulator.classes import DeviceClass, Signal

DAYS_PER_WEEK = 7
WEEKEND = (5, 6)
"""Days of the week, Monday 0."""

FIRST_WEEKDAY = 3
"""1970-01-01, where days are counted from, was a Thursday."""

PEAK_JITTER = 0.04
"""Standard deviation of a device's own peak hour around its class's, in days."""

Float = NDArray[np.float64]


class Signals:
    """D devices with up to M metrics each; absent ones are NaN. Holds the noise, so moments must be asked for in order."""

    def __init__(self, classes: Sequence[DeviceClass], day_seconds: float, random: np.random.Generator) -> None:
        self._day_seconds, self._random = day_seconds, random
        devices, width = len(classes), max(len(known.signals) for known in classes)
        varied = 1 + self._table(classes, "spread", width) * random.standard_normal((devices, width))
        self._base = self._table(classes, "base", width) * varied
        self._swing = self._table(classes, "swing", width) * varied
        self._noise = self._table(classes, "noise", width)
        self._memory = self._table(classes, "memory", width)
        self._low, self._high = self._table(classes, "low", width), self._table(classes, "high", width)
        peak = np.array([known.peak_of_day for known in classes])
        self._peak = peak + PEAK_JITTER * random.standard_normal(devices)
        self._weekend = np.array([known.weekend for known in classes])
        self._state = self._noise * random.standard_normal((devices, width))

    @property
    def scale(self) -> Float:
        """What counts as much for each metric, float64 [D, M]: its swing and six standard deviations of its noise."""
        return np.abs(self._swing) + 6 * self._noise

    def load(self, rows: NDArray[np.intp], moment_ms: int) -> Float:
        """Share of full load, 0 to about 1.2, of devices `rows` at `moment_ms`."""
        days = moment_ms / 1000 / self._day_seconds
        weekday = (int(days) + FIRST_WEEKDAY) % DAYS_PER_WEEK
        daily = 0.5 + 0.5 * np.cos(2 * np.pi * (days - self._peak[rows]))
        return daily * (self._weekend[rows] if weekday in WEEKEND else 1.0)

    def values(self, rows: NDArray[np.intp], load: Float) -> Float:
        """Values float64 [rows, M] at this load; draws the next noise of those devices."""
        draw = self._random.standard_normal((len(rows), self._state.shape[1]))
        memory = self._memory[rows]
        self._state[rows] = memory * self._state[rows] + np.sqrt(1 - memory**2) * self._noise[rows] * draw
        healthy = self._base[rows] + self._swing[rows] * load[:, None] + self._state[rows]
        return np.clip(healthy, self._low[rows], self._high[rows])

    @staticmethod
    def _table(classes: Sequence[DeviceClass], field: str, width: int) -> Float:
        table = np.full((len(classes), width), np.nan)
        for row, known in enumerate(classes):
            table[row, : len(known.signals)] = [_amount(signal, field) for signal in known.signals]
        return table


def _amount(signal: Signal, field: str) -> float:
    amount: float = getattr(signal, field)
    return amount
