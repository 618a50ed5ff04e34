"""What N-1 says of a loss: a proof is true for every plan there is, and a loss that is survived has a lawful plan."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_sites import crowds, requests

from tidegate.contracts.studies import Loss, LossOutcome
from tidegate.core.allocation.arrays import NOWHERE, Bool, Int64
from tidegate.core.allocation.headroom import headroom
from tidegate.core.allocation.model import AllocationView, PlanRequest
from tidegate.core.allocation.placement import FULL, Placement, loads
from tidegate.core.allocation.problem import Problem, after_loss, problem_of
from tidegate.core.allocation.rules import Admission, Binding
from tidegate.core.allocation.trail import Trail
from tidegate.core.allocation.triage import triage
from tidegate.core.allocation.worlds import worlds_of

looked_at = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])

MOST = 1_000
"""Assignments of a site that are tried one by one; larger sites are passed over."""


def settled_crowds() -> st.SearchStrategy[PlanRequest]:
    """Sites of many devices, as of `crowds`, all of which are served, within capacity or beyond it."""
    return crowds().map(all_served)


def all_served(request: PlanRequest) -> PlanRequest:
    names = [gateway.id for gateway in request.topology.gateways]
    turns = [names[row % len(names)] for row in range(len(request.topology.devices))] if names else []
    return replace(request, situation=replace(request.situation, assigned=turns, dead=[], suspects=[]))


def without(request: PlanRequest, loss: Loss) -> tuple[Problem, Int64]:
    """The site after `loss`, and who was served before."""
    problem = problem_of(request)
    dead: Bool = np.isin(np.array(problem.gateways), loss.gateways)
    return after_loss(problem, dead), np.flatnonzero(problem.start != NOWHERE)


def choices(after: Problem, device: int) -> list[int]:
    """Where a device may be: where it is, lawful open gateways, nowhere."""
    reach = after.reach
    links = np.arange(reach.first[device], reach.first[device + 1])
    for rule in (Binding(), Admission()):
        links = links[rule.allows(after, np.zeros_like(after.capacity), links)]
    return sorted({int(after.start[device]), NOWHERE, *reach.gateway[links].tolist()})


def assignments(after: Problem, served: Int64) -> Iterator[Int64]:
    """Every lawful one of the devices `served` within capacity; who stays where it is may be in an overload that was there."""
    room = np.maximum(after.capacity, loads(after, after.start)) * FULL
    for places in product(*(choices(after, int(device)) for device in served)):
        where = np.full(len(after.devices), NOWHERE, np.int64)
        where[served] = places
        if (loads(after, where) <= room).all():
            yield where


def losses(request: PlanRequest) -> list[Loss]:
    return headroom(AllocationView("site", 0, request)).losses if request.topology.gateways else []


@looked_at
@given(requests())
def test_what_is_proven_unplaceable_no_assignment_places(request: PlanRequest) -> None:
    for loss in losses(request):
        after, served = without(request, loss)
        count = np.prod([len(choices(after, int(device))) for device in served], dtype=np.float64)
        if loss.surely_unserved == 0 or count > MOST:
            continue
        least = min(int((where[served] == NOWHERE).sum()) for where in assignments(after, served))
        assert loss.surely_unserved <= least <= loss.unserved


@looked_at
@given(requests())
def test_an_outcome_says_what_its_numbers_say(request: PlanRequest) -> None:
    for loss in losses(request):
        assert (loss.outcome is LossOutcome.SURVIVED) == (loss.unserved == 0)
        assert (loss.outcome is LossOutcome.PROVEN_UNPLACEABLE) == (loss.surely_unserved > 0)
        assert loss.surely_unserved <= loss.unserved
        assert loss.moved <= loss.devices
        assert bool(loss.short) <= (loss.unserved > 0)


@looked_at
@given(requests())
def test_what_is_survived_some_assignment_survives(request: PlanRequest) -> None:
    for loss in losses(request):
        after, served = without(request, loss)
        count = np.prod([len(choices(after, int(device))) for device in served], dtype=np.float64)
        if loss.outcome is LossOutcome.SURVIVED and count <= MOST:
            assert any((where[served] != NOWHERE).all() for where in assignments(after, served))


@looked_at
@given(settled_crowds())
def test_of_a_crowd_that_loses_its_gateway_the_numbers_agree(request: PlanRequest) -> None:
    for loss in losses(request):
        after, served = without(request, loss)
        lost = np.flatnonzero(problem_of(request).start != after.start)
        assert loss.devices == len(lost)
        assert loss.moved >= loss.devices - loss.unserved
        assert loss.surely_unserved <= loss.unserved <= len(served)
        assert set(loss.named) <= {after.devices[row] for row in served}


@looked_at
@given(settled_crowds())
def test_side_by_side_every_loss_has_its_own_gateways_and_no_place_is_given_twice(request: PlanRequest) -> None:
    problem = problem_of(request)
    living = np.flatnonzero(~problem.dead).tolist()
    if not living:
        return
    worlds = worlds_of(problem, loads(problem, problem.start), [[gateway] for gateway in living])
    placement = Placement(worlds.problem)
    placement.load = worlds.load.copy()
    triage(placement, Trail(10**6, 10**6), worlds.devices, np.arange(len(worlds.problem.gateways)))
    for world, lost in enumerate(living):
        after, served = after_loss(problem, np.arange(len(problem.gateways)) == lost), worlds.of_device == world
        assert (problem.start[served] == lost).all()
        here = np.where(served, placement.gateway, NOWHERE)
        placed = here != NOWHERE
        where = np.where(placed, here - world * len(problem.gateways), after.start)
        assert ((where[placed] >= 0) & (where[placed] < len(problem.gateways)) & (where[placed] != lost)).all()
        load = loads(problem, where)
        assert (load[where[placed]] <= problem.capacity[where[placed]] * FULL).all()
        for rule in (Binding(), Admission()):
            links = placement.link[placed]
            own = replace(after, reach=problem.reach)
            assert rule.allows(own, load, links).all()
