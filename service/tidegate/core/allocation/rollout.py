"""A plan that is carried out in waves, as it stands between two of them. Values only."""

from dataclasses import dataclass, field

from tidegate.contracts.ids import AnomalyId, DeviceId, GatewayId
from tidegate.contracts.plan import Move, Plan
from tidegate.core.allocation.applied import Former


@dataclass(frozen=True, slots=True)
class Watched:
    """A device of the last wave: the epoch and the gateway (None: released) that it was given, and how it was before.

    `heard`: readings of it had come, and it was not silent; `anomaly` was open then. `readings` is how many had come when its
    hand-over was seen to have ended.
    """

    device: DeviceId
    epoch: int
    target: GatewayId | None
    heard: bool = False
    anomaly: AnomalyId | None = None
    readings: int = 0


@dataclass(frozen=True, slots=True)
class Rollout:
    """`plan`, whose last fact has `version`, after `waves` waves: `rest` is still to be made, `formers` is who was moved.

    `wave` are the devices of the last wave; before `is_watched` it is not known how they were before. They are watched since tick
    `since_ms` (None: their hand-overs have not ended). `held_ms` is the tick since which something keeps the next wave.
    """

    plan: Plan
    version: int
    rest: list[Move]
    formers: list[Former] = field(default_factory=list)
    waves: int = 0
    wave: list[Watched] = field(default_factory=list)
    is_watched: bool = False
    since_ms: int | None = None
    held_ms: int | None = None
