"""How fast and how good plans are: `python benchmarks/plans.py [--quick] [--out FILE]`. Printed and written, never asserted.

Random sites, fixed by their random state. Quality is the gap of the links' cost to the bound of the linear relaxation (each
device split over gateways at will), which no assignment can beat; the planner pays for congestion too and so gives some of
the links' cost away on purpose. The bound needs scipy, which the `evaluate` extra brings.
"""

import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from scipy.optimize import linprog
from scipy.sparse import csr_array

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.ids import DeviceId, GatewayId, PlanId, ProfileName, SiteId
from tidegate.contracts.plan import Plan, Trigger
from tidegate.contracts.topology import DevicePlacement, Gateway, Link, Topology
from tidegate.core.allocation.model import PlanRequest, Situation
from tidegate.core.allocation.planner import plan
from tidegate_training.evaluate import results

RESOURCES = ("cpu_millicores", "memory_bytes", "bandwidth_bps", "storage_bytes")

NOTES = (
    "seconds: median of the runs, one thread, from the request in memory to the plan with its digest and reasons.",
    "gap_to_bound: links' cost ÷ bound of the linear relaxation − 1, where every device is served; null where some are not, "
    "as the bound serves all. The bound ignores congestion, for which the planner pays, and may itself be out of reach.",
    "first placement: nobody is served before. one gateway dead: all others are well, only its devices move.",
)


def random_site(gateways: int, devices: int, links: int, resources: int, tightness: float, random_state: int = 0) -> PlanRequest:
    """Uniform demands of 5 to 25 and link costs of 10 to 50; total demand is `tightness` (0 to 1) of total capacity."""
    rng = np.random.default_rng(random_state)
    names = RESOURCES[:resources]
    demand = rng.uniform(5, 25, (devices, resources))
    capacity = dict(zip(names, (demand.sum(axis=0) / gateways / tightness).tolist(), strict=True))
    reach = [rng.choice(gateways, links, replace=False).tolist() for _ in range(devices)]
    costs = rng.uniform(10, 50, (devices, links)).tolist()
    placements = [
        DevicePlacement(DeviceId(f"d{row}"), ProfileName("any"), [Link(_name(g), 0.0, c) for g, c in zip(to, cost, strict=True)])
        for row, (to, cost) in enumerate(zip(reach, costs, strict=True))
    ]
    site = Topology(SiteId("bench"), 1, [Gateway(_name(index), capacity) for index in range(gateways)], placements)
    situation = Situation(list(names), demand.tolist(), [None] * devices, [1] * devices, [], [], [], [])
    settings = AllocationSettings(max_moves_per_plan=devices)
    return PlanRequest(PlanId("plan-bench"), site.site, Trigger.UNSERVED_DEVICES, 0, 1, site, situation, settings, "")


def one_dead(request: PlanRequest) -> PlanRequest:
    """`request` after its own plan was carried out and its first gateway died."""
    target = {move.device: move.target for move in plan(request).moves}
    assigned = [target.get(device.id) for device in request.topology.devices]
    situation = replace(request.situation, assigned=assigned, dead=[_name(0)])
    return replace(request, trigger=Trigger.GATEWAY_DOWN, situation=situation)


CASES: dict[str, Callable[[], PlanRequest]] = {
    "first placement, 100 × 800, 1 resource, 80 % full": lambda: random_site(100, 800, 100, 1, 0.8),
    "first placement, 100 × 800, 4 resources, 80 % full": lambda: random_site(100, 800, 100, 4, 0.8),
    "first placement, 100 × 800, 1 resource, 95 % full": lambda: random_site(100, 800, 100, 1, 0.95),
    "one gateway dead, 200 × 10,000, 12 links, 4 resources": lambda: one_dead(random_site(200, 10_000, 12, 4, 0.8)),
}
"""Gateways × devices; sizes and tightness as in the goals for plans (spec: performance)."""

QUICK: dict[str, Callable[[], PlanRequest]] = {
    "first placement, 10 × 80, 1 resource, 80 % full": lambda: random_site(10, 80, 10, 1, 0.8),
    "one gateway dead, 10 × 80, 4 links, 4 resources": lambda: one_dead(random_site(10, 80, 4, 4, 0.7)),
}
"""Small ones, to see that it runs."""


def measure(request: PlanRequest, runs: int) -> dict[str, Any]:
    """Plan `runs` times over; seconds and what came out."""
    seconds = []
    for _ in range(runs):
        began = perf_counter()
        made = plan(request)
        seconds.append(perf_counter() - began)
    first = request.trigger is Trigger.UNSERVED_DEVICES
    return {
        "seconds": statistics.median(seconds),
        "moves": len(made.moves),
        "unserved": len(made.unserved),
        "steps": made.steps,
        "gap_to_bound": links_cost(request, made) / bound(request) - 1 if first and not made.unserved else None,
    }


def links_cost(request: PlanRequest, made: Plan) -> float:
    """What the links of a first placement cost per hour."""
    costs = {(device.id, link.gateway): link.cost_per_hour for device in request.topology.devices for link in device.reach}
    return sum(costs[move.device, move.target] for move in made.moves if move.target is not None)


def bound(request: PlanRequest) -> float:
    """Least cost per hour of links when devices may be split: a bound that no assignment of whole devices can beat."""
    site, demand = request.topology, np.array(request.situation.demand)
    count, index = len(request.situation.resources), {gateway.id: row for row, gateway in enumerate(site.gateways)}
    device = np.array([row for row, placement in enumerate(site.devices) for _ in placement.reach])
    gateway = np.array([index[link.gateway] for placement in site.devices for link in placement.reach])
    cost = [link.cost_per_hour for placement in site.devices for link in placement.reach]
    column = np.arange(len(cost))
    loads = csr_array(
        (
            np.concatenate([demand[device, resource] for resource in range(count)]),
            (np.concatenate([gateway * count + resource for resource in range(count)]), np.tile(column, count)),
        )
    )
    room = np.array([[each.capacity[name] for name in request.situation.resources] for each in site.gateways]).ravel()
    once = csr_array((np.ones(len(cost)), (device, column)))
    return float(linprog(cost, A_ub=loads, b_ub=room, A_eq=once, b_eq=np.ones(len(site.devices)), method="highs").fun)


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Small sites, to see that it runs.")] = False,
    out: Annotated[Path | None, typer.Option(help="Results file to write.")] = None,
) -> None:
    """Plan for random sites; print seconds and gaps."""
    cases, runs = (QUICK, 1) if quick else (CASES, 5)
    figures = {}
    for name, build in cases.items():
        Console(stderr=True).print(name)
        figures[name] = measure(build(), runs)
    Console().print(_table(figures))
    if out is not None:
        command = "python benchmarks/plans.py" + (" --quick" if quick else "") + f" --out docs/results/{out.name}"
        results.write(results.collect("Plans", command, figures, NOTES), out)


def _table(figures: dict[str, dict[str, Any]]) -> Table:
    table = Table("site", "seconds", "moves", "unserved", "steps", "gap to bound")
    for name, found in figures.items():
        gap = "" if found["gap_to_bound"] is None else f"{found['gap_to_bound']:.2%}"
        table.add_row(name, f"{found['seconds']:.3f}", str(found["moves"]), str(found["unserved"]), str(found["steps"]), gap)
    return table


def _name(index: int) -> GatewayId:
    return GatewayId(f"g{index}")


if __name__ == "__main__":
    typer.run(main)
