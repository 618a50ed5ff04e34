"""Devices that send each other something: kept together where that pays, never for a higher goal."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from small_site import Worker, device, gateway, names, request_of, topology

from tidegate.contracts.command import CommandKind
from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.plan import Trigger
from tidegate.contracts.topology import DevicePlacement, Distance, Flow, Topology, check_topology, faults_of
from tidegate.core.allocation.evaluate import evaluate
from tidegate.core.allocation.frame import frame_of
from tidegate.core.allocation.gather import gather
from tidegate.core.allocation.goals import MOVE_PRICE
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.placement import Placement
from tidegate.core.allocation.planner import plan
from tidegate.core.allocation.problem import problem_of
from tidegate.core.allocation.trail import Trail
from tidegate.errors import AllocationError

EQUAL = {"g1": 1.0, "g2": 1.0}
FREELY = AllocationSettings(minimum_benefit_ratio=0.0)


def talking(
    devices: list[DevicePlacement], amount: float = 5.0, distances: list[Distance] | None = None, cpu: float = 10.0
) -> Topology:
    """Devices `a` and `b` on two gateways, and a flow between them."""
    site = topology([gateway("g1", cpu), gateway("g2", cpu)], devices)
    return replace(site, flows=[Flow("a", "b", amount)], distances=distances or [])


def targets(site: Topology, trigger: Trigger = Trigger.PERIOD) -> dict[str, str | None]:
    return {move.device: move.target for move in plan(request_of(site, trigger, FREELY)).moves}


def cost(site: Topology, *where: int) -> float:
    problem = problem_of(request_of(site))
    return evaluate(problem, np.array(where, np.int64)).cost_per_hour


def test_a_device_is_placed_with_the_one_that_it_talks_to() -> None:
    devices = [device("a", "g2", EQUAL), device("b", None, {"g1": 1.0, "g2": 1.5})]
    assert targets(talking(devices), Trigger.UNSERVED_DEVICES) == {"b": "g2"}
    (move,) = plan(request_of(talking(devices, amount=0.1), Trigger.UNSERVED_DEVICES)).moves
    assert (move.target, "per hour, 0.1 of it for flows; " in move.reason) == ("g1", True)


def test_two_that_talk_and_are_apart_are_brought_together_and_the_reason_says_what_that_saves() -> None:
    made = plan(request_of(talking([device("a", "g1", EQUAL), device("b", "g2", EQUAL)]), Trigger.PERIOD, FREELY))
    (move,) = made.moves
    assert move.reason.startswith("saves ")
    saved = made.before.cost_per_hour - made.after.cost_per_hour
    assert saved == pytest.approx(5.0, abs=0.5)  # what the flow cost, less what the fuller gateway does
    assert f"saves {saved:.4g} per hour against {move.source}, flows cost 0 for 5; " in move.reason


def circle(amount: float) -> Topology:
    """Three devices on three gateways that all talk to each other; a link costs 1 unless it is to where the device is."""
    links = {f"g{n}": 1.0 for n in (1, 2, 3)}
    devices = [device(name, f"g{n}", links | {f"g{n}": 0.0}) for n, name in enumerate("abc", 1)]
    site = topology([gateway(f"g{n}") for n in (1, 2, 3)], devices)
    return replace(site, flows=[Flow(x, y, amount) for x, y in ("ab", "bc", "ca")])


def test_a_group_that_talks_gathers_where_no_move_of_one_alone_would_pay() -> None:
    """Each is where its link costs nothing: alone it would save one way of .8, and pay 1 for its link."""
    site = circle(0.8)
    made = plan(request_of(site, Trigger.PERIOD, FREELY))
    (target,) = {move.target for move in made.moves}
    assert len(made.moves) == 2
    saved = made.before.cost_per_hour - made.after.cost_per_hour
    for move in made.moves:
        assert (
            f"to be where those are that talk, which saves {saved:.4g} per hour for all who do; {target} has room" in move.reason
        )


@pytest.mark.parametrize("limit", ["moves", "cooling", "room", "price"])
def test_a_group_does_not_gather_beyond_the_limits(limit: str) -> None:
    site = circle(0.69 if limit == "price" else 0.8)
    if limit == "room":
        site = replace(site, gateways=[gateway(f"g{n}", 2.0) for n in (1, 2, 3)])
    settings = AllocationSettings(minimum_benefit_ratio=0.0, max_moves_per_plan=1 if limit == "moves" else 200)
    now = {"cooling": ["a", "b"]} if limit == "cooling" else {}
    assert plan(request_of(site, Trigger.PERIOD, settings, **now)).moves == []


def market_place(random_state: int, flows: int = 20) -> PlanRequest:
    """Fourteen devices anywhere on five gateways, in overlapping talk."""
    rng = np.random.default_rng(random_state)
    links = [{f"g{n}": float(rng.integers(0, 4)) for n in range(5)} for _ in range(14)]
    devices = [device(f"d{row}", f"g{rng.integers(5)}", to) for row, to in enumerate(links)]
    site = topology([gateway(f"g{n}", 6.0) for n in range(5)], devices)
    talk = [Flow(f"d{a}", f"d{b}", float(rng.integers(1, 5))) for a, b in rng.integers(0, 14, (flows, 2))]
    return request_of(replace(site, flows=talk))


@pytest.mark.parametrize("random_state", range(20))
def test_who_is_in_several_groups_moves_with_one(random_state: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second move of a plan would take the place of the first in its order, and its reason would be of nowhere."""
    problem, moved = problem_of(market_place(random_state)), list[int]()
    placement, trail = Placement(problem), Trail(20_000, 200)
    monkeypatch.setattr(placement, "move", lambda device, link: moved.append(device) or Placement.move(placement, device, link))
    assert gather(placement, trail, move_price=MOVE_PRICE)
    assert sorted(moved) == sorted(set(moved)) == sorted(trail.departed)


def test_gathering_leaves_steps_for_what_comes_after() -> None:
    placement, trail = Placement(problem_of(market_place(0))), Trail(60, 200)
    gather(placement, trail, move_price=MOVE_PRICE)
    assert trail.spent <= 60 // 4 + 7  # the last group is looked at whole


def test_distances_of_many_gateways_take_no_table_of_all_pairs() -> None:
    site = topology([gateway(f"g{n}") for n in range(20_000)], [device("a", "g1", EQUAL), device("b", "g2", EQUAL)])
    site = replace(site, flows=[Flow("a", "b", 1.0)], distances=[Distance("g2", "g1", 3.0)])
    tracemalloc.start()
    flows = frame_of(site, ["cpu_millicores"]).flows
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert flows is not None
    assert flows.cost_per_hour(np.array([1, 2])) == 3.0
    assert peak < 50 * 2**20  # the table would be 3 GiB


def test_nobody_leaves_a_gateway_to_gather_while_devices_are_without_service() -> None:
    site = circle(0.8)
    waiting = replace(site, devices=[*site.devices, device("w", None, {"g1": 1.0})])
    assert names(plan(request_of(waiting, Trigger.UNSERVED_DEVICES, FREELY)).moves) == ["w"]


def test_a_crowd_is_placed_by_pairs_that_talk() -> None:
    devices = [device(f"d{n}", None, EQUAL) for n in range(40)]
    site = topology([gateway("g1", 40.0), gateway("g2", 40.0)], devices)
    site = replace(site, flows=[Flow(f"d{n}", f"d{39 - n}", 3.0) for n in range(20)])
    at = targets(site, Trigger.UNSERVED_DEVICES)
    assert all(at[f"d{n}"] == at[f"d{39 - n}"] for n in range(20))
    assert {"g1", "g2"} == set(at.values())


@pytest.mark.parametrize("higher", ["room", "latency", "draining"])
def test_talking_outweighs_no_higher_goal(higher: str) -> None:
    links = {"g1": 1.0} if higher == "latency" else EQUAL
    devices = [device("a", "g1", links, cpu=6.0), device("b", "g2", EQUAL, cpu=6.0)]
    if higher == "latency":
        late = replace(devices[1].reach[0], latency_ms=50.0)
        devices[1] = replace(devices[1], reach=[late, devices[1].reach[1]], latency_limit_ms=10.0)
    site = talking(devices, amount=1e6, cpu=10.0 if higher == "room" else 20.0)
    now = {"draining": ["g1"]} if higher == "draining" else {}
    made = plan(request_of(site, Trigger.PERIOD, FREELY, **now))
    assert [move.target for move in made.moves] == (["g2"] if higher == "draining" else [])


def test_a_flow_costs_by_the_distance_of_the_gateways_and_nothing_within_one_or_to_nobody() -> None:
    devices = [device("a", "g1", EQUAL), device("b", "g2", EQUAL)]
    plain = talking(devices, amount=0.0)
    far = talking(devices, distances=[Distance("g2", "g1", 3.0), Distance("g1", "g2", 9.0)])
    assert cost(far, 0, 1) - cost(plain, 0, 1) == pytest.approx(15.0)
    assert cost(far, 1, 1) == cost(plain, 1, 1)
    assert cost(far, 0, -1) == cost(plain, 0, -1)


def test_gateways_of_no_listed_distance_are_as_far_apart_as_the_farthest_and_flows_of_the_same_two_add_up() -> None:
    links = {f"g{n}": 1.0 for n in (1, 2, 3)}
    site = topology([gateway(f"g{n}") for n in (1, 2, 3)], [device("a", "g1", links), device("b", "g3", links)])
    flows = [Flow("a", "b", 2.0), Flow("b", "a", 3.0), Flow("a", "a", 99.0)]
    assert cost(replace(site, flows=flows), 0, 2) - cost(site, 0, 2) == pytest.approx(5.0)
    near = replace(site, flows=flows, distances=[Distance("g1", "g2", 0.5), Distance("g2", "g3", 4.0)])
    assert [cost(near, *where) - cost(site, *where) for where in ((0, 1), (1, 2), (0, 2))] == pytest.approx([2.5, 20.0, 20.0])


@pytest.mark.parametrize(
    ("change", "pointer", "said"),
    [
        ({"flows": [Flow("a", "nobody", 1.0)]}, "#/flows/0/target", "names device 'nobody', which the topology does not have"),
        ({"flows": [Flow("a", "b", -1.0)]}, "#/flows/0/amount", "amount is -1.0, expected a number from 0"),
        ({"flows": [Flow("a", "b", float("nan"))]}, "#/flows/0/amount", "amount is nan"),
        ({"distances": [Distance("g1", "g9", 1.0)]}, "#/distances/0/target", "names gateway 'g9'"),
        ({"distances": [Distance("g1", "g2", 1e19)]}, "#/distances/0/cost_per_hour", "cost_per_hour is 1e+19"),
    ],
)
def test_flows_and_distances_that_cannot_be_are_refused_with_their_place(
    change: dict[str, list], pointer: str, said: str
) -> None:
    site = replace(topology([gateway("g1"), gateway("g2")], [device("a", "g1"), device("b", "g2")]), **change)
    (fault,) = faults_of(site)
    assert (fault.pointer, said in fault.detail) == (pointer, True)
    with pytest.raises(AllocationError):
        check_topology(site)


def test_an_allocator_brings_those_together_who_talk_by_a_new_revision() -> None:
    devices = [device("a", "g1", EQUAL), device("b", "g2", EQUAL)]
    worker = Worker(topology([gateway("g1"), gateway("g2")], devices), minimum_benefit_ratio=0.0)
    worker.later(600)
    worker.settle()
    assert worker.where() == {"a": "g1", "b": "g2"}
    worker.command(CommandKind.SET_TOPOLOGY, topology=replace(talking(devices), revision=2))
    worker.later(600)
    worker.settle()
    assert len(set(worker.where().values())) == 1
    worker.restart()
    worker.later(600)
    worker.settle()
    assert names(worker.requests) == []
    assert len(set(worker.where().values())) == 1
