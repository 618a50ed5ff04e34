"""Was a plan lawful? Recomputed from the request alone, with none of the planner's code: a fault there cannot hide itself."""

from collections import defaultdict
from typing import Final

from tidegate.contracts.ids import GatewayId
from tidegate.contracts.plan import Plan
from tidegate.contracts.resources import Resources
from tidegate.core.allocation.model import PlanRequest

ROUNDING: Final = 1e-9
"""Share of a capacity by which a load may exceed it: sums of floats in another order."""


def over_capacity(request: PlanRequest, plan: Plan) -> list[str]:
    """Gateways that received a device and end above their capacity, as `gateway: resource`; empty for a lawful plan.

    A gateway that was too full before and received nothing is what the plan found, not what it did.
    """
    loads = _loads(request, plan)
    received = {move.target for move in plan.moves if move.target is not None}
    return [
        f"{gateway.id}: {resource}"
        for gateway in request.topology.gateways
        if gateway.id in received
        for resource, capacity in gateway.capacity.items()
        if loads[gateway.id].get(resource, 0.0) > capacity * (1 + ROUNDING)
    ]


def out_of_reach(request: PlanRequest, plan: Plan) -> list[str]:
    """Moves to a gateway the device cannot or must not be served by, as `device → gateway`; empty for a lawful plan."""
    placements = {placement.id: placement for placement in request.topology.devices}
    shut = {*request.situation.dead, *request.situation.draining}
    wrong = []
    for move in plan.moves:
        if move.target is None:
            continue
        placement = placements[move.device]
        reachable = {link.gateway for link in placement.reach} or {gateway.id for gateway in request.topology.gateways}
        forbidden = move.target in placement.excluded or move.target in shut
        pinned_elsewhere = placement.pinned_to not in (None, move.target)
        if move.target not in reachable or forbidden or pinned_elsewhere:
            wrong.append(f"{move.device} → {move.target}")
    return wrong


def _loads(request: PlanRequest, plan: Plan) -> dict[GatewayId, Resources]:
    """Load of each gateway once every move of `plan` was made."""
    situation = request.situation
    served = dict(zip((placement.id for placement in request.topology.devices), situation.assigned, strict=True))
    served |= {move.device: move.target for move in plan.moves}
    loads: defaultdict[GatewayId, Resources] = defaultdict(lambda: dict.fromkeys(situation.resources, 0.0))
    for placement, demand in zip(request.topology.devices, situation.demand, strict=True):
        gateway = served[placement.id]
        if gateway is not None:
            for resource, amount in zip(situation.resources, demand, strict=True):
                loads[gateway][resource] += amount
    return loads
