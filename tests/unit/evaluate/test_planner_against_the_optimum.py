"""What ejections, pairs and trades are worth on small random sites: distance from the exact optimum, with them and without."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from tidegate.contracts.topology import Flow
from tidegate.core.allocation.arrays import NOWHERE
from tidegate.core.allocation.construct import construct
from tidegate.core.allocation.ejections import serve_by_ejections
from tidegate.core.allocation.evaluate import evaluate
from tidegate.core.allocation.exchange import exchange
from tidegate.core.allocation.goals import MOVE_PRICE
from tidegate.core.allocation.improve import improve
from tidegate.core.allocation.make_room import make_room
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.pairs import move_pairs
from tidegate.core.allocation.placement import Placement
from tidegate.core.allocation.planner import plan
from tidegate.core.allocation.problem import Problem, problem_of
from tidegate.core.allocation.repair import rescue
from tidegate.core.allocation.trail import Trail
from tidegate_training.study.planner.program import Program, program_of
from tidegate_training.study.planner.sites import Shape, one_dead, random_site, settled
from tidegate_training.study.planner.solvers import greedy, highs
from tidegate_training.study.planner.trials import where_of

SITES = range(6)
SECONDS = 60.0


def start(problem: Problem) -> tuple[Placement, Trail, np.ndarray]:
    return Placement(problem), Trail(20_000, 10_000), np.arange(len(problem.gateways))


def optimum(problem: Problem, program: Program) -> float:
    where = highs(problem, program, SECONDS)
    assert where is not None
    return evaluate(problem, where).cost_per_hour


def fewest_unserved(problem: Problem) -> int:
    program, links = program_of(problem, congestion=False), len(problem.reach.device)
    open_links = problem.usable.astype(np.float64)
    constraints = [LinearConstraint(program.load, -np.inf, program.room), LinearConstraint(program.once, 0, 1)]
    found = milp(-np.ones(links), integrality=np.ones(links), bounds=Bounds(0, open_links), constraints=constraints)
    return len(problem.devices) - round(-found.fun)


@pytest.mark.timeout(120)
def test_after_a_loss_ejections_serve_most_of_those_that_can_be_and_are_missed_without() -> None:
    totals = np.zeros(3, np.int64)
    for state in SITES:
        problem = problem_of(one_dead(settled(random_site(Shape(10, 80, 10, 1, fullness=0.89), state))))
        placement, trail, tie_break = start(problem)
        rescue(placement, trail, tie_break)
        make_room(placement, trail, tie_break)
        without = int((placement.gateway == NOWHERE).sum())
        serve_by_ejections(placement, trail, tie_break)
        totals += (fewest_unserved(problem), int((placement.gateway == NOWHERE).sum()), without)
    exact, ejecting, plain = totals
    assert exact <= ejecting
    assert ejecting - exact <= (plain - exact) / 2


@pytest.mark.timeout(120)
def test_trades_bring_a_first_placement_nearer_to_the_optimum() -> None:
    gaps = []
    for state in SITES:
        problem = problem_of(random_site(Shape(5, 25, 5, 2, fullness=0.8), state))
        placement, trail, tie_break = start(problem)
        construct(placement, trail, np.arange(len(problem.devices)), tie_break)
        improve(placement, trail, tie_break, move_price=np.inf)
        plain = evaluate(problem, placement.gateway).cost_per_hour
        exchange(placement, trail)
        best = optimum(problem, program_of(problem, congestion=True))
        gaps.append((plain / best - 1, evaluate(problem, placement.gateway).cost_per_hour / best - 1))
    plain, traded = np.mean(gaps, axis=0)
    assert -1e-6 <= traded <= plain / 2


def test_where_devices_talk_in_fours_a_plan_that_knows_it_pays_a_tenth_for_flows_of_one_that_does_not() -> None:
    request = random_site(Shape(20, 400, 20, 2), 0)
    talk = [Flow(f"d{4 * four + a}", f"d{4 * four + b}", 10.0) for four in range(100) for a in range(4) for b in range(a)]
    knowing = replace(request, topology=replace(request.topology, flows=talk))
    problem = problem_of(knowing)
    assert problem.flows is not None
    blind, seeing = (where_of(problem, plan(each)) for each in (request, knowing))
    assert problem.flows.cost_per_hour(seeing) <= problem.flows.cost_per_hour(blind) / 10
    assert evaluate(problem, seeing).cost_per_hour <= 0.85 * evaluate(problem, blind).cost_per_hour
    assert evaluate(problem, seeing).unserved_devices == 0


def periods(request: PlanRequest, *, pairs: bool) -> float:
    """Cost after three periods of savings, in each of which a device moves once."""
    problem = problem_of(request)
    for _ in range(3):
        placement, trail, tie_break = start(problem)
        improve(placement, trail, tie_break, move_price=MOVE_PRICE)
        if pairs:
            move_pairs(placement, trail, move_price=MOVE_PRICE)
        assigned = [None if at == NOWHERE else problem.gateways[at] for at in placement.gateway]
        problem = problem_of(replace(request, situation=replace(request.situation, assigned=assigned)))
    return evaluate(problem, problem.start).cost_per_hour


@pytest.mark.timeout(120)
def test_pairs_bring_a_site_that_was_assigned_badly_nearer_to_the_optimum() -> None:
    gaps = []
    for state in SITES:
        request = random_site(Shape(5, 25, 5, 2, fullness=0.85), state)
        bare = problem_of(request)
        dear = replace(bare, reach=replace(bare.reach, cost_per_hour=60.0 - bare.reach.cost_per_hour))
        where = greedy(dear, program_of(dear, congestion=True), SECONDS)
        assigned = [None if at == NOWHERE else bare.gateways[at] for at in where]
        now = replace(request, situation=replace(request.situation, assigned=assigned))
        best = optimum(bare, program_of(bare, congestion=True))
        gaps.append([periods(now, pairs=pairs) / best - 1 for pairs in (False, True)])
    alone, paired = np.mean(gaps, axis=0)
    assert -1e-6 <= paired <= alone / 2
