"""Random sites for allocation's properties: tight and loose, with dead, closed and draining gateways, pins and exclusions.

Amounts are small whole numbers, so that sums are exact and many placements tie.
"""

from dataclasses import replace

from hypothesis import strategies as st

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.plan import Trigger
from tidegate.contracts.topology import Binding, DevicePlacement, Distance, Flow, Gateway, Link, Topology
from tidegate.core.allocation.model import PlanRequest, Situation

RESOURCES = ["cpu_millicores", "memory_bytes"]


@st.composite
def sites(draw: st.DrawFn) -> Topology:
    """Up to 5 gateways and 14 devices; some resources unlimited, some gateways of no capacity at all."""
    gateway_names = [f"g{n}" for n in range(draw(st.integers(1, 5)))]
    gateways = [
        Gateway(name, {r: float(draw(st.integers(0, 24))) for r in RESOURCES if draw(st.integers(0, 5))})
        for name in gateway_names
    ]
    devices = [draw(placements(f"d{n}", gateway_names)) for n in range(draw(st.integers(0, 14)))]
    site = Topology("site", draw(st.integers(1, 9)), gateways, devices)
    return replace(site, flows=draw(flows(site)), distances=draw(distances(site))) if devices and draw(st.booleans()) else site


def flows(site: Topology) -> st.SearchStrategy[list[Flow]]:
    """What some devices send each other, themselves and the same ones twice among them."""
    device = st.sampled_from([device.id for device in site.devices])
    return st.lists(st.builds(Flow, device, device, st.integers(0, 6).map(float)), max_size=6)


def distances(site: Topology) -> st.SearchStrategy[list[Distance]]:
    """How far apart some gateways are."""
    gateway = st.sampled_from([gateway.id for gateway in site.gateways])
    return st.lists(st.builds(Distance, gateway, gateway, st.integers(0, 4).map(float)), max_size=4)


@st.composite
def placements(draw: st.DrawFn, name: str, gateway_names: list[str]) -> DevicePlacement:
    """One device anywhere, with or without limits of its own."""
    some = st.lists(st.sampled_from(gateway_names), unique=True)
    one = st.none() | st.sampled_from(gateway_names)
    links = [Link(g, float(draw(st.integers(0, 40))), float(draw(st.integers(0, 8)))) for g in draw(some)]
    return DevicePlacement(
        id=name,
        profile="sensor",
        reach=links,
        gateway=draw(one),
        priority=float(draw(st.integers(0, 3))),
        binding=Binding.FIXED if draw(st.integers(0, 7)) == 0 else Binding.GATEWAY_PULLED,
        pinned_to=draw(one) if draw(st.integers(0, 5)) == 0 else None,
        excluded=draw(some) if draw(st.integers(0, 5)) == 0 else [],
        latency_limit_ms=draw(st.none() | st.just(20.0)),
        demand={r: float(draw(st.integers(0, 9))) for r in RESOURCES},
    )


@st.composite
def requests(draw: st.DrawFn) -> PlanRequest:
    """A site in some trouble, under some limits on the search."""
    site = draw(sites())
    names = [gateway.id for gateway in site.gateways]
    some = st.lists(st.sampled_from(names), unique=True)
    situation = Situation(
        resources=RESOURCES,
        demand=[[device.demand[r] for r in RESOURCES] for device in site.devices],
        assigned=[device.gateway for device in site.devices],
        epochs=[draw(st.integers(1, 99)) for _ in site.devices],
        dead=draw(some),
        draining=draw(some),
        closed=draw(some),
        cooling=[device.id for device in site.devices if draw(st.integers(0, 4)) == 0],
    )
    settings = AllocationSettings(
        max_moves_per_plan=draw(st.sampled_from([0, 1, 3, 200])),
        planner_steps=draw(st.sampled_from([0, 5, 20_000])),
        random_state=draw(st.integers(0, 3)),
    )
    trigger = draw(st.sampled_from(list(Trigger)))
    return PlanRequest("plan-1", "site", trigger, 0, 1000, site, situation, settings, "digest")


@st.composite
def crowds(draw: st.DrawFn) -> PlanRequest:
    """A site as of `requests` with a crowd of devices, most of which nobody serves, and room for many or most of them."""
    request = draw(requests())
    site, now = request.topology, request.situation
    gateways = [replace(g, capacity={r: c * draw(st.integers(1, 8)) for r, c in g.capacity.items()}) for g in site.gateways]
    rows = [row for row in range(len(site.devices)) for _ in range(5)] + [0] * 3 if site.devices else []
    devices = [replace(site.devices[row], id=f"d{place}") for place, row in enumerate(rows)]
    loose = [draw(st.integers(0, 4)) > 0 for _ in rows]
    assigned = [None if free else now.assigned[row] for row, free in zip(rows, loose, strict=True)]
    situation = replace(now, demand=[now.demand[row] for row in rows], assigned=assigned, epochs=[1] * len(rows), cooling=[])
    return replace(request, topology=replace(site, gateways=gateways, devices=devices), situation=situation)


@st.composite
def crammed(draw: st.DrawFn) -> PlanRequest:
    """Nearly full gateways whose devices reach few others, and devices that nobody serves: room is left only in pieces."""
    names = [f"g{n}" for n in range(draw(st.integers(3, 5)))]
    at = [draw(st.sampled_from(names)) for _ in range(draw(st.integers(6, 14)))] + [None] * draw(st.integers(1, 3))
    demand = [[float(draw(st.integers(1, 6))) for _ in RESOURCES] for _ in at]
    devices = []
    for row, here in enumerate(at):
        others = draw(st.lists(st.sampled_from(names), unique=True, min_size=1, max_size=2))
        reach = [Link(name, 0.0, float(draw(st.integers(0, 8)))) for name in dict.fromkeys([*([here] if here else []), *others])]
        devices.append(DevicePlacement(f"d{row}", "sensor", reach, here, priority=float(draw(st.integers(1, 3)))))
    gateways = []
    for name in names:
        used = [sum(row[column] for row, here in zip(demand, at, strict=True) if here == name) for column in (0, 1)]
        room = 8 if name == names[-1] else draw(st.integers(0, 3))
        gateways.append(Gateway(name, {r: used[n] + room for n, r in enumerate(RESOURCES)}))
    cooling = [device.id for device in devices if draw(st.integers(0, 7)) == 0]
    situation = Situation(RESOURCES, demand, at, [1] * len(at), [], [], [], cooling)
    settings = AllocationSettings(
        max_moves_per_plan=draw(st.sampled_from([2, 3, 200])), minimum_benefit_ratio=0.0, random_state=draw(st.integers(0, 3))
    )
    trigger = draw(st.sampled_from([Trigger.PERIOD, Trigger.UNSERVED_DEVICES]))
    return PlanRequest("plan-1", "site", trigger, 0, 1000, Topology("site", 1, gateways, devices), situation, settings, "digest")


def rescaled(request: PlanRequest, resource: str, factor: float) -> PlanRequest:
    """`request` with one resource told in another unit."""
    column, site, now = RESOURCES.index(resource), request.topology, request.situation
    gateways = [
        replace(g, capacity={r: c * factor if r == resource else c for r, c in g.capacity.items()}) for g in site.gateways
    ]
    demand = [[amount * factor if place == column else amount for place, amount in enumerate(row)] for row in now.demand]
    return replace(request, topology=replace(site, gateways=gateways), situation=replace(now, demand=demand))
