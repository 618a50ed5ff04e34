"""What holds for ejections, groups and pairs on crammed sites: no higher goal pays for their gain, and all can be carried out."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_sites import RESOURCES, crammed, distances, flows, rescaled

from tidegate.contracts.plan import PlanScore
from tidegate.core.allocation.arrays import NOWHERE
from tidegate.core.allocation.ejections import evacuate_by_ejections, relieve_by_ejections, serve_by_ejections
from tidegate.core.allocation.evaluate import evaluate, misplaced
from tidegate.core.allocation.gather import gather
from tidegate.core.allocation.goals import MOVE_PRICE, compare
from tidegate.core.allocation.make_room import make_room
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.pairs import move_pairs
from tidegate.core.allocation.placement import FULL, Placement, loads
from tidegate.core.allocation.problem import Problem, problem_of
from tidegate.core.allocation.repair import rescue
from tidegate.core.allocation.trail import Cause, Step, Trail

looked_at = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Phase = Callable[[Placement, Trail], object]


def repaired(request: PlanRequest) -> tuple[Placement, Trail]:
    """As far as single moves and one device that steps aside come."""
    problem = problem_of(request)
    placement, trail = Placement(problem), Trail(request.settings.planner_steps, request.settings.max_moves_per_plan)
    rescue(placement, trail, np.arange(len(problem.gateways)))
    make_room(placement, trail, np.arange(len(problem.gateways)))
    return placement, trail


def ejections(placement: Placement, trail: Trail) -> None:
    tie_break = np.arange(len(placement.problem.gateways))
    serve_by_ejections(placement, trail, tie_break)
    evacuate_by_ejections(placement, trail, tie_break)
    relieve_by_ejections(placement, trail, tie_break)


def pairs(placement: Placement, trail: Trail) -> None:
    move_pairs(placement, trail, move_price=MOVE_PRICE)


def check_order(problem: Problem, trail: Trail, after: Placement) -> None:
    """The steps lead from the start to `after`, and no gateway is over capacity on the way because of them."""
    load, where = loads(problem, problem.start), problem.start.copy()
    for step in trail.steps.values():
        assert step.chosen is not None
        target = int(problem.reach.gateway[step.chosen.link])
        if where[step.device] != NOWHERE:
            load[where[step.device]] -= problem.demand[step.device]
        where[step.device] = target
        load[target] += problem.demand[step.device]
        assert (load[target] <= problem.capacity[target] * FULL).all()
    assert (where == after.gateway).all()


def strained(request: PlanRequest, draw: Callable[[st.SearchStrategy[int]], int]) -> PlanRequest:
    """`request` with one gateway draining, and one whose devices demand more than they did."""
    names, now = [gateway.id for gateway in request.topology.gateways], request.situation
    grown = names[draw(st.integers(0, len(names) - 1))]
    demand = [[a + (at == grown) for a in row] for row, at in zip(now.demand, now.assigned, strict=True)]
    return replace(request, situation=replace(now, demand=demand, draining=[names[draw(st.integers(0, len(names) - 1))]]))


@looked_at
@given(crammed(), st.data())
def test_ejections_serve_evacuate_and_relieve_and_make_nothing_above_worse(request: PlanRequest, data: st.DataObject) -> None:
    placement, trail = repaired(strained(request, data.draw))
    problem, before, served = placement.problem, evaluate(placement.problem, placement.gateway), placement.gateway != NOWHERE
    over, stranded = placement.load > problem.capacity * FULL, misplaced(problem, placement.gateway)
    ejections(placement, trail)
    after = evaluate(problem, placement.gateway)
    assert (placement.gateway[served] != NOWHERE).all()
    assert not (misplaced(problem, placement.gateway) & ~stranded).any()
    assert not ((placement.load > problem.capacity * FULL) & ~over).any()
    verdict = compare(before, after)
    assert verdict.goal is None or (verdict.goal.name in {"unserved", "misplaced", "overload"} and verdict.gain > 0)
    assert not (problem.cooling & ~problem.misplaced)[list(trail.departed)].any()
    assert len(trail.departed) <= request.settings.max_moves_per_plan
    check_order(problem, trail, placement)


def paired(request: PlanRequest, problem: Problem) -> tuple[Placement, Trail, PlanScore]:
    """The site after its pairs have moved, and its score before."""
    placement, trail = Placement(problem), Trail(request.settings.planner_steps, request.settings.max_moves_per_plan)
    before = evaluate(problem, placement.gateway)
    pairs(placement, trail)
    return placement, trail, before


@looked_at
@given(crammed())
def test_pairs_save_their_price_and_worsen_nothing(request: PlanRequest) -> None:
    problem = problem_of(request)
    placement, trail, before = paired(request, problem)
    after = evaluate(problem, placement.gateway)
    assert after.unserved_priority == before.unserved_priority
    assert after.overload <= before.overload + 1e-9
    assert (placement.latency_excess_ms <= problem.home_latency_excess_ms).all()
    assert before.cost_per_hour - after.cost_per_hour >= len(trail.departed) * MOVE_PRICE * problem.cost_unit - 1e-6
    assert not problem.cooling[list(trail.departed)].any()
    assert len(trail.departed) <= request.settings.max_moves_per_plan
    check_order(problem, trail, placement)


@st.composite
def talkative(draw: st.DrawFn) -> PlanRequest:
    """A crammed site of devices that talk to each other."""
    request = draw(crammed())
    site = replace(request.topology, flows=draw(flows(request.topology)), distances=draw(distances(request.topology)))
    return replace(request, topology=site)


def groups_of(trail: Trail) -> list[list[Step]]:
    """The steps of those who moved together: each names one of them as its partner, the last one the first."""
    left, groups = dict(trail.steps), list[list[Step]]()
    while left:
        step: Step | None = left.pop(next(iter(left)))
        groups.append([])
        while step is not None:
            groups[-1].append(step)
            step = left.pop(step.partner, None) if step.partner is not None else None
    return groups


@looked_at
@given(talkative())
def test_those_who_gather_save_their_price_and_worsen_nothing(request: PlanRequest) -> None:
    problem = problem_of(request)
    placement, trail = Placement(problem), Trail(request.settings.planner_steps, request.settings.max_moves_per_plan)
    before = evaluate(problem, placement.gateway)
    gather(placement, trail, move_price=MOVE_PRICE)
    after = evaluate(problem, placement.gateway)
    assert after.unserved_priority == before.unserved_priority
    assert after.overload <= before.overload + 1e-9
    assert (placement.latency_excess_ms <= problem.home_latency_excess_ms).all()
    assert before.cost_per_hour - after.cost_per_hour >= len(trail.departed) * MOVE_PRICE * problem.cost_unit - 1e-6
    told = sum(steps[0].together_per_hour for steps in groups_of(trail))  # of devices moved twice one step would be forgotten
    assert told == pytest.approx(before.cost_per_hour - after.cost_per_hour, abs=1e-6)
    assert not problem.cooling[list(trail.departed)].any()
    assert len(trail.departed) <= request.settings.max_moves_per_plan
    check_order(problem, trail, placement)


@looked_at
@given(crammed())
def test_what_the_two_of_a_pair_are_said_to_save_is_what_they_save(request: PlanRequest) -> None:
    problem = problem_of(request)
    placement, trail, before = paired(request, problem)
    steps = list(trail.steps.values())
    assert {step.cause for step in steps} <= {Cause.PAIR}
    assert all(trail.steps[step.partner or 0].partner == step.device for step in steps)
    said = sum(step.together_per_hour for step in steps) / 2
    assert said == pytest.approx(before.cost_per_hour - evaluate(problem, placement.gateway).cost_per_hour)


@pytest.mark.parametrize("phase", [ejections, pairs])
def test_another_unit_and_another_time_change_nothing(phase: Phase) -> None:
    @looked_at
    @given(crammed())
    def holds(request: PlanRequest) -> None:
        found = []
        for each in (request, request, rescaled(request, RESOURCES[0], 1 / 1024)):
            placement, trail = repaired(each)
            phase(placement, trail)
            found.append(placement.gateway.tolist())
        assert found[0] == found[1] == found[2]

    holds()
