"""What holds for every plan, on random sites. The score is recomputed here in plain Python from the request and the moves."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_sites import RESOURCES, crammed, rescaled
from random_sites import requests as any_requests

from tidegate.contracts.codec import decode, encode, pack, unpack
from tidegate.contracts.plan import Plan
from tidegate.contracts.topology import Binding, DevicePlacement, Link
from tidegate.core.allocation import rules
from tidegate.core.allocation.digest import plan_digest
from tidegate.core.allocation.frame import frame_of
from tidegate.core.allocation.goals import GOALS, compare
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.planner import plan
from tidegate.core.allocation.problem import after_loss, problem_of

looked_at = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Where = dict[str, str | None]


def requests() -> st.SearchStrategy[PlanRequest]:
    """Sites in any trouble, and such as are served only by moving several devices together."""
    return st.one_of(any_requests(), crammed())


def served(request: PlanRequest) -> Where:
    """Who serves whom before the plan; a dead gateway serves nobody."""
    now = request.situation
    pairs = zip(request.topology.devices, now.assigned, strict=True)
    return {device.id: None if gateway in now.dead else gateway for device, gateway in pairs}


def carried_out(request: PlanRequest, made: Plan) -> Where:
    return served(request) | {move.device: move.target for move in made.moves}


def demand(request: PlanRequest, device: str) -> dict[str, float]:
    rows = {d.id: row for d, row in zip(request.topology.devices, request.situation.demand, strict=True)}
    return dict(zip(RESOURCES, rows[device], strict=True))


def load(request: PlanRequest, where: Where, gateway: str, resource: str) -> float:
    return sum(demand(request, device)[resource] for device, at in where.items() if at == gateway)


def links(request: PlanRequest, device: DevicePlacement) -> dict[str, Link]:
    return {link.gateway: link for link in device.reach} or {g.id: Link(g.id) for g in request.topology.gateways}


def lawful(request: PlanRequest, device: DevicePlacement, gateway: str | None) -> bool:
    pin_holds = device.pinned_to in {None, gateway}
    return gateway in links(request, device) and pin_holds and gateway not in device.excluded


def over_capacity(request: PlanRequest, where: Where, gateway: str) -> bool:
    (capacity,) = (g.capacity for g in request.topology.gateways if g.id == gateway)
    return any(load(request, where, gateway, resource) > amount for resource, amount in capacity.items())


@looked_at
@given(requests(), st.sets(st.integers(0, 4)))
def test_usable_links_are_those_that_no_lasting_rule_forbids_also_after_a_loss(request: PlanRequest, gone: set[int]) -> None:
    problem = problem_of(request)
    lost = np.isin(np.arange(len(problem.gateways)), list(gone))
    links, empty = np.arange(len(problem.reach.device)), np.zeros_like(problem.capacity)
    for site in (problem, after_loss(problem, lost)):
        lasting = [rule.allows(site, empty, links) for rule in (rules.Binding(), rules.Admission())]
        assert (site.usable == np.logical_and(*lasting)).all()


@looked_at
@given(requests())
def test_a_plan_is_the_same_from_a_frame_of_before_and_a_topology_left_out(request: PlanRequest) -> None:
    frame = frame_of(request.topology, request.situation.resources)
    bare = replace(request, topology=replace(request.topology, gateways=[], devices=[]))
    assert plan(bare, frame) == plan(request)


@looked_at
@given(requests())
def test_moves_lead_only_to_open_gateways_in_reach_and_never_move_the_fixed(request: PlanRequest) -> None:
    devices = {device.id: device for device in request.topology.devices}
    now = request.situation
    for move in plan(request).moves:
        assert devices[move.device].binding is not Binding.FIXED
        if move.target is not None:
            assert lawful(request, devices[move.device], move.target)
            assert move.target not in {*now.dead, *now.draining, *now.closed}


@looked_at
@given(requests())
def test_no_move_in_order_puts_its_target_over_capacity(request: PlanRequest) -> None:
    where = served(request)
    for move in plan(request).moves:
        where[move.device] = move.target
        assert move.target is None or not over_capacity(request, where, move.target)


@looked_at
@given(requests())
def test_no_device_is_lost_or_moved_twice_and_sources_and_epochs_are_true(request: PlanRequest) -> None:
    made, now = plan(request), request.situation
    moved = [move.device for move in made.moves]
    assert len(moved) == len(set(moved))
    assigned = dict(zip((d.id for d in request.topology.devices), now.assigned, strict=True))
    epochs = dict(zip((d.id for d in request.topology.devices), now.epochs, strict=True))
    assert all((move.source, move.epoch) == (assigned[move.device], epochs[move.device]) for move in made.moves)
    without = {device for device, gateway in carried_out(request, made).items() if gateway is None}
    assert {left.device for left in made.unserved} == without


@looked_at
@given(requests())
def test_no_goal_is_worsened_for_a_lower_one(request: PlanRequest) -> None:
    made = plan(request)
    gains = [goal.gain(made.before, made.after) for goal in GOALS]
    first = next((gain for gain in gains if gain != 0.0), 0.0)
    assert first >= 0.0
    assert (first > 0.0) == bool(made.moves)


@looked_at
@given(requests())
def test_a_device_is_only_shed_for_a_more_important_one_that_is_served_instead(request: PlanRequest) -> None:
    made, before = plan(request), served(request)
    priority = {device.id: device.priority for device in request.topology.devices}
    shed = [move for move in made.moves if move.target is None]
    rescued = [move.device for move in made.moves if before[move.device] is None]
    assert sum(priority[move.device] for move in shed) <= sum(map(priority.__getitem__, rescued))
    for move in shed:
        assert move.grant == {}
        assert any(f"to {device}, priority" in move.reason and priority[device] > priority[move.device] for device in rescued)


@looked_at
@given(requests())
def test_each_move_alone_never_worsens_overload_and_only_shedding_worsens_service(request: PlanRequest) -> None:
    where = served(request)
    for move in plan(request).moves:
        after = where | {move.device: move.target}
        assert move.target is None or score(request, after)["unserved_priority"] <= score(request, where)["unserved_priority"]
        assert score(request, after)["overload"] <= score(request, where)["overload"] + 1e-9
        where = after


def score(request: PlanRequest, where: Where) -> dict[str, float]:
    """The tiers in plain Python, but for congestion; `links` are with what flows between them."""
    devices = {device.id: device for device in request.topology.devices}
    draining = request.situation.draining
    total = dict.fromkeys(("unserved_priority", "misplaced_priority", "overload", "latency", "links"), 0.0)
    for name, gateway in where.items():
        device = devices[name]
        link = links(request, device).get(gateway or "")
        if gateway is None:
            total["unserved_priority"] += max(device.priority, 0.001)
        elif gateway in draining or not lawful(request, device, gateway):
            total["misplaced_priority"] += max(device.priority, 0.001)
        if link is not None:
            limit = device.latency_limit_ms
            total["latency"] += 0.0 if limit is None else max(0.0, link.latency_ms - limit)
            total["links"] += link.cost_per_hour
    for flow in request.topology.flows:
        total["links"] += flow.amount * distance(request, where[flow.source], where[flow.target])
    for gateway in request.topology.gateways:
        for resource, capacity in gateway.capacity.items():
            excess = load(request, where, gateway.id, resource) - capacity
            total["overload"] += max(0.0, excess) / share_of(request, gateway.id, resource)
    return total


def distance(request: PlanRequest, one: str | None, other: str | None) -> float:
    """What a unit of flow costs between two gateways: as first listed, else as the farthest that is, else 1."""
    if one is None or other is None or one == other:
        return 0.0
    told = request.topology.distances
    listed = [each.cost_per_hour for each in told if {each.source, each.target} == {one, other}]
    return listed[0] if listed else max((each.cost_per_hour for each in told if each.source != each.target), default=1.0)


def share_of(request: PlanRequest, gateway: str, resource: str) -> float:
    """What an excess is a share of: the capacity, or where that is 0 the mean of the site's others, or all demand, or 1."""
    capacities = {g.id: g.capacity[resource] for g in request.topology.gateways if resource in g.capacity}
    usable = [capacity for capacity in capacities.values() if capacity > 0]
    total = sum(demand(request, device.id)[resource] for device in request.topology.devices)
    return capacities[gateway] or (sum(usable) / len(usable) if usable else total or 1.0)


@looked_at
@given(requests())
def test_the_scores_a_plan_claims_are_those_of_its_moves(request: PlanRequest) -> None:
    made = plan(request)
    for claimed, where in ((made.before, served(request)), (made.after, carried_out(request, made))):
        truth = score(request, where)
        assert claimed.unserved_priority == pytest.approx(truth["unserved_priority"])
        assert claimed.misplaced_priority == pytest.approx(truth["misplaced_priority"])
        assert claimed.overload == pytest.approx(truth["overload"])
        assert claimed.latency_violation_ms == pytest.approx(truth["latency"])
        assert claimed.cost_per_hour >= truth["links"] - 1e-9
        assert claimed.unserved_devices == sum(1 for gateway in where.values() if gateway is None)


@looked_at
@given(requests(), st.sampled_from(RESOURCES), st.sampled_from([1 / 1024, 3.0, 1e6]))
def test_telling_a_resource_in_another_unit_changes_no_move(request: PlanRequest, resource: str, factor: float) -> None:
    made, other = plan(request), plan(rescaled(request, resource, factor))
    assert [(m.device, m.target) for m in other.moves] == [(m.device, m.target) for m in made.moves]
    assert other.after.cost_per_hour == pytest.approx(made.after.cost_per_hour)


@looked_at
@given(requests())
def test_equal_requests_give_equal_plans_also_after_a_journey(request: PlanRequest) -> None:
    made = plan(request)
    assert plan(unpack(pack(request), PlanRequest)) == made
    assert made.digest == plan_digest(made) == plan_digest(decode(encode(made), Plan)) == plan_digest(unpack(pack(made), Plan))


@looked_at
@given(requests())
def test_the_digest_binds_what_a_plan_does(request: PlanRequest) -> None:
    made = plan(request)
    others = [replace(made, topology_revision=made.topology_revision + 1), replace(made, random_state=made.random_state + 1)]
    if made.moves:
        first = made.moves[0]
        others += [
            replace(made, moves=[replace(first, grant=first.grant | {"cpu_millicores": 0.5}), *made.moves[1:]]),
            replace(made, moves=[*made.moves[1:], first]) if len(made.moves) > 1 else replace(made, moves=[]),
        ]
    assert all(plan_digest(other) != made.digest for other in others)


@looked_at
@given(requests())
def test_voluntary_moves_stay_within_the_limit_and_leave_cooling_devices_alone(request: PlanRequest) -> None:
    made, before = plan(request), served(request)
    left = [move for move in made.moves if before[move.device] is not None]
    assert len(left) <= request.settings.max_moves_per_plan
    devices, draining = {d.id: d for d in request.topology.devices}, request.situation.draining
    for move in left:
        may_stay = move.source not in draining and lawful(request, devices[move.device], move.source)
        assert not (may_stay and move.device in request.situation.cooling)


@looked_at
@given(requests())
def test_a_second_plan_finds_nothing_the_first_could_have_done_for_the_unserved(request: PlanRequest) -> None:
    made = plan(request)
    assume(all(move.target is not None for move in made.moves))  # who is shed may find another place in the next plan
    after = carried_out(request, made)
    now = request.situation
    kept = [after[d.id] or assigned for d, assigned in zip(request.topology.devices, now.assigned, strict=True)]
    again = plan(
        replace(request, situation=replace(now, assigned=kept), settings=replace(request.settings, max_moves_per_plan=0))
    )
    assert compare(made.after, again.after).gain == 0.0
    assert again.moves == []


@looked_at
@given(requests())
def test_who_stays_unserved_learns_what_is_missing_where(request: PlanRequest) -> None:
    devices = {device.id: device for device in request.topology.devices}
    for left in plan(request).unserved:
        places = list(links(request, devices[left.device]))
        assert len(left.shortages) == min(5, len(places))
        assert left.reason
