"""The score of an assignment, computed from nothing but the problem and who is served where.

The planner scores its own result with this, not with the running sums of its search, and so does whoever applies a plan.
"""

import numpy as np

from tidegate.contracts.plan import PlanScore
from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.allocation.goals import congestion
from tidegate.core.allocation.placement import ROUNDING, loads
from tidegate.core.allocation.problem import Problem


def evaluate(problem: Problem, gateway: Int64) -> PlanScore:
    """The score when device d is served by `gateway[d]` (`NOWHERE`: unserved). Changes nothing; all zero for an empty site."""
    load = loads(problem, gateway)
    share = np.where(np.isfinite(problem.capacity), load / problem.scale, 0.0)
    unserved = gateway == NOWHERE
    cost, latency = _links(problem, gateway)
    return PlanScore(
        unserved_priority=float(problem.priority[unserved].sum()),
        overload=float(overload(problem, load).sum()),
        latency_violation_ms=float(latency[~unserved].sum()),
        cost_per_hour=float(cost[~unserved].sum() + problem.cost_unit * congestion(share).sum()) + _flows(problem, gateway),
        unserved_devices=int(unserved.sum()),
        jain_balance=_jain(share.max(axis=1, initial=0.0)[~problem.dead]),
        utilisation=_utilisation(problem, share),
        misplaced_priority=float(problem.priority[misplaced(problem, gateway)].sum()),
    )


def overload(problem: Problem, load: Float64) -> Float64:
    """Excess of `load` over capacity as a share of it, float64 shaped like `load`; 0 within rounding of the capacity."""
    excess = np.maximum(load - problem.capacity, 0.0) / problem.scale
    return np.where(excess > ROUNDING, excess, 0.0)


def misplaced(problem: Problem, gateway: Int64) -> Bool:
    """Which devices are served where they must not stay, bool [device]. No move leads to such a place, so it is the start."""
    return np.asarray(problem.misplaced & (gateway == problem.start))


def _links(problem: Problem, gateway: Int64) -> tuple[Float64, Float64]:
    """Cost per hour and latency excess (ms) of the link each device uses; a link the topology does not list has neither."""
    reach = problem.reach
    used = np.flatnonzero(reach.gateway == gateway[reach.device])
    cost, latency = np.zeros(len(gateway)), np.zeros(len(gateway))
    cost[reach.device[used]] = reach.cost_per_hour[used]
    latency[reach.device[used]] = reach.latency_excess_ms[used]
    return cost, latency


def _flows(problem: Problem, gateway: Int64) -> float:
    return 0.0 if problem.flows is None else problem.flows.cost_per_hour(gateway)


def _jain(share: Float64) -> float:
    """Jain's index of the gateways' highest shares (Jain, Chiu, Hawe 1984): 1 when all are equal, also when all are empty."""
    squares = float(np.square(share).sum())
    return float(np.square(share.sum()) / (len(share) * squares)) if squares > 0 else 1.0


def _utilisation(problem: Problem, share: Float64) -> dict[str, dict[str, float]]:
    rows = zip(problem.gateways, share.tolist(), np.isfinite(problem.capacity).tolist(), strict=True)
    return {
        str(gateway): {
            resource: round(value, 6)
            for resource, value, counts in zip(problem.resources, values, limited, strict=True)
            if counts
        }
        for gateway, values, limited in rows
    }
