"""The state of one site's allocation: topology, assignments with their epochs, standing orders, the plan under way.

Changes only through its methods; says nothing to the outside. Everything in it is exported, except what is built from it.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from tidegate.contracts.ack import Ack
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.ids import DeviceId, GatewayId, PlanId, SiteId
from tidegate.contracts.plan import Assignment, Phase, Plan, Trigger
from tidegate.contracts.resources import Resources
from tidegate.contracts.topology import Topology
from tidegate.core.allocation.applied import AppliedPlans
from tidegate.core.allocation.arrays import Float64, Int64
from tidegate.core.allocation.bound import Placed, Transfer, bound_for
from tidegate.core.allocation.censoring import Censoring, carried_over, judged, nothing_censored
from tidegate.core.allocation.deaths import Death, hold_after
from tidegate.core.allocation.filling import DayOfDemand, noted
from tidegate.core.allocation.granted import Granted, granted_by
from tidegate.core.allocation.ground import Ground, Heard, ground_of, heard_on
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.rollout import Rollout
from tidegate.core.allocation.suspicion import Suspicion, remembered_ms
from tidegate.core.demand import SiteDemand

MAX_UNPLACED: Final = 1000
"""Devices named per site that send readings but are not in the topology: enough to see what is missing."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A gateway's last heartbeat: when it was sent by the gateway's clock, the tick at which it was taken in, and whether it
    follows leases."""

    sent_at_ms: int
    heard_at_ms: int
    leases: bool = False


URGENT: Final = frozenset({Trigger.GATEWAY_DOWN, Trigger.GATEWAY_DRAINED, Trigger.UNSERVED_DEVICES})
"""Needs of devices that are without service or about to be: they do not wait for an open proposal, nor for a period."""

RESCUES: Final = frozenset({Trigger.GATEWAY_DOWN, Trigger.UNSERVED_DEVICES})
"""Needs of devices that are without service: they wait for no plan that is carried out or watched, nor after a halted one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """That a plan was asked for at tick `at_ms`, for the need `about` (see `needs`)."""

    about: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class OpenPlan:
    """A plan that was proposed and waits for approval; `version` is that of its last decision."""

    plan: Plan
    version: int


@dataclass(slots=True)
class Site:
    """One site that has a topology.

    `demand` float64 [device, resource] is what the devices last asked, columns as in the ground's frame; `censoring` says where
    their samples are only lower bounds of it. `epoch_floor` is the
    highest epoch of any device that left the topology: whoever comes, or comes back, starts above it, so none is reused.
    `requests` counts plans asked for; `asked` holds, by trigger, what the last request was about. `words` holds the last ack
    about each device's present epoch; `applied` the plans that can still be undone.

    `followers` are the gateways that follow leases. `transfers` are the hand-overs under way, also of devices that have left
    the topology while somebody may still serve them. `spent` holds epochs above a device's own that were given to somebody
    who did not get it. `unwilling` gateways gave no room when asked: they get nobody until the tick. `suspicions` are of the last
    review. `replaced` gateways have a successor; `decommissioned` ones are empty since the tick, or not yet. Both drain.
    `days` are the last ones' peaks of demand.

    `open` waits for approval; `rollout` is approved and carried out in waves, or its last wave is watched. After one that was
    halted, only rescues are asked for until tick `calm_until_ms`.
    """

    id: SiteId
    topology: Topology
    ground: Ground
    demand: Float64
    censoring: Censoring
    assignments: dict[DeviceId, Assignment] = field(default_factory=dict)
    epoch_floor: int = 0
    draining: set[GatewayId] = field(default_factory=set)
    cordoned: set[GatewayId] = field(default_factory=set)
    silent: set[GatewayId] = field(default_factory=set)
    deaths: dict[GatewayId, Death] = field(default_factory=dict)
    frozen: bool = False
    stopped: bool = False
    guarded: bool = False
    requests: int = 0
    in_flight: PlanRequest | None = None
    open: OpenPlan | None = None
    asked: dict[Trigger, Asked] = field(default_factory=dict)
    unplaced: list[DeviceId] = field(default_factory=list)
    heartbeats: dict[GatewayId, Heartbeat] = field(default_factory=dict)
    words: dict[DeviceId, Ack] = field(default_factory=dict)
    applied: AppliedPlans = field(default_factory=AppliedPlans)
    followers: set[GatewayId] = field(default_factory=set)
    transfers: dict[DeviceId, Transfer] = field(default_factory=dict)
    spent: dict[DeviceId, int] = field(default_factory=dict)
    unwilling: dict[GatewayId, int] = field(default_factory=dict)
    rollout: Rollout | None = None
    calm_until_ms: int | None = None
    suspicions: dict[GatewayId, Suspicion] = field(default_factory=dict)
    replaced: dict[GatewayId, GatewayId] = field(default_factory=dict)
    decommissioned: dict[GatewayId, int | None] = field(default_factory=dict)
    days: list[DayOfDemand] = field(default_factory=list)
    _placed: Placed | None = None
    _granted: Granted | None = None

    @classmethod
    def before(cls, topology: Topology, configuration: CoreConfiguration) -> "Site":
        """A site just before its first topology: one revision less, and empty."""
        empty = Topology(topology.site, topology.revision - 1, [], [])
        ground = ground_of(empty, configuration)
        return cls(empty.site, empty, ground, ground.constants, nothing_censored(ground.frame))

    @property
    def placed(self) -> Placed:
        """The assignments as arrays, built anew after a change."""
        if self._placed is None:
            self._placed = Placed.of(self.assignments, self.transfers, self.ground.frame)
        return self._placed

    @property
    def granted(self) -> Granted:
        """The grants in force as arrays, built anew after a change."""
        if self._granted is None:
            self._granted = granted_by(self.assignments, self.ground.frame)
        return self._granted

    def bound(self, device: DeviceId) -> tuple[GatewayId | None, int]:
        """Where a device of the topology is to be, and under which epoch."""
        return bound_for(self.assignments[device], self.transfers.get(device))

    def grant(self, device: DeviceId) -> Resources:
        """What `device` is to have where it is to be."""
        transfer = self.transfers.get(device)
        under_way = transfer is not None and transfer.handover.target is not None
        return transfer.grant if transfer is not None and under_way else self.assignments[device].grant

    def replace(self, assignment: Assignment, transfer: Transfer | None) -> bool:
        """Let `assignment` and `transfer` be what stands of their device; true when the assignment is another one now."""
        device, before = assignment.device, self.assignments.get(assignment.device)
        self.assignments[device] = assignment
        if transfer is None:
            self.transfers.pop(device, None)
        else:
            self.transfers[device] = transfer
        if before is None or before.epoch != assignment.epoch:
            self.words.pop(device, None)
        self._placed = self._granted = None
        return before != assignment

    def regrant(self, changed: Sequence[Assignment], rows: Int64, amount: Float64) -> None:
        """Let `changed` stand, assignments of the devices `rows` that differ in their grant only; it is `amount` as an array.

        What they use next may still be of the grant before.
        """
        if not changed:
            return
        for assignment in changed:
            self.assignments[assignment.device] = assignment
        amounts = self.granted.amount.copy()
        amounts[rows] = amount
        self._granted = replace(self.granted, amount=amounts)
        self.censoring = self.censoring.unsettled(rows)

    def next_epoch(self, device: DeviceId) -> int:
        """An epoch above all that `device` ever had."""
        before = self.assignments.get(device)
        known = self.epoch_floor if before is None else before.epoch
        transfer = self.transfers.get(device)
        return max(known, self.spent.get(device, 0), 0 if transfer is None else transfer.handover.epoch) + 1

    def gateway_names(self) -> Set[GatewayId]:
        """The gateways of the topology."""
        return self.ground.frame.gateway_index.keys()

    def replace_topology(self, topology: Topology, configuration: CoreConfiguration) -> None:
        """Put `topology` in force; orders and deaths of gateways that are gone go with them."""
        self.topology = topology
        self.replace_ground(configuration)
        names = self.gateway_names()
        self.draining &= names
        self.cordoned &= names
        self.silent &= names
        self.deaths = {gateway: death for gateway, death in self.deaths.items() if gateway in names}
        self.heartbeats = {gateway: beat for gateway, beat in self.heartbeats.items() if gateway in names}
        self.followers &= names
        self.unwilling = {gateway: until for gateway, until in self.unwilling.items() if gateway in names}
        self.suspicions = {gateway: each for gateway, each in self.suspicions.items() if gateway in names}
        self.replaced = {gateway: by for gateway, by in self.replaced.items() if {gateway, by} <= names}
        self.decommissioned = {gateway: since for gateway, since in self.decommissioned.items() if gateway in names}

    def replace_ground(self, configuration: CoreConfiguration) -> None:
        """Stand on another configuration; what readings said of demand is unknown until the next review."""
        before, self.ground = self.ground, ground_of(self.topology, configuration)
        self._placed = self._granted = None
        self.demand = self.ground.constants
        self.censoring = carried_over(self.censoring, before.frame, self.ground.frame)

    def assign(
        self, device: DeviceId, gateway: GatewayId | None, grant: Resources, plan: PlanId | None, now_ms: int, reason: str
    ) -> Assignment:
        """Set the desired state of `device` under the next epoch and return it; a hand-over of it ends."""
        phase = Phase.UNSERVED if gateway is None else Phase.ACTIVE
        assignment = Assignment(self.id, device, gateway, self.next_epoch(device), grant, phase, plan, now_ms, reason)
        self.spent.pop(device, None)
        self.replace(assignment, None)
        return assignment

    def forget(self, device: DeviceId) -> None:
        """Take `device`, which is assigned to nowhere, out of the site. Its epochs stay used."""
        self.epoch_floor = max(self.epoch_floor, self.assignments.pop(device).epoch)
        self.words.pop(device, None)
        self._placed = self._granted = None

    def ask_again(self, trigger: Trigger) -> None:
        """Forget that a plan was asked for; only where devices are in need, for the others there is time."""
        if trigger in URGENT:
            self.asked.pop(trigger, None)

    def hear_demand(self, measured: SiteDemand, now_ms: int) -> Heard:
        """Take over what readings say the devices need at this tick, and who sends readings without being in the topology."""
        heard = heard_on(self.ground, measured)
        self.censoring = judged(self.censoring, heard, self.granted, self.ground.frame.capacity, self.demand)
        self.demand = self.censoring.claims(heard.demand)
        total = dict(zip(self.ground.frame.resources, self.demand.sum(axis=0).tolist(), strict=True))
        self.days = noted(self.days, total, now_ms)
        known = self.ground.frame.device_index
        strangers = (device for device in measured.devices if device not in known)
        self.unplaced = list(islice(strangers, MAX_UNPLACED))
        return heard

    def hear_silence(self, silent: Iterable[GatewayId], now_ms: int) -> None:
        """Take note of which gateways are silent at this tick. A death is counted when it begins and dated while it lasts."""
        present = set(silent) & set(self.gateway_names())
        for gateway in sorted(present):
            before = self.deaths.get(gateway, Death(0, now_ms, now_ms))
            begun = Death(before.count + 1, now_ms, now_ms)
            self.deaths[gateway] = replace(before, last_ms=now_ms) if gateway in self.silent else begun
        self.silent = present

    @property
    def pressing(self) -> frozenset[Trigger]:
        """Needs that do not wait while it is `calm`: an overload comes in minutes, and of a plan that is made nothing is lost."""
        is_made = self.rollout is not None and self.rollout.is_made
        return RESCUES | {Trigger.FORECAST_OVERLOAD} if is_made else RESCUES

    def calm(self, now_ms: int) -> str | None:
        """Why only `pressing` needs are asked for and met, persons' wishes apart; None when others are too."""
        if self.rollout is not None:
            return self.rollout.stands
        if self.calm_until_ms is not None and now_ms < self.calm_until_ms:
            return "a plan was halted lately"
        return None

    def turned_away(self, now_ms: int) -> set[GatewayId]:
        """Gateways that gave no room when they were asked lately."""
        return {gateway for gateway, until_ms in self.unwilling.items() if now_ms < until_ms}

    def on_hold(self, now_ms: int, hold_ms: int) -> set[GatewayId]:
        """Gateways back from silence that get no devices yet: for `hold_ms`, doubled with every further death, at most a day.

        A gateway emptied by an evacuation has no devices to prove that it lives; without the doubling it would be filled
        and lost again at every turn.
        """
        held = set()
        for gateway, death in self.deaths.items():
            if gateway not in self.silent and now_ms < death.last_ms + hold_after(death, hold_ms):
                held.add(gateway)
        return held

    def forget_deaths(self, settings: AllocationSettings, now_ms: int) -> None:
        """Trust anew who has lived since its last death for twice the hold that it earned, and for as long as its deaths are
        remembered: the next one counts as its first."""
        hold_ms = int(settings.cooldown_seconds * 1000)
        for gateway, death in list(self.deaths.items()):
            proof_ms = max(remembered_ms(death.count, settings.suspicion_seconds), 2 * hold_after(death, hold_ms))
            if gateway not in self.silent and now_ms - death.last_ms >= proof_ms:
                del self.deaths[gateway]
