"""Random sites, fixed by their random state. Demand is told in shares of a gateway's capacity, so no unit matters."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.ids import DeviceId, GatewayId, PlanId, ProfileName, SiteId
from tidegate.contracts.plan import Trigger
from tidegate.contracts.topology import DevicePlacement, Gateway, Link, Topology
from tidegate.core.allocation.model import AllocationView, PlanRequest, Situation
from tidegate.core.allocation.planner import plan

RESOURCES: Final = ("cpu_millicores", "memory_bytes", "bandwidth_bps", "storage_bytes")

DOMAINS: Final = 5
"""Gateways per failure domain."""


LARGEST: Final = 0.9
"""The most that a device demands, in shares of a gateway."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of a site: each device reaches `links` gateways; `fullness` (0 to 1) is total demand ÷ total capacity.

    `correlated`: a device's link costs fall as its demand rises, noise apart, the hard class of the assignment literature
    (Chu and Beasley 1997, type D); otherwise costs and demand are uniform and independent. `mixed`: devices large and small, the
    standard deviation of the logarithm of a further factor that is a device's own; none is larger than `LARGEST`.
    """

    gateways: int
    devices: int
    links: int
    resources: int
    fullness: float = 0.8
    correlated: bool = False
    mixed: float = 0.0


def random_site(shape: Shape, random_state: int) -> PlanRequest:
    """A request for the first placement of every device; every gateway has a capacity of 1 of every resource."""
    rng = np.random.default_rng(random_state)
    raw = rng.uniform(5, 25, (shape.devices, shape.resources))
    if shape.mixed:
        raw *= rng.lognormal(0.0, shape.mixed, (shape.devices, 1))
    demand = np.minimum(raw * (shape.fullness * shape.gateways / raw.sum(axis=0)), LARGEST)
    noise = rng.uniform(10, 50, (shape.devices, shape.links))
    costs = 0.25 * noise + 1.5 * (30 - raw.mean(axis=1, keepdims=True)) if shape.correlated else noise
    reach = [rng.choice(shape.gateways, shape.links, replace=False).tolist() for _ in range(shape.devices)]
    placements = [
        DevicePlacement(DeviceId(f"d{row}"), ProfileName("any"), [Link(_name(g), 0.0, c) for g, c in zip(to, cost, strict=True)])
        for row, (to, cost) in enumerate(zip(reach, costs.tolist(), strict=True))
    ]
    names = RESOURCES[: shape.resources]
    capacity = dict.fromkeys(names, 1.0)
    gateways = [Gateway(_name(index), capacity, f"domain-{index // DOMAINS}") for index in range(shape.gateways)]
    situation = Situation(list(names), demand.tolist(), [None] * shape.devices, [1] * shape.devices, [], [], [], [])
    settings = AllocationSettings(max_moves_per_plan=shape.devices)
    site = Topology(SiteId("site"), 1, gateways, placements)
    return PlanRequest(PlanId("plan"), site.site, Trigger.UNSERVED_DEVICES, 0, 1, site, situation, settings, "")


def settled(request: PlanRequest) -> PlanRequest:
    """`request` after its own plan was carried out."""
    target = {move.device: move.target for move in plan(request).moves}
    assigned = [target.get(device.id) for device in request.topology.devices]
    return replace(request, situation=replace(request.situation, assigned=assigned))


def one_dead(request: PlanRequest) -> PlanRequest:
    """The settled `request` after its first gateway died."""
    return replace(request, trigger=Trigger.GATEWAY_DOWN, situation=replace(request.situation, dead=[_name(0)]))


def view_of(request: PlanRequest) -> AllocationView:
    """What questions about the site of `request` are answered from."""
    return AllocationView(request.site, 0, request)


def _name(index: int) -> GatewayId:
    return GatewayId(f"g{index}")
