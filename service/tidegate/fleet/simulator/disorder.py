"""Disorder on the way: readings that arrive late, and readings that arrive again. Changes no reading, only when it goes out.

Own random state, so that the same fleet is the same with and without it. A device's buffer is what this stands for: bounded
by how late a reading may be.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tidegate.contracts.reading import Reading
from tidegate.errors import ConfigurationError


@dataclass(frozen=True)
class DisorderSpec:
    """`late_ratio` of the readings go out up to `late_seconds` later than they should, `repeat_ratio` go out a second time.

    Raises:
        ConfigurationError: a ratio is not within 0 and 1, or a time is negative.
    """

    late_ratio: float = 0.0
    late_seconds: float = 60.0
    repeat_ratio: float = 0.0
    seed: int = 7

    def __post_init__(self) -> None:
        """Raise ConfigurationError for what makes no disorder."""
        for name in ("late_ratio", "repeat_ratio"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}, expected 0 to 1")
        if not self.late_seconds >= 0:
            raise ConfigurationError(f"late_seconds is {self.late_seconds}, expected at least 0")


class Disorder:
    """Holds readings back. `pass_on` is called with rising moments; what is left at the end comes with `rest`."""

    def __init__(self, spec: DisorderSpec) -> None:
        self._spec = spec
        self._random = np.random.default_rng([spec.seed, 3])
        self._held: list[tuple[float, int, Reading]] = []
        self._count = 0

    def pass_on(self, readings: Sequence[Reading], moment_ms: int) -> list[Reading]:
        """What goes out at `moment_ms`: those of `readings` that are on time, then what was held back until now."""
        on_time = []
        for reading, late, again in zip(readings, *self._draw(len(readings)), strict=True):
            if late > 0.0:
                self._hold(reading, moment_ms + late)
            else:
                on_time.append(reading)
            if again > 0.0:
                self._hold(reading, moment_ms + late + again)
        while self._held and self._held[0][0] <= moment_ms:
            on_time.append(heapq.heappop(self._held)[2])
        return on_time

    def rest(self) -> list[Reading]:
        """All that is still held back, in the order in which it would have gone out."""
        held, self._held = sorted(self._held), []
        return [reading for _, _, reading in held]

    def _draw(self, count: int) -> tuple[list[float], list[float]]:
        """By reading: milliseconds it is late by, and milliseconds after which it comes again; 0 for neither."""
        spec, longest_ms = self._spec, 1000.0 * self._spec.late_seconds
        late, again = (
            np.where(self._random.random(count) < ratio, self._random.uniform(0, longest_ms, count), 0.0)
            for ratio in (spec.late_ratio, spec.repeat_ratio)
        )
        return late.tolist(), again.tolist()

    def _hold(self, reading: Reading, until_ms: float) -> None:
        self._count += 1
        heapq.heappush(self._held, (until_ms, self._count, reading))
