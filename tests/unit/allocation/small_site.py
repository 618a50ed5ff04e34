"""Small sites and a driver that plays worker and planner for an allocator, in place and by hand-moved time."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np

from tidegate.contracts.codec import pack, unpack
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.plan import Assignment, Decision, DecisionStatus, Plan, Trigger
from tidegate.contracts.topology import DevicePlacement, Gateway, Link, Topology
from tidegate.core.allocation.allocator import AllocationResult, Allocator
from tidegate.core.allocation.model import PlanRequest, Situation
from tidegate.core.allocation.planner import plan
from tidegate.core.condition import Condition
from tidegate.core.demand import SiteDemand

SITE = "north"
_NOTHING = np.empty((0, 0))
NO_DEMAND = SiteDemand(SITE, [], [], np.empty(0, np.int64), [], _NOTHING, np.empty((0, 0, 4, 7)), _NOTHING, _NOTHING)


def demand_of(cpu: dict[str, float]) -> SiteDemand:
    """Devices whose readings say what CPU they need."""
    request, count = np.array([list(cpu.values())]).T, len(cpu)
    times, rows = np.zeros(count, np.int64), (request, np.zeros((count, 1, 4, 7)), request, np.full_like(request, np.nan))
    return SiteDemand(SITE, list(cpu), ["sensor"] * count, times, ["cpu_millicores"], *rows)


def gateway(name: str, cpu: float = 10.0) -> Gateway:
    return Gateway(name, {"cpu_millicores": cpu})


def device(name: str, at: str | None, to: dict[str, float] | None = None, cpu: float = 1.0, **more: Any) -> DevicePlacement:
    """`to` is cost per hour by gateway; None reaches every gateway."""
    reach = [Link(target, cost_per_hour=cost) for target, cost in (to or {}).items()]
    return DevicePlacement(name, "sensor", reach, at, demand={"cpu_millicores": cpu}, **more)


def topology(gateways: list[Gateway], devices: list[DevicePlacement], revision: int = 1) -> Topology:
    return Topology(SITE, revision, gateways, devices)


def request_of(
    site: Topology, trigger: Trigger = Trigger.PERIOD, settings: AllocationSettings | None = None, **situation: Any
) -> PlanRequest:
    """A request as the allocator would make it, for devices that demand what the topology says."""
    resources = sorted({name for d in site.devices for name in d.demand})
    now = Situation(
        resources=resources,
        demand=[[d.demand.get(name, 0.0) for name in resources] for d in site.devices],
        assigned=[d.gateway for d in site.devices],
        epochs=[1] * len(site.devices),
        dead=[],
        draining=[],
        closed=[],
        cooling=[],
    )
    return PlanRequest(
        "plan-1", SITE, trigger, 0, 1000, site, replace(now, **situation), settings or AllocationSettings(), "digest"
    )


class Worker:
    """An allocator with somebody around it who carries requests to the planner and plans back."""

    def __init__(self, site: Topology, **settings: Any) -> None:
        self.configuration = CoreConfiguration({}, allocation=AllocationSettings(**settings))
        self.conditions: dict[str, Condition] = {}
        self.allocator = Allocator(self.configuration, self.listen)
        self.decisions: list[Decision] = []
        self.changes: list[Assignment] = []
        self.requests: list[PlanRequest] = []
        self._numbers = count(1)
        self.now_ms = 1_000_000
        self.command(CommandKind.SET_TOPOLOGY, topology=site)

    def command(self, kind: CommandKind, **fields: Any) -> AllocationResult:
        return self._take(self.allocator.handle(Command(f"c{next(self._numbers)}", SITE, kind, **fields), self.now_ms))

    def review(self, *silent: str, demand: SiteDemand = NO_DEMAND) -> AllocationResult:
        return self._take(self.allocator.review(SITE, self.now_ms, demand, frozenset(silent)))

    def answer(self) -> list[Plan]:
        """Plan and submit every request not answered yet."""
        plans = [plan(request) for request in self.requests]
        self.requests = []
        for made in plans:
            self.command(CommandKind.SUBMIT_PLAN, plan=made)
        return plans

    def settle(self, *silent: str) -> list[Plan]:
        self.review(*silent)
        return self.answer()

    def listen(self, site: str, devices: Sequence[str]) -> list[Condition]:
        """What is known of `devices`: nothing, if no test says otherwise."""
        return [self.conditions.get(device, Condition()) for device in devices]

    def restart(self) -> None:
        """Forget everything but the exported state."""
        exported = unpack(pack(self.allocator.export_state()), dict)
        self.allocator = Allocator.restore(self.configuration, exported, self.listen)

    def later(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)

    def where(self) -> dict[str, str | None]:
        return {a.device: a.gateway for a in self.allocator.assignments(SITE)}

    def statuses(self) -> list[DecisionStatus]:
        return [decision.status for decision in self.decisions]

    def _take(self, result: AllocationResult) -> AllocationResult:
        self.decisions += result.decisions
        self.changes += result.assignments
        self.requests += result.requests
        return result


def names(items: Iterable[Any]) -> list[str]:
    return [item.device for item in items]


P, A, D, R, X, U, W, H = (
    DecisionStatus.PROPOSED,
    DecisionStatus.APPROVED,
    DecisionStatus.APPLIED,
    DecisionStatus.REFUSED,
    DecisionStatus.EXPIRED,
    DecisionStatus.UNDONE,
    DecisionStatus.ROLLING_OUT,
    DecisionStatus.HALTED,
)


def three_gateways(**settings: object) -> Worker:
    """g1 serves a and b, g2 serves c, g3 is empty."""
    devices = [device("a", "g1"), device("b", "g1"), device("c", "g2")]
    return Worker(topology([gateway("g1"), gateway("g2"), gateway("g3")], devices), **settings)


def waiting() -> Worker:
    """A plan for the death of g1 waits for approval."""
    worker = three_gateways(auto_approve=False)
    worker.settle("g1")
    return worker


def approve(worker: Worker, digest: str | None = None) -> None:
    made = worker.allocator.open_plan(SITE)
    assert made is not None
    worker.command(CommandKind.APPROVE_PLAN, plan_id=made.id, digest=digest or made.digest, issued_by="ada")
