"""Faults of every kind put into recorded readings: which, where, and what they do to what a device sends.

Pure. A stretch is quiet by its labels; its times are made regular, so that devices of one data set can share a site: silence,
clocks and gateways are judged among neighbours. Random states fix what is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.anomaly import FaultKind
from tidegate.contracts.ids import DeviceId, GatewayId, SiteId
from tidegate.contracts.reading import Reading
from tidegate.fleet.series import Series
from tidegate_training.evaluate.events import Segment, segments

Float64 = NDArray[np.float64]

HISTORY: Final = 700
"""Readings of a stretch before its first fault: the warm-up, and a tail worth the name."""

APART: Final = 200
"""Readings from the start of one fault to that of the next: the longest lasts 100, then it is quiet again."""

FAULTS: Final = 4
"""A stretch; after them its gateway may fail."""

ROWS: Final = HISTORY + FAULTS * APART + 50
"""Readings of a stretch."""

STRETCHES_PER_SERIES: Final = 4

DEVICES_PER_GATEWAY: Final = 5

LASTS: Final = {
    FaultKind.SPIKE: 2,
    FaultKind.LEVEL_SHIFT: 80,
    FaultKind.STUCK: 80,
    FaultKind.NOISE: 60,
    FaultKind.DRIFT: 100,
    FaultKind.DROPOUT: 40,
    FaultKind.CLOCK: 20,
    FaultKind.LINK: 20,
}
"""Readings."""

SIZE: Final = {
    FaultKind.SPIKE: (6.0, 12.0),
    FaultKind.LEVEL_SHIFT: (4.0, 8.0),
    FaultKind.NOISE: (3.0, 6.0),
    FaultKind.DRIFT: (5.0, 10.0),
    FaultKind.CLOCK: (50.0, 2000.0),
}
"""Range a fault's size is drawn from: standard deviations of the metric before it (of a drift, what it comes to at its end), and
intervals that a clock is wrong by."""

LOST: Final = 0.5
"""Share of its readings that a flaky device loses."""

START_MS: Final = 1_767_225_600_000
"""2026-01-01; any day would do."""


@dataclass(frozen=True, slots=True)
class Truth:
    """A fault of `kind` from `start_ms` to `end_ms` (true time) of `devices`, or of `gateway`. `unit` is what bootstraps draw:
    the series it was put into."""

    kind: FaultKind
    site: SiteId
    devices: tuple[DeviceId, ...]
    gateway: GatewayId | None
    start_ms: int
    end_ms: int
    unit: str


@dataclass(slots=True, eq=False)
class Stretch:
    """What one device would have sent, `ROWS` readings: `values` [T, M], whether each was `sent` [T], how far its clock was off
    in milliseconds, `shift_ms` [T]."""

    series: Series
    gateway: GatewayId
    values: Float64
    sent: NDArray[np.bool_]
    shift_ms: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class FaultyFleet:
    """Stretches at one site, and the truth about them."""

    site: SiteId
    interval_ms: int
    stretches: list[Stretch]
    truths: list[Truth]

    def readings(self, row: int) -> list[Reading]:
        """What is sent at `row`, by all devices."""
        return [self._reading(one, row) for one in self.stretches if one.sent[row]]

    def moment_ms(self, row: int) -> int:
        """True time of `row`."""
        return START_MS + row * self.interval_ms

    def _reading(self, one: Stretch, row: int) -> Reading:
        metrics = {
            name: None if np.isnan(value) else value
            for name, value in zip(one.series.metrics, one.values[row].tolist(), strict=True)
        }
        time_ms = self.moment_ms(row) + int(one.shift_ms[row])
        return Reading(self.site, one.series.device, one.series.profile, time_ms, metrics, one.gateway)


def quiet_stretches(series: Series) -> list[Series]:
    """Disjoint runs of `ROWS` unlabelled readings, at most `STRETCHES_PER_SERIES`, each as a device of its own."""
    runs = [Segment(0, len(series))] if series.labels is None else segments(~series.labels)
    starts = [start for run in runs for start in range(run.start, run.end - ROWS + 1, ROWS)]
    chosen = starts[:: max(len(starts) // STRETCHES_PER_SERIES, 1)][:STRETCHES_PER_SERIES]
    return [_as_device(series.rows(start, start + ROWS), place) for place, start in enumerate(chosen)]


def _as_device(series: Series, place: int) -> Series:
    return replace(series, device=DeviceId(f"{series.device}/{place}"))


def faulty_fleet(taken: Sequence[Series], name: str, random_state: int) -> FaultyFleet:
    """Put faults into the stretches `taken`, which have one interval: kinds in turn from a random start, sizes drawn."""
    random = np.random.default_rng(random_state)
    kinds = [kind for kind in LASTS if kind is not FaultKind.LINK]
    site, interval_ms = SiteId(name), round(1000 * taken[0].interval_seconds)
    stretches, truths, turn = [], [], int(random.integers(len(kinds)))
    for place, series in enumerate(taken):
        gateway = GatewayId(f"{name}-gateway-{place // DEVICES_PER_GATEWAY}")
        one = Stretch(series, gateway, series.values.copy(), np.ones(ROWS, dtype=bool), np.zeros(ROWS, dtype=np.int64))
        for number in range(FAULTS):
            kind, start = kinds[turn % len(kinds)], HISTORY + number * APART + int(random.integers(60))
            turn += 1
            if put(one, kind, start, interval_ms, random):
                truths.append(_truth(kind, site, one, None, start, interval_ms))
        stretches.append(one)
    truths += _cut_links(site, stretches, interval_ms)
    return FaultyFleet(site, interval_ms, stretches, truths)


def put(one: Stretch, kind: FaultKind, start: int, interval_ms: int, random: np.random.Generator) -> bool:
    """Put a fault into `one` from row `start` on; False where the metric drawn does not vary."""
    rows = slice(start, start + LASTS[kind])
    moving = np.flatnonzero(np.nan_to_num(np.nanstd(one.series.values[:start], axis=0)) > 0)
    if len(moving) == 0:
        return False
    metric = int(random.choice(moving))
    sigma = float(np.nanstd(one.series.values[:start, metric]))
    size = float(random.uniform(*SIZE.get(kind, (0.0, 0.0))) * random.choice([-1.0, 1.0]))
    if kind is FaultKind.DROPOUT:
        one.sent[rows] = random.random(LASTS[kind]) >= LOST
    elif kind is FaultKind.CLOCK:
        one.shift_ms[rows] = round(size) * interval_ms
    else:
        one.values[rows, metric] = _changed(one.values[rows, metric], one.values[start - 1, metric], kind, size * sigma, random)
    return True


def _changed(values: Float64, last: float, kind: FaultKind, size: float, random: np.random.Generator) -> Float64:
    match kind:
        case FaultKind.SPIKE | FaultKind.LEVEL_SHIFT:
            return values + size
        case FaultKind.STUCK:
            return np.full(len(values), last)
        case FaultKind.NOISE:
            return np.asarray(values + size * random.standard_normal(len(values)))
        case _:
            return values + size * np.arange(1, len(values) + 1) / len(values)


def _cut_links(site: SiteId, stretches: Sequence[Stretch], interval_ms: int) -> list[Truth]:
    """Let every other gateway with enough devices fail at the end, for all its devices."""
    truths, start = [], HISTORY + FAULTS * APART + 10
    for gateway in list(dict.fromkeys(one.gateway for one in stretches))[::2]:
        mine = [one for one in stretches if one.gateway == gateway]
        if len(mine) < DEVICES_PER_GATEWAY or len(mine) == len(stretches):
            continue
        for one in mine:
            one.sent[start : start + LASTS[FaultKind.LINK]] = False
        truths.append(_truth(FaultKind.LINK, site, mine[0], gateway, start, interval_ms))
    return truths


def _truth(kind: FaultKind, site: SiteId, one: Stretch, gateway: GatewayId | None, start: int, interval_ms: int) -> Truth:
    start_ms = START_MS + start * interval_ms
    unit = str(gateway or one.series.device.rpartition("/")[0])
    return Truth(kind, site, (one.series.device,), gateway, start_ms, start_ms + LASTS[kind] * interval_ms, unit)
