"""A plan that is carried out in waves, as it stands between two of them, or after the last. Values only."""

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

    `rest` is empty after the last wave, which is watched like any other before the plan counts as applied.

    `wave` are the devices of the last wave; before `is_watched` it is not known how they were before. They are watched since tick
    `since_ms` (None: their hand-overs have not ended). `held_ms` is the tick since which something keeps the next wave, or the
    verdict about the last.
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

    @property
    def is_made(self) -> bool:
        """Whether all its moves were made, and only its last wave is still watched."""
        return not self.rest

    @property
    def stands(self) -> str:
        """Where it stands, in words."""
        return (
            f"the last wave of plan {self.plan.id} is watched" if self.is_made else f"plan {self.plan.id} is carried out in waves"
        )
