"""Questions about a site's allocation that change nothing, and their answers: what if, why not, and what if a gateway dies."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from pydantic import Field

from tidegate.contracts.ids import DeviceField, DeviceId, GatewayField, GatewayId, ProfileField, SiteId
from tidegate.contracts.plan import Plan, PlanScore
from tidegate.contracts.resources import Resources
from tidegate.contracts.topology import DevicePlacement, Gateway

MAX_FACTOR: Final = 1e6
"""Largest factor that demand may be scaled by: what it turns into has to stay a number that can be summed."""

FactorField = Annotated[float, msgspec.Meta(ge=0.0, le=MAX_FACTOR), Field(ge=0.0, le=MAX_FACTOR)]


@dataclass(frozen=True, slots=True)
class Proposal:
    """Asks for a plan. A dry run answers with it and changes nothing; otherwise the site's worker makes it and decides."""

    dry_run: bool = True
    reason: str = ""
    issued_by: str = "anonymous"


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be different. Empty means the site as it stands.

    `fail`ed gateways are silent, and `remove`d ones gone, which is the same for who is served. `replace` names gateways that
    are drained towards a successor, which may be an added one. `capacity` replaces the named resources of a gateway. Demand is
    scaled by `scale` everywhere, by `scale_profiles` and by `scale_devices`, all together. Added devices that say nowhere are
    unserved; what they do not demand themselves is their profile's constant.
    """

    fail: list[GatewayField] = field(default_factory=list)
    remove: list[GatewayField] = field(default_factory=list)
    drain: list[GatewayField] = field(default_factory=list)
    cordon: list[GatewayField] = field(default_factory=list)
    replace: dict[GatewayField, GatewayField] = field(default_factory=dict)
    add_gateways: list[Gateway] = field(default_factory=list)
    capacity: dict[GatewayField, Resources] = field(default_factory=dict)
    add_devices: list[DevicePlacement] = field(default_factory=list)
    scale: FactorField = 1.0
    scale_profiles: dict[ProfileField, FactorField] = field(default_factory=dict)
    scale_devices: dict[DeviceField, FactorField] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Study:
    """A plan that nobody will carry out, for a site as of tick `as_of_ms`, changed or not.

    `now` is how the site stands without any change; the plan's `before` is after the changes, its `after` when its moves are
    made. `holds` say what would keep such a plan from being made or carried out.
    """

    site: SiteId
    as_of_ms: int
    now: PlanScore
    plan: Plan
    holds: list[str]


@dataclass(frozen=True, slots=True)
class WhyNotThere:
    """Whether a device may move to `gateway` now, and what it would be worth.

    `refused_by` names the hard rule against it and `refusal` says it with numbers; null when it may. Then `gains` says by how
    much each goal's value would fall (negative: rise), highest goal first, `decided_by` names the first that differs, and
    `kept_by` says what keeps the planner from making the move, empty when nothing does.
    """

    gateway: GatewayId
    is_there: bool
    refused_by: str | None = None
    refusal: str | None = None
    gains: dict[str, float] = field(default_factory=dict)
    decided_by: str | None = None
    kept_by: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why `device` is not somewhere else, as of tick `as_of_ms`. `left_out` counts gateways beyond those explained."""

    site: SiteId
    device: DeviceId
    assigned_to: GatewayId | None
    as_of_ms: int
    holds: list[str]
    gateways: list[WhyNotThere]
    left_out: int = 0


class LossOutcome(StrEnum):
    """Whether a loss leaves devices without service, and how sure that is."""

    SURVIVED = "survived"
    """A plan within capacity and reach serves everybody who is served now."""
    PROVEN_UNPLACEABLE = "proven-unplaceable"
    """No plan whatever does: there is too little room in reach, even if devices could be split."""
    REPAIR_FAILED = "repair-failed"
    """The search found none, and nothing proves that there is none."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What happens when `gateways` die together (one, or all of `failure_domain`).

    Of their `devices`, `moved` find another place, also by moving others. `unserved` counts all of the site's devices that are
    then without a gateway, `unserved_now` subtracted; some are `named`. `overload` is the excess of load over capacity, as
    shares summed.

    `surely_unserved` of them no plan could serve, at least. `short` is what the unserved need together, by resource: so much
    more room within their reach would do.
    """

    gateways: list[GatewayId]
    failure_domain: str | None
    devices: int
    moved: int
    unserved: int
    named: list[DeviceId]
    overload: float
    outcome: LossOutcome = LossOutcome.SURVIVED
    surely_unserved: int = 0
    short: Resources = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Headroom:
    """N-1: each loss that the site may suffer next, worst first, as of tick `as_of_ms`; computed at `computed_at_ms`.

    `unserved_now` devices have no gateway as it is. `not_computed` losses were left out for time.
    """

    site: SiteId
    as_of_ms: int
    computed_at_ms: int
    unserved_now: int
    losses: list[Loss]
    not_computed: list[str]


@dataclass(frozen=True, slots=True)
class Addition:
    """More capacity for `gateway`: so much of each resource beyond what it has."""

    gateway: GatewayId
    resources: Resources


@dataclass(frozen=True, slots=True)
class Filling:
    """That demand for `resource` surely grows, by `per_day` of its unit, and meets what the open gateways have in `days`.

    `soonest` and `latest` (days) are the ends of a 95 % interval of the growth. All is a straight line from now on.
    """

    resource: str
    days: float
    soonest: float
    latest: float
    per_day: float


@dataclass(frozen=True, slots=True)
class CapacityAdvice:
    """What to add where so that everybody is served, also after the loss of any gateway or failure domain; as of tick `as_of_ms`.

    `additions` are enough rather than least: on another gateway, or spread, less may do. `unserved` and `losses` say how many
    devices have no place now and how many losses leave somebody out; `unserved_then` and `losses_then` are the same with all
    additions, by the planner's own search. `losses_not_computed` were left out for time, then.

    `growth` is what all demand can be multiplied by before the open gateways together have too little, devices split at will:
    the site is full by then at the latest. Null without demand or limits. `fillings` say when that may be, soonest first, by the
    daily peaks of the last `days_watched` complete days; empty where no growth is sure, or nothing fills up within a year.
    `days_watched` is 0 until there are two weeks of them.

    `censored` counts devices that use all that they are given, by resource: of these resources all that is said here is a lower
    bound, at least so much is missing.
    """

    site: SiteId
    as_of_ms: int
    additions: list[Addition]
    unserved: int
    losses: int
    unserved_then: int
    losses_then: int
    losses_not_computed: int
    growth: float | None
    fillings: list[Filling] = field(default_factory=list)
    days_watched: int = 0
    censored: dict[str, int] = field(default_factory=dict)
