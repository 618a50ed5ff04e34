"""What holds when many devices are placed together: the same as one by one, and the bound of the prices is below everything."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_sites import RESOURCES, crowds, rescaled

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.plan import Trigger
from tidegate.contracts.topology import DevicePlacement, Gateway, Topology
from tidegate.core.allocation.arrays import NOWHERE
from tidegate.core.allocation.construct import construct, relaxation_of
from tidegate.core.allocation.evaluate import evaluate
from tidegate.core.allocation.exchange import exchange
from tidegate.core.allocation.goals import GOALS, compare
from tidegate.core.allocation.model import PlanRequest, Situation
from tidegate.core.allocation.placement import FULL, Placement, loads
from tidegate.core.allocation.planner import plan
from tidegate.core.allocation.prices import ascend
from tidegate.core.allocation.problem import Problem, problem_of
from tidegate.core.allocation.rules import Admission, Binding
from tidegate.core.allocation.trail import Trail
from tidegate.core.allocation.triage import triage

looked_at = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def together(problem: Problem, how: Callable[..., None] = construct) -> Placement:
    placement, tie_break = Placement(problem), np.arange(len(problem.gateways))
    how(placement, Trail(10**6, 10**6), np.flatnonzero(placement.gateway == NOWHERE), tie_break)
    return placement


@pytest.mark.parametrize("how", [construct, triage])
@looked_at
@given(request=crowds())
def test_a_crowd_gets_only_lawful_places_with_room_and_the_served_stay_where_they_are(
    request: PlanRequest, how: Callable[..., None]
) -> None:
    problem = problem_of(request)
    placement = together(problem, how)
    served = problem.start != NOWHERE
    assert (placement.gateway[served] == problem.start[served]).all()
    placed = np.flatnonzero(~served & (placement.gateway != NOWHERE))
    links = placement.link[placed]
    assert (problem.reach.gateway[links] == placement.gateway[placed]).all()
    for rule in (Binding(), Admission()):
        assert rule.allows(problem, placement.load, links).all()
    assert placement.load == pytest.approx(loads(problem, placement.gateway))
    targets = np.unique(placement.gateway[placed])
    assert (placement.load[targets] <= problem.capacity[targets] * FULL).all()


@looked_at
@given(crowds())
def test_a_plan_for_a_crowd_worsens_no_goal_for_a_lower_one_and_fills_nobody_beyond_capacity(request: PlanRequest) -> None:
    made, problem = plan(request), problem_of(request)
    assert next((gain for goal in GOALS if (gain := goal.gain(made.before, made.after)) != 0.0), 0.0) >= 0.0
    index = {name: row for row, name in enumerate(problem.gateways)}
    place = {name: row for row, name in enumerate(problem.devices)}
    load = loads(problem, problem.start)
    for move in made.moves:
        device = place[move.device]
        if problem.start[device] != NOWHERE:
            load[problem.start[device]] -= problem.demand[device]
        if move.target is not None:
            load[index[move.target]] += problem.demand[device]
            assert (load[index[move.target]] <= problem.capacity[index[move.target]] * FULL + 1e-9).all()


@looked_at
@given(crowds())
def test_a_crowd_is_served_no_worse_than_one_by_one(request: PlanRequest) -> None:
    """With no steps left nobody is placed together, so that plan is what repair alone comes to."""
    alone = plan(replace(request, settings=replace(request.settings, planner_steps=0)))
    made = plan(replace(request, settings=replace(request.settings, planner_steps=20_000)))
    verdict = compare(alone.after, made.after)
    assert verdict.goal is None or verdict.goal.name == "cost" or verdict.gain > 0


@looked_at
@given(crowds())
def test_trades_save_cost_and_nothing_else_changes(request: PlanRequest) -> None:
    problem = problem_of(request)
    placement, trail = Placement(problem), Trail(10**6, 10**6)
    crowd = np.flatnonzero(placement.gateway == NOWHERE)
    construct(placement, trail, crowd, np.arange(len(problem.gateways)))
    before, apart = evaluate(problem, placement.gateway), placement.copy()
    traded = exchange(placement, trail)
    verdict = compare(before, evaluate(problem, placement.gateway))
    assert verdict.gain >= 0
    assert verdict.gain > 0 or not traded
    assert verdict.goal is None or verdict.goal.name in {"latency", "cost"}
    others = np.setdiff1d(np.arange(len(problem.devices)), crowd)
    assert (placement.gateway[others] == apart.gateway[others]).all()
    assert placement.load == pytest.approx(loads(problem, placement.gateway))


@looked_at
@given(crowds(), st.sampled_from(RESOURCES), st.sampled_from([1 / 1024, 3.0, 1e6]))
def test_another_unit_changes_no_place_of_a_crowd(request: PlanRequest, resource: str, factor: float) -> None:
    here, there = together(problem_of(request)), together(problem_of(rescaled(request, resource, factor)))
    assert (here.gateway == there.gateway).all()


@looked_at
@given(crowds(), st.integers(1, 30))
def test_no_assignment_costs_less_than_the_bound_of_any_prices(request: PlanRequest, iterations: int) -> None:
    problem = problem_of(request)
    placement = together(problem)
    placed = np.flatnonzero((problem.start == NOWHERE) & (placement.gateway != NOWHERE))
    if not len(placed):
        return
    wanted = np.isin(problem.reach.device, placed)
    links = np.flatnonzero(wanted)
    for rule in (Binding(), Admission()):
        links = links[rule.allows(problem, placement.load, links)]
    bound = ascend(relaxation_of(Placement(problem), links), iterations).bound * problem.cost_unit
    before, after = evaluate(problem, problem.start), evaluate(problem, placement.gateway)
    assert bound <= (after.cost_per_hour - before.cost_per_hour) * (1 + 1e-6) + 1e-6


@pytest.mark.parametrize("parts", [1, 3, 7])
@pytest.mark.parametrize("iterations", [2, 40])
def test_a_gateway_that_is_just_full_has_prices_that_bound(parts: int, iterations: int) -> None:
    """Thirds and sevenths of a capacity are rounded, and their sum is not the whole: no price is too low for a hair."""
    devices = [DevicePlacement(f"d{n}", "s", demand={"memory_bytes": 1.0}) for n in range(parts)]
    site = Topology("site", 1, [Gateway("g0", {"memory_bytes": float(parts)})], devices)
    now = Situation(["memory_bytes"], [[1.0]] * parts, [None] * parts, [1] * parts, [], [], [], [])
    problem = problem_of(PlanRequest("p", "site", Trigger.PERIOD, 0, 1000, site, now, AllocationSettings(), "digest"))
    found = ascend(relaxation_of(Placement(problem), np.arange(parts)), iterations)
    full = evaluate(problem, np.zeros(parts, np.int64)).cost_per_hour
    assert found.bound * problem.cost_unit <= full * (1 + 1e-6)
    assert found.price.max() < 1e3
