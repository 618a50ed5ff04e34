"""Tidegate's own planner on an instance: resources are devices, in reach of every gateway, and capacity is a hard limit.

The planner places devices; links between gateways are not its business (a site's uplinks are given), so they are completed
by the shortest tree and its cheapest link. It prices congestion besides links, and does not see the paper's penalty.
"""

import numpy as np

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.ids import DeviceId, GatewayId, PlanId, ProfileName, SiteId
from tidegate.contracts.plan import Trigger
from tidegate.contracts.topology import DevicePlacement, Gateway, Link, Topology
from tidegate.core.allocation.evaluate import evaluate
from tidegate.core.allocation.model import PlanRequest, Situation
from tidegate.core.allocation.planner import plan
from tidegate.core.allocation.problem import problem_of
from tidegate_training.study.irap.herd import Genes, price
from tidegate_training.study.irap.instance import Instance
from tidegate_training.study.irap.optimum import linked_gateways
from tidegate_training.study.irap.search import Found


def planned(instance: Instance, *, evaluations: int, random_state: int) -> Found:
    """The planner's first placement, as shipped; its budget is its own, so `evaluations` does not bound it and 1 is counted."""
    del evaluations
    request = _request(instance, random_state)
    made = plan(request)
    owner = {move.device: int(str(move.target)) for move in made.moves}
    genes = [*linked_gateways(instance), *(owner[device.id] for device in request.topology.devices)]
    cost = float(price(instance, _row(genes)).cost[0])
    return Found(_row(genes)[0], cost, cost, 1)


def own_cost(instance: Instance, genes: Genes) -> float:
    """What the planner itself thinks the resources' part of a solution costs per hour: links and the price of congestion."""
    return evaluate(problem_of(_request(instance, 0)), genes[instance.gateways :].astype(np.int64)).cost_per_hour


def _row(genes: list[int]) -> Genes:
    return np.array([genes], np.int16)


def _request(instance: Instance, random_state: int) -> PlanRequest:
    gateways = [Gateway(GatewayId(str(index)), {"devices": float(instance.capacity)}) for index in range(instance.gateways)]
    reach = [[Link(to.id, 0.0, float(cost)) for to, cost in zip(gateways, costs, strict=True)] for costs in instance.access.T]
    devices = [DevicePlacement(DeviceId(f"r{row}"), ProfileName("any"), links) for row, links in enumerate(reach)]
    count = len(devices)
    situation = Situation(["devices"], [[1.0]] * count, [None] * count, [1] * count, [], [], [], [])
    settings = AllocationSettings(max_moves_per_plan=count, random_state=random_state)
    site = Topology(SiteId("irap"), 1, gateways, devices)
    return PlanRequest(PlanId("plan-irap"), site.site, Trigger.UNSERVED_DEVICES, 0, 1, site, situation, settings, "")
