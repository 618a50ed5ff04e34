"""Faults we put into the stream on purpose: what each kind does to readings, and its label. Pure but for the arrays it is given.

Labels are the truth a detector is measured against; they go beside the stream and never into it.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import DeviceId, GatewayId, MetricName, SiteId


class FaultType(StrEnum):
    """What is done to devices or a gateway."""

    SPIKE = "spike"
    LEVEL_SHIFT = "level-shift"
    STUCK = "stuck"
    DRIFT = "drift"
    DROPOUT = "dropout"
    CLOCK_JUMP = "clock-jump"
    GATEWAY_OUTAGE = "gateway-outage"
    DEMAND_SURGE = "demand-surge"


READINGS = {
    FaultType.SPIKE: 2,
    FaultType.LEVEL_SHIFT: 40,
    FaultType.STUCK: 90,
    FaultType.DRIFT: 120,
    FaultType.DROPOUT: 30,
    FaultType.CLOCK_JUMP: 10,
    FaultType.GATEWAY_OUTAGE: 60,
    FaultType.DEMAND_SURGE: 60,
}
"""How long each fault lasts, in readings of a device: long enough that its kind can be told from the others."""

MAGNITUDE = {
    FaultType.SPIKE: (1.5, 3.0),
    FaultType.LEVEL_SHIFT: (0.6, 1.2),
    FaultType.DRIFT: (0.8, 1.5),
    FaultType.CLOCK_JUMP: (600.0, 7200.0),
    FaultType.DEMAND_SURGE: (1.6, 2.4),
}
"""Range it is drawn from: of a metric's scale (swing and six standard deviations of noise) for the first three, seconds for a
clock, a factor on load for a surge. Kinds that are not here have none."""

SIGNED = frozenset({FaultType.SPIKE, FaultType.LEVEL_SHIFT, FaultType.DRIFT, FaultType.CLOCK_JUMP})
"""Kinds that go up or down by chance."""


@dataclass(frozen=True, eq=False)
class Fault:
    """One fault. It holds for readings due from `start_ms` to `end_ms` (exclusive), by the true time.

    `device` and `metric` are indices, -1 where the kind has none; `gateway` and `site` likewise. A surge takes the whole site.
    """

    type: FaultType
    start_ms: int
    end_ms: int
    site: int
    gateway: int = -1
    device: int = -1
    metric: int = -1
    magnitude: float = 0.0


@dataclass(frozen=True)
class Label:
    """A fault as written beside the stream: whom it touched from when to when, in true time (milliseconds).

    `metrics` are those whose values it changed; empty where it changed none. An outage's devices are those the gateway served
    when it began; they speak again earlier when another gateway takes them.
    """

    id: str
    type: FaultType
    site: SiteId
    gateway: GatewayId | None
    devices: list[DeviceId]
    metrics: list[MetricName]
    start_ms: int
    end_ms: int
    magnitude: float


def disturb(fault: Fault, row: int, moment_ms: int, values: NDArray[np.float64], last: NDArray[np.float64], scale: float) -> None:
    """Change `values` float64 [rows, M] in place at `row` as a fault of one metric does at `moment_ms`.

    `last` float64 [M] is what the device said before, which a stuck sensor repeats; `scale` is the metric's.
    """
    progress = (moment_ms - fault.start_ms) / max(1, fault.end_ms - fault.start_ms)
    match fault.type:
        case FaultType.SPIKE | FaultType.LEVEL_SHIFT:
            values[row, fault.metric] += fault.magnitude * scale
        case FaultType.DRIFT:
            values[row, fault.metric] += fault.magnitude * scale * progress
        case FaultType.STUCK if np.isfinite(last[fault.metric]):
            values[row, fault.metric] = last[fault.metric]
        case FaultType.DROPOUT:
            values[row, fault.metric] = np.nan
        case _:
            return
