"""When which fault happens: by chance from the seed, or first the short programme of a demonstration. Never touches a reading."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tidegate.errors import ConfigurationError
from tidegate.fleet.simulator.faults import MAGNITUDE, READINGS, SIGNED, Fault, FaultType
from tidegate.fleet.simulator.layout import Layout
from tidegate.fleet.simulator.spec import FleetSpec

DEMONSTRATION = (
    (8, FaultType.SPIKE),
    (16, FaultType.LEVEL_SHIFT),
    (36, FaultType.GATEWAY_OUTAGE),
    (60, FaultType.STUCK),
)
"""Seconds after the stream is live, and kind: an anomaly and a reason to move devices within the first minute."""

DEMONSTRATION_SECONDS = 90
"""Seconds after which a demonstration goes on by chance."""


@dataclass(frozen=True)
class Programme:
    """Which faults to make: `every_seconds` on average (0: none), of `types`, from `from_ms` on; first a demonstration or not."""

    from_ms: int
    every_seconds: float = 30.0
    types: Sequence[FaultType] = tuple(FaultType)
    demonstration: bool = False

    def __post_init__(self) -> None:
        """Raise ConfigurationError for an interval below zero or no kind at all."""
        if not self.every_seconds >= 0:
            raise ConfigurationError(f"faults every {self.every_seconds} s, expected at least 0 (0 means none)")
        if not self.types:
            raise ConfigurationError("no kind of fault given, expected at least one")


def schedule(programme: Programme, spec: FleetSpec, layout: Layout) -> Iterator[Fault]:
    """Yield faults by rising start, without end unless `every_seconds` is 0. Own random state: readings do not depend on it.

    A site has at most one gateway outage at a time, and none if it has one gateway: a fleet without any gateway shows nothing.
    """
    draw = _Draw(spec, layout, np.random.default_rng([spec.seed, 2]))
    start_ms = programme.from_ms
    if programme.demonstration:
        yield from (fault for after, kind in DEMONSTRATION if (fault := draw.fault(kind, start_ms + after * 1000, site=0)))
        start_ms += DEMONSTRATION_SECONDS * 1000
    while programme.every_seconds > 0:
        start_ms += draw.gap_ms(programme.every_seconds)
        kind = draw.kind(programme.types)
        if fault := draw.fault(kind, start_ms):
            yield fault


class _Draw:
    """Draws the particulars of faults; the same order of calls gives the same faults."""

    def __init__(self, spec: FleetSpec, layout: Layout, random: np.random.Generator) -> None:
        self._spec, self._layout, self._random = spec, layout, random
        self._outage_until_ms = dict.fromkeys(range(len(layout.sites)), 0)

    def gap_ms(self, every_seconds: float) -> int:
        """Time to the next fault, exponential, at least one millisecond."""
        return 1 + int(self._random.exponential(every_seconds * 1000))

    def kind(self, types: Sequence[FaultType]) -> FaultType:
        """One of `types`, equally likely."""
        return types[int(self._random.integers(len(types)))]

    def fault(self, kind: FaultType, start_ms: int, site: int | None = None) -> Fault | None:
        """A fault of `kind`; None for an outage the site cannot have now."""
        site = int(self._random.integers(len(self._layout.sites))) if site is None else site
        end_ms = start_ms + READINGS[kind] * self._spec.interval_ms
        if kind is FaultType.GATEWAY_OUTAGE:
            return self._outage(site, start_ms, end_ms)
        device = int(self._random.choice(np.flatnonzero(self._layout.site_of == site)))
        metric = int(self._random.integers(len(self._layout.classes[device].signals)))
        magnitude = self._magnitude(kind)
        if kind is FaultType.DEMAND_SURGE:
            return Fault(kind, start_ms, end_ms, site, magnitude=magnitude)
        if kind is FaultType.CLOCK_JUMP:
            return Fault(kind, start_ms, end_ms, site, device=device, magnitude=magnitude)
        return Fault(kind, start_ms, end_ms, site, device=device, metric=metric, magnitude=magnitude)

    def _outage(self, site: int, start_ms: int, end_ms: int) -> Fault | None:
        gateways = self._layout.gateways_of(site)
        if len(gateways) < 2 or start_ms < self._outage_until_ms[site]:
            return None
        self._outage_until_ms[site] = end_ms
        serving = np.bincount(self._layout.home, minlength=len(self._layout.gateways))[list(gateways)]
        gateway = int(self._random.choice(gateways, p=serving / serving.sum()))
        return Fault(FaultType.GATEWAY_OUTAGE, start_ms, end_ms, site, gateway=gateway)

    def _magnitude(self, kind: FaultType) -> float:
        low, high = MAGNITUDE.get(kind, (0.0, 0.0))
        sign = -1.0 if kind in SIGNED and self._random.random() < 0.5 else 1.0
        return round(sign * float(self._random.uniform(low, high)), 3)
