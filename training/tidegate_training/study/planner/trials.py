"""One solver on one site: what it took, how far its answer is from the bounds, and whether the answer is lawful."""

import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time

import numpy as np

from tidegate.contracts.plan import Plan
from tidegate.core.allocation.arrays import NOWHERE, Float64, Int64
from tidegate.core.allocation.evaluate import evaluate
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.placement import FULL, loads
from tidegate.core.allocation.planner import plan
from tidegate.core.allocation.problem import Problem, problem_of
from tidegate.errors import TidegateError
from tidegate_training.study.planner.program import Program, bound, program_of
from tidegate_training.study.planner.sites import Shape, random_site
from tidegate_training.study.planner.solvers import Solver

MOST_LINKS = 150_000
"""Links beyond which the linear relaxation is not solved: it takes many minutes and gigabytes."""


@dataclass(frozen=True, slots=True)
class Case:
    """A random site with its two programs and their bounds (cost per hour; NaN where too large to solve)."""

    request: PlanRequest
    problem: Problem
    own: Program
    links: Program
    own_bound: float
    links_bound: float


@dataclass(frozen=True, slots=True)
class Trial:
    """`gap` is cost ÷ bound − 1 by the planner's own goal, `links_gap` by links alone; NaN where somebody is unserved."""

    seconds: float
    gap: float
    links_gap: float
    unserved: int


def case_of(shape: Shape, random_state: int) -> Case:
    """The random site of `shape`, bounded."""
    request = random_site(shape, random_state)
    problem = problem_of(request)
    own, links = program_of(problem, congestion=True), program_of(problem, congestion=False)
    known = shape.devices * shape.links <= MOST_LINKS
    return Case(request, problem, own, links, bound(own) if known else np.nan, bound(links) if known else np.nan)


def planned(case: Case) -> Trial:
    """The planner as shipped: from the request in memory to the plan with its reasons and digest."""
    began = process_time()
    made = plan(case.request)
    return judged(case, where_of(case.problem, made), process_time() - began)


def rivalled(case: Case, solver: Solver, seconds: float) -> Trial:
    """A rival twice, once for each goal, since none of them has both; `seconds` bounds each, the slower one is told."""
    trials = []
    for program in (case.own, case.links):
        began = process_time()
        where = solver(case.problem, program, seconds)
        took = process_time() - began
        nothing = np.full(len(case.problem.devices), NOWHERE, np.int64)
        trials.append(judged(case, nothing if where is None else where, took))
    own, links = trials
    return Trial(max(own.seconds, links.seconds), own.gap, links.links_gap, max(own.unserved, links.unserved))


def judged(case: Case, where: Int64, seconds: float) -> Trial:
    """What an answer is worth.

    Raises:
        TidegateError: a gateway is over capacity, or a device where it does not reach.
    """
    problem = case.problem
    check_lawful(problem, where)
    score = evaluate(problem, where)
    if score.unserved_devices:
        return Trial(seconds, np.nan, np.nan, score.unserved_devices)
    gap, links_gap = score.cost_per_hour / case.own_bound - 1, links_cost(problem, where) / case.links_bound - 1
    return Trial(seconds, gap, links_gap, 0)


def check_lawful(problem: Problem, where: Int64) -> None:
    """See that an answer could be carried out. Raises as `judged`."""
    reach = problem.reach
    reached = np.bincount(reach.device[reach.gateway == where[reach.device]], minlength=len(where)) > 0
    if not reached[where != NOWHERE].all():
        raise TidegateError("a solver put a device beyond its reach")
    if (loads(problem, where) > problem.capacity * FULL).any():
        raise TidegateError("a solver put a gateway over its capacity")


def links_cost(problem: Problem, where: Int64) -> float:
    """What the links in use cost per hour."""
    reach = problem.reach
    return float(reach.cost_per_hour[reach.gateway == where[reach.device]].sum())


def where_of(problem: Problem, made: Plan) -> Int64:
    """Who is served where after a first placement."""
    index = {name: row for row, name in enumerate(problem.gateways)}
    target = {move.device: index[move.target] for move in made.moves if move.target is not None}
    return np.array([target.get(name, NOWHERE) for name in problem.devices], np.int64)


def timed(work: Callable[[], object], runs: int) -> Float64:
    """Seconds of each of `runs` calls."""
    taken = []
    for _ in range(runs):
        began = process_time()
        work()
        taken.append(process_time() - began)
    return np.array(taken)


def peak_mib(work: Callable[[], object]) -> float:
    """Memory that `work` had in use at most beyond what was there before, in MiB; it runs several times slower meanwhile."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def summed_up(trials: Sequence[Trial]) -> dict[str, float | int]:
    """Median seconds and mean gaps of `trials`, with least and most; a gap is NaN where any of them left someone unserved."""
    gaps, links = np.array([each.gap for each in trials]), np.array([each.links_gap for each in trials])
    seconds = np.array([each.seconds for each in trials])
    return {
        "seconds": float(np.median(seconds)),
        "seconds_least": float(seconds.min()),
        "seconds_most": float(seconds.max()),
        "gap": float(gaps.mean()),
        "gap_least": float(gaps.min()),
        "gap_most": float(gaps.max()),
        "links_gap": float(links.mean()),
        "links_gap_most": float(links.max()),
        "unserved_most": max(each.unserved for each in trials),
        "sites": len(trials),
    }
