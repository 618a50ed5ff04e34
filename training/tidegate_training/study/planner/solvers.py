"""The planner's rivals: a plain greedy rule, HiGHS and OR-tools CP-SAT. Each answers who uses which gateway, or nothing.

CP-SAT comes with the `exact` extra and is imported when asked for. Both exact solvers run on one thread until they prove the
optimum or their time is up; what they have found by then counts.
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, Final

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.allocation.placement import FULL
from tidegate.core.allocation.problem import Problem
from tidegate.errors import DependencyError
from tidegate_training.study.planner.program import Program

Solver = Callable[[Problem, Program, float], Int64 | None]
"""Problem, its program and seconds to int64 [device] of gateways; None when none was found in time."""

_WHOLE: Final = 1_000_000
"""CP-SAT knows whole numbers only: a full gateway is so many parts."""

_PRICE: Final = 1_000
"""And what a part costs is told in so many parts of a millionth of a cost unit."""


def greedy(problem: Problem, program: Program, seconds: float) -> Int64:
    """The largest device first, each to its cheapest gateway with room; who fits nowhere stays unserved."""
    del program, seconds
    reach, load = problem.reach, np.zeros_like(problem.capacity)
    where = np.full(len(problem.devices), NOWHERE, np.int64)
    share = problem.demand / problem.scale.mean(axis=0)
    for device in np.argsort(-share.max(axis=1), kind="stable"):
        links = np.arange(reach.first[device], reach.first[device + 1])
        for link in links[np.argsort(reach.cost_per_hour[links], kind="stable")]:
            gateway = reach.gateway[link]
            if (load[gateway] + problem.demand[device] <= problem.capacity[gateway] * FULL).all():
                where[device] = gateway
                load[gateway] += problem.demand[device]
                break
    return where


def highs(problem: Problem, program: Program, seconds: float) -> Int64 | None:
    """Branch and bound of HiGHS."""
    whole = np.arange(len(program.cost)) < program.links
    found = milp(
        program.cost,
        integrality=whole.astype(np.int64),
        bounds=Bounds(0, program.most),
        constraints=[LinearConstraint(program.load, -np.inf, program.room), LinearConstraint(program.once, 1, 1)],
        options={"time_limit": seconds},
    )
    return None if found.x is None else _chosen(problem, found.x[: program.links] > 0.5)


def cp_sat(problem: Problem, program: Program, seconds: float) -> Int64 | None:
    """CP-SAT of OR-tools; demand is rounded up to a millionth of a gateway, so that its answers are within capacity.

    Raises:
        DependencyError: the `exact` extra is not installed.
    """
    check_extra()
    from ortools.sat.python import cp_model  # noqa: PLC0415  # an extra

    model = cp_model.CpModel()
    x: list[Any] = [model.new_bool_var("") for _ in range(program.links)]
    x += [model.new_int_var(0, int(width * _WHOLE), "") for width in program.most[program.links :]]
    for columns, _ in _rows(program.once):
        model.add_exactly_one([x[column] for column in columns])
    for (columns, values), room in zip(_rows(program.load), program.room, strict=True):
        parts = np.where(columns < program.links, np.ceil(values * _WHOLE), values).astype(np.int64)
        model.add(cp_model.LinearExpr.weighted_sum([x[column] for column in columns], parts.tolist()) <= int(room * _WHOLE))
    parts_of_one = np.where(np.arange(len(x)) < program.links, _WHOLE, 1)
    prices = np.round(program.cost / problem.cost_unit * parts_of_one * _PRICE).astype(np.int64)
    model.minimize(cp_model.LinearExpr.weighted_sum(x, prices.tolist()))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds, solver.parameters.num_workers = seconds, 1
    solver.solve(model)
    if solver.status_name() not in ("OPTIMAL", "FEASIBLE"):
        return None
    return _chosen(problem, np.array([solver.value(each) for each in x[: program.links]], np.bool_))


def check_extra() -> None:
    """Raise now rather than after minutes of work.

    Raises:
        DependencyError: OR-tools is not installed.
    """
    if find_spec("ortools") is None:
        raise DependencyError("CP-SAT needs ortools", advice="pip install 'tidegate[exact]', or choose other rivals")


def _rows(matrix: Any) -> list[tuple[Int64, Float64]]:
    """Columns and values of each row of a sparse matrix."""
    ends = matrix.indptr
    return [(matrix.indices[a:b], matrix.data[a:b]) for a, b in pairwise(ends)]


def _chosen(problem: Problem, used: Bool) -> Int64:
    where = np.full(len(problem.devices), NOWHERE, np.int64)
    where[problem.reach.device[used]] = problem.reach.gateway[used]
    return where


RIVALS: Final[Mapping[str, Solver]] = {"greedy": greedy, "highs": highs, "cp-sat": cp_sat}
