"""What a planner is asked: a site's topology, how things stand there, and the rules of the search. Plain values, safe to send.

`PlanRequest` travels to another process and is kept with the state, so it holds lists and names, no arrays; `problem` turns
it into arrays.
"""

from dataclasses import dataclass, field

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.ids import DeviceId, GatewayId, PlanId, ProfileName, SiteId
from tidegate.contracts.plan import Trigger
from tidegate.contracts.resources import Resources
from tidegate.contracts.topology import Topology
from tidegate.core.allocation.filling import DayOfDemand
from tidegate.errors import InputError


@dataclass(frozen=True, slots=True)
class Terms:
    """What plans are asked for and made under: the settings in force and their digest, and the tick."""

    settings: AllocationSettings
    settings_digest: str
    now_ms: int

    @property
    def expires_at_ms(self) -> int:
        """The tick after which a plan that is asked for now is not taken any more."""
        return self.now_ms + int(self.settings.plan_ttl_seconds * 1000)


@dataclass(frozen=True, slots=True)
class Suspect:
    """A gateway of whose capacity the share `withheld` (0 to 1) is not for new devices, and `why`, in words."""

    gateway: GatewayId
    withheld: float
    why: str


@dataclass(frozen=True, slots=True)
class Situation:
    """How a site stands at the tick of a request. Lists by device follow the order of the topology's devices.

    `demand` is [device][resource] in each resource's unit, columns as in `resources`: what a gateway must set aside (grant
    request). A gateway's load is the plain sum over its devices. Summed quantiles overstate a joint peak of devices that
    peak apart and understate one of devices that peak together in the tail; joint scenarios replace the sum later.

    `dead` gateways serve nobody. `closed` ones take no new device: cordoned, draining, or lately back from the dead; those
    `draining` are to be emptied as well. `cooling` devices moved lately and move again only to be rescued. The last move of the
    `unpaid` has not paid back yet: they are not moved for cost alone. `suspects` take in less than they could carry.
    Devices of `replaced` gateways, which are draining, go to the successor first.
    """

    resources: list[str]
    demand: list[list[float]]
    assigned: list[GatewayId | None]
    epochs: list[int]
    dead: list[GatewayId]
    draining: list[GatewayId]
    closed: list[GatewayId]
    cooling: list[DeviceId]
    unpaid: list[DeviceId] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)
    replaced: dict[GatewayId, GatewayId] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """All a planner needs; equal requests give equal plans. The plan takes over `id` and the times.

    `settings.planner_steps` bounds the search: a step is one device's candidates looked at once. `settings.random_state`
    breaks ties.
    """

    id: PlanId
    site: SiteId
    trigger: Trigger
    requested_at_ms: int
    expires_at_ms: int
    topology: Topology
    situation: Situation
    settings: AllocationSettings
    settings_digest: str

    @property
    def topology_revision(self) -> int:
        """The revision the plan will be made for."""
        return self.topology.revision


@dataclass(frozen=True, slots=True)
class AllocationView:
    """A site's allocation as it stood at its last review, tick `as_of_ms`: what questions about it are answered from.

    `request` is what a planner would be asked now, None without a topology. `holds` say what keeps plans from being made or
    carried out. `strangers` (1,000 at most) send readings and are not in the topology. `constants` are what a device of each
    configured profile demands by itself. `days` are the last ones' peaks of demand. `censored` counts devices whose latest
    sample is only a lower bound of what they need, by resource.
    """

    site: SiteId
    as_of_ms: int
    request: PlanRequest | None
    holds: list[str] = field(default_factory=list)
    strangers: list[DeviceId] = field(default_factory=list)
    days: list[DayOfDemand] = field(default_factory=list)
    constants: dict[ProfileName, Resources] = field(default_factory=dict)
    censored: dict[str, int] = field(default_factory=dict)


def question_of(view: AllocationView) -> PlanRequest:
    """What a planner would be asked.

    Raises:
        InputError: the site has no topology.
    """
    if view.request is None:
        raise InputError(f"site {view.site!r} has no topology", advice="set one first")
    return view.request
