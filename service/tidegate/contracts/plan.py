"""Plans, decisions and assignments: what allocation proposes, what became of it, and the desired state.

A plan is a value; a decision is a fact in its life; an assignment is what a gateway carries out.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from tidegate.contracts.ids import CommandId, DeviceField, GatewayField, PlanField, SiteField, WholeField
from tidegate.contracts.resources import Resources
from tidegate.contracts.version import SCHEMA_VERSION


class Trigger(StrEnum):
    """Why a plan was asked for."""

    GATEWAY_DOWN = "gateway-down"
    GATEWAY_DRAINED = "gateway-drained"
    FORECAST_OVERLOAD = "forecast-overload"
    UNSERVED_DEVICES = "unserved-devices"
    PERIOD = "period"
    OPERATOR = "operator"
    UNDO = "undo"


class ChangedPart(StrEnum):
    """What a counterfactual changes."""

    LINK_COST = "link-cost"
    """The cost of the device's link to the gateway; the amount is under `cost_per_hour`."""
    CAPACITY = "capacity"
    """The gateway's capacity; amounts are by resource."""


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """The smallest change found that flips a move: `part` of `gateway` more `by` so much (negative: less), all else equal.

    The planner has tried it: the device would then be at `instead` (null: nowhere) and not at the move's target.
    """

    part: ChangedPart
    gateway: GatewayField
    by: Resources
    instead: GatewayField | None


@dataclass(frozen=True, slots=True)
class Move:
    """One device's step from `source` (null: unserved) at `epoch` to `target` (null: released), and why.

    `grant` is what the target sets aside. `runner_up` is the next-best gateway and `runner_up_cost` how much worse it is,
    in units of the first objective tier where the two differ (`runner_up_tier`). `counterfactual` is null where none was
    found within the planner's budget.
    """

    device: DeviceField
    source: GatewayField | None
    target: GatewayField | None
    epoch: WholeField
    grant: Resources
    reason: str
    runner_up: GatewayField | None = None
    runner_up_tier: str | None = None
    runner_up_cost: float | None = None
    counterfactual: Counterfactual | None = None


@dataclass(frozen=True, slots=True)
class Unserved:
    """A device the plan leaves without a gateway, and what was missing where (`gateway: resource short by amount`)."""

    device: DeviceField
    reason: str
    shortages: list[str]


class KeptBy(StrEnum):
    """Why an undo leaves a device where it is."""

    SUPERSEDED = "superseded"
    """Something else has moved it since, or it has left the topology: it is not that plan's any more."""
    BLOCKED = "blocked"
    """It may not go back now."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A device that an undo does not return, and why not in words."""

    device: DeviceField
    by: KeptBy
    reason: str


@dataclass(frozen=True, slots=True)
class PlanScore:
    """The objective's tiers in order of weight, and what people look at.

    `unserved_priority` is the summed priority of unserved devices (each at least 0.001); `misplaced_priority`, which ranks
    next, that of devices served where they must not stay (draining, pin, exclusion); `overload` the summed excess of load
    over capacity as a share of capacity; `latency_violation_ms` summed; `cost_per_hour` links and congestion.
    `utilisation` is load over capacity by gateway and resource, 0 to 1 when nothing is overloaded. `jain_balance` runs 1/n
    to 1 (equal).
    """

    unserved_priority: float
    overload: float
    latency_violation_ms: float
    cost_per_hour: float
    unserved_devices: int
    jain_balance: float
    utilisation: dict[str, dict[str, float]]
    misplaced_priority: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A proposed new assignment of a site. `digest` binds everything else in it; see `tidegate.core.allocation.digest`.

    `unserved` are left without a gateway, `misplaced` served where they must not stay, because nothing else can take them.
    `undoes` names the applied plan whose devices this one returns, and `kept` those of them that it does not.
    """

    id: PlanField
    site: SiteField
    trigger: Trigger
    requested_at_ms: int
    expires_at_ms: int
    topology_revision: int
    settings_digest: str
    solver: str
    steps: int
    random_state: int
    moves: list[Move]
    unserved: list[Unserved]
    before: PlanScore
    after: PlanScore
    misplaced: list[Unserved] = field(default_factory=list)
    digest: str = ""
    schema_version: int = SCHEMA_VERSION
    undoes: PlanField | None = None
    kept: list[Kept] = field(default_factory=list)


class DecisionStatus(StrEnum):
    """A fact in a plan's life."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    ROLLING_OUT = "rolling-out"
    """A wave of its moves was made; others are to follow, or it was the last and is watched."""
    APPLIED = "applied"
    HALTED = "halted"
    """It was stopped on its way, or its last wave did not do well. What it moved stays until undone, the rest is never made."""
    REFUSED = "refused"
    EXPIRED = "expired"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a plan has come that is carried out in waves: `wave` of `waves` was made, `moved` devices in all so far.

    How many waves there will be depends on the room that each finds, and may change on the way.
    """

    wave: WholeField
    waves: WholeField
    moved: WholeField


@dataclass(frozen=True, slots=True)
class Decision:
    """What happened to a plan, when (event time), by whom and why. `plan` is carried by the first fact only.

    `progress` is of facts about a plan that is carried out in waves.
    """

    plan_id: PlanField
    site: SiteField
    version: int
    status: DecisionStatus
    decided_at_ms: int
    decided_by: str
    reason: str
    digest: str
    trigger: Trigger
    move_count: int
    unserved_count: int
    command: CommandId | None = None
    plan: Plan | None = None
    schema_version: int = SCHEMA_VERSION
    progress: Progress | None = None

    @property
    def moved(self) -> int:
        """How many devices the plan has moved by the end that this fact tells of: all, those so far (halted), or none."""
        if self.status is DecisionStatus.HALTED and self.progress is not None:
            return self.progress.moved
        return self.move_count if self.status is DecisionStatus.APPLIED else 0


class Phase(StrEnum):
    """Where a device's assignment stands."""

    ACTIVE = "active"
    UNSERVED = "unserved"
    RESERVING = "reserving"
    """`coming` is to set aside room and say so (`reserved`); `gateway`, if there is one, serves on meanwhile."""
    REVOKING = "revoking"
    """`gateway` is to stop serving and say so (`released`); `coming` does not serve yet."""


@dataclass(frozen=True, slots=True)
class Coming:
    """The gateway that is to have a device next, under which epoch and with what grant. It does not serve it yet."""

    gateway: GatewayField
    epoch: WholeField
    grant: Resources


@dataclass(frozen=True, slots=True)
class Assignment:
    """Desired state of one device: which gateway serves it, with what, since which plan. `epoch` rises with each new gateway.

    `lease_ms` is given to a gateway that follows leases: it serves while what it knows of its assignments is at most that
    many milliseconds old, by its own clock; null: until it hears otherwise. An epoch's lease never changes once given.

    `grant` may change under an epoch, to follow what the device asks: last at `granted_at_ms`, null where it is the one that the
    epoch came with. `assigned_at_ms` stays what it was.
    """

    site: SiteField
    device: DeviceField
    gateway: GatewayField | None
    epoch: int
    grant: Resources
    phase: Phase
    plan_id: PlanField | None
    assigned_at_ms: int
    reason: str
    schema_version: int = SCHEMA_VERSION
    coming: Coming | None = None
    lease_ms: WholeField | None = None
    granted_at_ms: WholeField | None = None

    @property
    def since_ms(self) -> int:
        """When it became what it is."""
        return max(self.assigned_at_ms, self.granted_at_ms or 0)

    @property
    def is_renewal(self) -> bool:
        """Whether its device was last given another grant where it was; a lease may have been given since."""
        return self.granted_at_ms is not None and self.granted_at_ms >= self.assigned_at_ms
