"""Was a plan lawful, and is what it says of its moves so? Recomputed from the request alone.

Lawfulness is judged with none of the planner's code: a fault there cannot hide itself. A counterfactual is judged by asking
the planner again.
"""

from collections import defaultdict
from dataclasses import replace
from typing import Final

from tidegate.contracts.ids import DeviceId, GatewayId
from tidegate.contracts.plan import ChangedPart, Counterfactual, Move, Plan
from tidegate.contracts.resources import Resources
from tidegate.contracts.topology import DevicePlacement, Gateway, Link, Topology
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.planner import plan

ROUNDING: Final = 1e-9
"""Share of a capacity by which a load may exceed it: sums of floats in another order."""


def over_capacity(request: PlanRequest, made: Plan) -> list[str]:
    """Gateways that received a device and end above their capacity, as `gateway: resource`; empty for a lawful plan.

    A gateway that was too full before and received nothing is what the plan found, not what it did.
    """
    loads = _loads(request, made)
    received = {move.target for move in made.moves if move.target is not None}
    return [
        f"{gateway.id}: {resource}"
        for gateway in request.topology.gateways
        if gateway.id in received
        for resource, capacity in gateway.capacity.items()
        if loads[gateway.id].get(resource, 0.0) > capacity * (1 + ROUNDING)
    ]


def out_of_reach(request: PlanRequest, made: Plan) -> list[str]:
    """Moves to a gateway the device cannot or must not be served by, as `device → gateway`; empty for a lawful plan."""
    placements = {placement.id: placement for placement in request.topology.devices}
    shut = {*request.situation.dead, *request.situation.draining}
    wrong = []
    for move in made.moves:
        if move.target is None:
            continue
        placement = placements[move.device]
        reachable = {link.gateway for link in placement.reach} or {gateway.id for gateway in request.topology.gateways}
        forbidden = move.target in placement.excluded or move.target in shut
        pinned_elsewhere = placement.pinned_to not in (None, move.target)
        if move.target not in reachable or forbidden or pinned_elsewhere:
            wrong.append(f"{move.device} → {move.target}")
    return wrong


def _loads(request: PlanRequest, made: Plan) -> dict[GatewayId, Resources]:
    """Load of each gateway once every move of `made` was made."""
    situation = request.situation
    served = dict(zip((placement.id for placement in request.topology.devices), situation.assigned, strict=True))
    served |= {move.device: move.target for move in made.moves}
    loads: defaultdict[GatewayId, Resources] = defaultdict(lambda: dict.fromkeys(situation.resources, 0.0))
    for placement, demand in zip(request.topology.devices, situation.demand, strict=True):
        gateway = served[placement.id]
        if gateway is not None:
            for resource, amount in zip(situation.resources, demand, strict=True):
                loads[gateway][resource] += amount
    return loads


def flips(request: PlanRequest, move: Move) -> bool:
    """Whether the planner, asked again with the change that `move` names, serves its device elsewhere: did it flip?

    The change is made to the request, by names, and the whole plan is made anew.
    """
    named = move.counterfactual
    if named is None:
        return False
    changed = replace(request, topology=changed_topology(request.topology, move.device, named))
    targets = {each.device: each.target for each in plan(changed).moves}
    now = dict(zip((each.id for each in request.topology.devices), request.situation.assigned, strict=True))
    gone = now[move.device] in request.situation.dead
    stays = None if gone else now[move.device]
    return targets.get(move.device, stays) == named.instead != move.target


def changed_topology(topology: Topology, device: DeviceId, named: Counterfactual) -> Topology:
    """`topology` with the change that a counterfactual about `device` names."""
    if named.part is ChangedPart.CAPACITY:
        return replace(topology, gateways=[_resized(gateway, named) for gateway in topology.gateways])
    return replace(
        topology, devices=[_rewired(each, topology, named) if each.id == device else each for each in topology.devices]
    )


def _resized(gateway: Gateway, named: Counterfactual) -> Gateway:
    if gateway.id != named.gateway:
        return gateway
    return replace(gateway, capacity={name: amount + named.by.get(name, 0.0) for name, amount in gateway.capacity.items()})


def _rewired(device: DevicePlacement, topology: Topology, named: Counterfactual) -> DevicePlacement:
    links = device.reach or [Link(gateway.id) for gateway in topology.gateways]
    extra = named.by["cost_per_hour"]
    return replace(
        device,
        reach=[
            replace(link, cost_per_hour=link.cost_per_hour + extra) if link.gateway == named.gateway else link for link in links
        ],
    )
