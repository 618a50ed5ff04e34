"""Crowded sites of devices large and small in trouble: a gateway dies, drains, or is asked for more; who finds no place?

Beside the planner: placing each one without moving anybody else (`greedy`), and what HiGHS finds and proves in its time, however
many devices that moves: what its best assignment leaves (`highs`), and what none can leave less than (`least`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import process_time
from typing import Final

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, hstack

from tidegate.contracts.ids import GatewayId
from tidegate.contracts.plan import Trigger
from tidegate.core.allocation.arrays import NOWHERE, Float64
from tidegate.core.allocation.evaluate import evaluate
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.placement import FULL, loads
from tidegate.core.allocation.planner import plan
from tidegate.core.allocation.problem import Problem, problem_of
from tidegate_training.evaluate.progress import Report
from tidegate_training.study.planner.program import program_of
from tidegate_training.study.planner.sites import Shape, random_site, settled

GROWTH: Final = 1.3
"""What the devices of two gateways demand, over what they did."""

_GROWN: Final = 2
_DOUBT: Final = 1e-6
"""What a bound must exceed a whole number by to count as more."""


Names = list[GatewayId | None]
"""Who is served by which gateway, in the order of a problem's devices."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """`befalls` a settled request; what an assignment has `left` of it, in devices or shares; what is `known` of the least."""

    befalls: Callable[[PlanRequest], PlanRequest]
    left: Callable[[Problem, Names], float]
    known: Callable[[Problem, float], "Known"]


@dataclass(frozen=True, slots=True)
class Known:
    """What HiGHS `found` to be left by its best assignment, NaN if it has none in time, and the `least` that it proved."""

    found: float
    least: float


def trouble_figures(shape: Shape, sites: int, seconds: float, report: Report) -> dict[str, dict[str, float | int]]:
    """By trouble, what is left over after it on so many random sites, summed up; `seconds` bounds each proof."""
    found = {}
    for place, (name, trouble) in enumerate(TROUBLES.items()):
        rows = [_befallen(shape, state, trouble, seconds) for state in range(sites)]
        found[name] = {key: float(np.sum([row[key] for row in rows])) for key in rows[0]} | {"sites": sites}
        found[name]["milliseconds"] /= sites
        report("trouble", place + 1, len(TROUBLES))
    return found


def _befallen(shape: Shape, random_state: int, trouble: Trouble, seconds: float) -> dict[str, float]:
    request = trouble.befalls(settled(random_site(shape, random_state)))
    problem = problem_of(request)
    began = process_time()
    made = plan(request)
    took, known = process_time() - began, trouble.known(problem, seconds)
    target = {move.device: move.target for move in made.moves}
    after = [target.get(name, at) for name, at in zip(problem.devices, _names(problem), strict=True)]
    return {
        "before": trouble.left(problem, _names(problem)),
        "greedy": trouble.left(problem, _greedy(problem)),
        "planner": trouble.left(problem, after),
        "highs": known.found,
        "least": known.least,
        "moves": len(made.moves),
        "milliseconds": took * 1e3,
    }


def _names(problem: Problem) -> Names:
    return [None if at == NOWHERE else problem.gateways[at] for at in problem.start]


def _greedy(problem: Problem) -> Names:
    """Who has to move goes where there is room, the largest first, each at the least cost; nobody makes room for anybody.

    Who has to: the unserved, whoever must not stay, and of a gateway over capacity the largest until it is not.
    """
    where, load, reach = problem.start.copy(), loads(problem, problem.start), problem.reach
    size = (problem.demand / problem.scale.mean(axis=0)).max(axis=1)
    for device in np.argsort(-size, kind="stable"):
        at = where[device]
        if at != NOWHERE and not problem.misplaced[device] and (load[at] <= problem.capacity[at] * FULL).all():
            continue
        links = np.arange(reach.first[device], reach.first[device + 1])
        links = links[problem.usable[links] & (reach.gateway[links] != at)]
        after = load[reach.gateway[links]] + problem.demand[device]
        links = links[(after <= problem.capacity[reach.gateway[links]] * FULL).all(axis=1)]
        if len(links):
            to = reach.gateway[links[np.argmin(reach.cost_per_hour[links])]]
            load[to] += problem.demand[device]
            if at != NOWHERE:
                load[at] -= problem.demand[device]
            where[device] = to
    return [None if at == NOWHERE else problem.gateways[at] for at in where]


def _one_dies(request: PlanRequest) -> PlanRequest:
    first = request.topology.gateways[0].id
    return replace(request, trigger=Trigger.GATEWAY_DOWN, situation=replace(request.situation, dead=[first]))


def _one_drains(request: PlanRequest) -> PlanRequest:
    first = request.topology.gateways[0].id
    return replace(request, trigger=Trigger.OPERATOR, situation=replace(request.situation, draining=[first]))


def _two_grow(request: PlanRequest) -> PlanRequest:
    now, grown = request.situation, {gateway.id for gateway in request.topology.gateways[:_GROWN]}
    factors = [GROWTH if at in grown else 1.0 for at in now.assigned]
    demand = [[amount * factor for amount in row] for row, factor in zip(now.demand, factors, strict=True)]
    return replace(request, trigger=Trigger.FORECAST_OVERLOAD, situation=replace(now, demand=demand))


def _out_of_place(problem: Problem, where: Names) -> float:
    """Devices without a gateway, or on one that is closed."""
    shut = {None, *(name for name, closed in zip(problem.gateways, problem.closed, strict=True) if closed)}
    return sum(at in shut for at in where)


def _overload(problem: Problem, where: Names) -> float:
    """Load beyond capacity, in shares of it, summed over gateways and resources."""
    index: dict[GatewayId | None, int] = {name: row for row, name in enumerate(problem.gateways)}
    index[None] = NOWHERE
    return evaluate(problem, np.array([index[at] for at in where], np.int64)).overload


def _fewest(problem: Problem, seconds: float) -> Known:
    """Devices that have no place on an open gateway, whoever moves."""
    program, links = program_of(problem, congestion=False), len(problem.reach.device)
    limits = [LinearConstraint(program.load, -np.inf, program.room), LinearConstraint(program.once, 0, 1)]
    placed = _solved(-np.ones(links), np.ones(links), problem.usable.astype(np.float64), limits, seconds)
    return Known(
        float(np.round(len(problem.devices) + placed.found)), float(np.ceil(len(problem.devices) + placed.least - _DOUBT))
    )


def _least_overload(problem: Problem, seconds: float) -> Known:
    """Overload when everybody is served who is now, whoever moves."""
    program, links, rows = program_of(problem, congestion=False), len(problem.reach.device), problem.capacity.size
    load = hstack([program.load, csr_array((-np.ones(rows), (np.arange(rows), np.arange(rows))), shape=(rows, rows))])
    once = hstack([program.once, csr_array((len(problem.devices), rows))])
    served = (problem.start != NOWHERE).astype(np.float64)
    limits = [LinearConstraint(load, -np.inf, program.room), LinearConstraint(once, served, 1)]
    cost, whole = np.repeat([0.0, 1.0], [links, rows]), np.repeat([1.0, 0.0], [links, rows])
    known = _solved(cost, whole, np.repeat([1.0, np.inf], [links, rows]), limits, seconds)
    return Known(known.found, max(0.0, known.least))


def _solved(cost: Float64, whole: Float64, most: Float64, limits: list[LinearConstraint], seconds: float) -> Known:
    """The best cost found, and what no answer can be below, as far as it is proven in time."""
    options = {"time_limit": seconds}
    solved = milp(cost, integrality=whole, bounds=Bounds(0, most), constraints=limits, options=options)
    return Known(float("nan") if solved.fun is None else float(solved.fun), float(solved.mip_dual_bound))


TROUBLES: Final[Mapping[str, Trouble]] = {
    "a gateway dies": Trouble(_one_dies, _out_of_place, _fewest),
    "a gateway drains": Trouble(_one_drains, _out_of_place, _fewest),
    "two are asked for 30 % more": Trouble(_two_grow, _overload, _least_overload),
}
