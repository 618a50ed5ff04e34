"""What a plan does on small sites whose best answer is plain to see, and how it explains itself."""

from dataclasses import replace

import numpy as np
import pytest
from small_site import device, gateway, names, request_of, topology

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.plan import Move, Plan, Trigger
from tidegate.contracts.topology import Binding, Link
from tidegate.core.allocation.placement import Placement
from tidegate.core.allocation.planner import plan
from tidegate.core.allocation.problem import problem_of
from tidegate.core.allocation.repair import rescue
from tidegate.core.allocation.trail import Trail


def targets(made: Plan) -> dict[str, str | None]:
    return {move.device: move.target for move in made.moves}


def only(made: Plan) -> Move:
    (move,) = made.moves
    return move


def test_the_more_important_device_gets_the_last_place() -> None:
    devices = [device("lamp", None, cpu=6.0), device("pump", None, cpu=6.0, priority=5.0)]
    made = plan(request_of(topology([gateway("g1")], devices)))
    assert targets(made) == {"pump": "g1"}
    assert names(made.unserved) == ["lamp"]
    assert made.unserved[0].shortages == ["g1: cpu_millicores short by 2"]


def test_the_device_with_one_place_left_comes_before_one_with_two() -> None:
    site = topology(
        [gateway("g1", 5.0), gateway("g2", 5.0)],
        [device("free", None, {"g1": 1.0, "g2": 2.0}, cpu=5.0), device("bound", None, {"g1": 9.0}, cpu=5.0)],
    )
    assert targets(plan(request_of(site))) == {"bound": "g1", "free": "g2"}


def test_whoever_loses_most_by_waiting_is_placed_first() -> None:
    to = {"ample": {"g1": 1.0, "g2": 2.0}, "keen": {"g1": 1.0, "g2": 9.0}, "bound": {"g2": 5.0}}
    site = topology([gateway("g1", 5.0), gateway("g2", 10.0)], [device(name, None, links, cpu=5.0) for name, links in to.items()])
    problem = problem_of(request_of(site))
    placement, trail = Placement(problem), Trail(budget=100, max_departures=100)
    rescue(placement, trail, np.arange(2))
    assert [problem.devices[row] for row in trail.steps] == ["bound", "keen", "ample"]
    assert [problem.gateways[place] for place in placement.gateway] == ["g2", "g1", "g2"]


def test_a_served_device_steps_aside_for_one_that_fits_nowhere_else() -> None:
    site = topology(
        [gateway("g1", 5.0), gateway("g2", 5.0)],
        [device("settled", "g1", cpu=2.0), device("big", None, {"g1": 1.0}, cpu=4.0)],
    )
    made = plan(request_of(site, Trigger.UNSERVED_DEVICES))
    assert [(move.device, move.target) for move in made.moves] == [("settled", "g2"), ("big", "g1")]
    assert made.moves[0].reason.startswith("makes room on g1 for big, which fits nowhere else; g2 has room")
    assert made.unserved == []


@pytest.mark.parametrize("limit", ["cooling", "moves", "steps", "fixed"])
def test_nobody_steps_aside_beyond_the_limits(limit: str) -> None:
    settled = device("settled", "g1", cpu=2.0, binding=Binding.FIXED if limit == "fixed" else Binding.GATEWAY_PULLED)
    site = topology([gateway("g1", 5.0), gateway("g2", 5.0)], [settled, device("big", None, {"g1": 1.0}, cpu=4.0)])
    settings = AllocationSettings(
        max_moves_per_plan=0 if limit == "moves" else 200, planner_steps=0 if limit == "steps" else 20_000
    )
    request = request_of(site, Trigger.UNSERVED_DEVICES, settings, cooling=["settled"] if limit == "cooling" else [])
    assert names(plan(request).unserved) == ["big"]


def test_a_less_important_device_gives_its_place_to_a_more_important_one_when_nothing_can_take_both() -> None:
    devices = [device("lamp", "g1", cpu=6.0), device("door", "g2", cpu=6.0, priority=2.0)]
    site = topology([gateway("g1"), gateway("g2")], [*devices, device("pump", None, cpu=6.0, priority=5.0)])
    made = plan(request_of(site, Trigger.UNSERVED_DEVICES))
    assert [(move.device, move.target) for move in made.moves] == [("lamp", None), ("pump", "g1")]
    assert made.moves[0].reason == "gives its place on g1 to pump, priority 5 over 1; nothing can take both"
    assert (made.before.unserved_priority, made.after.unserved_priority) == (5.0, 1.0)
    assert names(made.unserved) == ["lamp"]


def test_several_give_their_places_to_one_that_is_more_important_than_they_are_together() -> None:
    lamps = [device(f"lamp{n}", "g1", cpu=3.0) for n in range(3)]
    site = topology([gateway("g1")], [*lamps, device("pump", None, cpu=6.0, priority=5.0)])
    made = plan(request_of(site, Trigger.UNSERVED_DEVICES))
    assert [(move.device, move.target) for move in made.moves] == [("lamp0", None), ("lamp1", None), ("pump", "g1")]
    assert (made.before.unserved_priority, made.after.unserved_priority) == (5.0, 2.0)


@pytest.mark.parametrize("change", ["together as important", "limit of moves"])
def test_several_keep_their_places(change: str) -> None:
    lamps = [device(f"lamp{n}", "g1", cpu=3.0, priority=3.0 if change == "together as important" else 1.0) for n in range(3)]
    site = topology([gateway("g1")], [*lamps, device("pump", None, cpu=6.0, priority=5.0)])
    made = plan(
        request_of(site, Trigger.UNSERVED_DEVICES, AllocationSettings(max_moves_per_plan=1 if "limit" in change else 200))
    )
    assert (made.moves, names(made.unserved)) == ([], ["pump"])


def test_who_gives_a_place_are_the_least_important_that_suffice() -> None:
    """One of priority 4 would do, two of 1 and 2 take less from others; the two of 1 alone would be too little."""
    sizes = {"door": (6.0, 4.0), "bell": (4.0, 2.0), "lamp": (2.0, 1.0), "fan": (1.0, 1.0)}
    at = {"door": "g1", "bell": "g2", "lamp": "g2", "fan": "g2"}
    devices = [device(name, at[name], {at[name]: 1.0}, cpu=cpu, priority=priority) for name, (cpu, priority) in sizes.items()]
    site = topology([gateway("g1", 6.0), gateway("g2", 7.0)], [*devices, device("pump", None, cpu=6.0, priority=9.0)])
    made = plan(request_of(site, Trigger.UNSERVED_DEVICES))
    assert sorted(names(made.unserved)) == ["bell", "lamp"]
    assert made.moves[-1].target == "g2"


def test_of_a_huge_crowd_no_more_give_their_places_than_it_takes() -> None:
    lamps = [device(f"lamp{n}", "g1", {"g1": 1.0}, cpu=1.0, priority=0.001) for n in range(30_000)]
    site = topology([gateway("g1", 30_000.0)], [*lamps, device("pump", None, {"g1": 1.0}, cpu=20_000.0, priority=50.0)])
    settings = AllocationSettings(max_moves_per_plan=30_000)
    made = plan(request_of(site, Trigger.UNSERVED_DEVICES, settings))
    assert len(made.unserved) == 20_000
    assert made.moves[-1].target == "g1"


def test_nobody_is_shed_for_an_equal() -> None:
    devices = [device("lamp", "g1", cpu=6.0), device("door", None, cpu=6.0)]
    assert plan(request_of(topology([gateway("g1")], devices))).moves == []


def test_a_lower_latency_beats_a_lower_cost_only_beyond_the_limit() -> None:
    links = [Link("far", latency_ms=90.0, cost_per_hour=1.0), Link("near", latency_ms=10.0, cost_per_hour=5.0)]
    unlimited = replace(device("a", None), reach=links)
    strict = replace(device("b", None), reach=links, latency_limit_ms=50.0)
    made = plan(request_of(topology([gateway("far"), gateway("near")], [unlimited, strict])))
    assert targets(made) == {"a": "far", "b": "near"}
    by_device = {move.device: move for move in made.moves}
    assert (by_device["b"].runner_up, by_device["b"].runner_up_tier, by_device["b"].runner_up_cost) == ("far", "latency", 40.0)
    assert by_device["a"].runner_up_tier == "cost"


def test_relief_of_an_overload_may_cost_more() -> None:
    devices = [device(f"d{n}", "g1", {"g1": 0.0, "g2": 8.0}, cpu=6.0) for n in range(2)]
    made = plan(request_of(topology([gateway("g1"), gateway("g2")], devices), Trigger.FORECAST_OVERLOAD))
    move = only(made)
    assert move.reason.startswith("relieves g1 of 20.0% of its capacity in overload; g2 has room and is best at")
    assert (move.runner_up, move.runner_up_tier, move.runner_up_cost) == ("g1", "overload", pytest.approx(0.2))
    assert made.after.cost_per_hour > 8.0


def test_a_plan_made_in_need_moves_nobody_who_could_stay_as_well() -> None:
    site = topology([gateway("g1"), gateway("g2")], [device("dear", "g1", {"g1": 9.0, "g2": 1.0}), device("lost", None)])
    assert names(plan(request_of(site, Trigger.UNSERVED_DEVICES)).moves) == ["lost"]
    assert sorted(names(plan(request_of(site, Trigger.PERIOD)).moves)) == ["dear", "lost"]


def test_savings_below_the_minimum_benefit_move_nobody() -> None:
    site = topology([gateway("g1"), gateway("g2")], [device("a", "g1", {"g1": 10.0, "g2": 9.0})])
    assert names(plan(request_of(site)).moves) == ["a"]
    assert plan(request_of(site, settings=AllocationSettings(minimum_benefit_ratio=0.5))).moves == []


def test_a_saving_below_the_price_of_a_move_moves_nobody() -> None:
    site = topology([gateway("g1"), gateway("g2")], [device("a", "g1", {"g1": 10.0, "g2": 9.9})])
    assert plan(request_of(site, settings=AllocationSettings(minimum_benefit_ratio=0.0))).moves == []


def test_congestion_alone_spreads_devices_before_a_gateway_is_full() -> None:
    devices = [device(f"d{n}", "g1", cpu=2.0) for n in range(5)]
    made = plan(request_of(topology([gateway("g1"), gateway("g2")], devices)))
    assert len(made.moves) == 2
    assert made.after.jain_balance > made.before.jain_balance
    assert made.moves[0].runner_up == "g1"


def test_a_device_that_a_pin_moved_is_brought_there_and_one_that_cannot_go_is_named() -> None:
    devices = [device("a", "g1", pinned_to="g2"), device("b", "g1", excluded=["g1"], cpu=9.5)]
    made = plan(request_of(topology([gateway("g1"), gateway("g2")], devices), Trigger.GATEWAY_DRAINED))
    assert targets(made) == {"a": "g2"}
    assert "it may not stay on g1 (reach, pin or exclusion)" in only(made).reason
    assert [(left.device, left.shortages) for left in made.misplaced] == [("b", ["g2: cpu_millicores short by 0.5"])]


def test_a_fixed_device_on_a_dead_gateway_stays_unserved_and_says_why() -> None:
    site = topology([gateway("g1"), gateway("g2")], [device("a", "g1", binding=Binding.FIXED)])
    made = plan(request_of(site, Trigger.GATEWAY_DOWN, dead=["g1"]))
    assert made.moves == []
    assert made.unserved[0].shortages == ["g2: the device's binding is fixed", "g1: the device's binding is fixed"]


def test_the_limit_of_moves_holds_for_a_drain_and_not_for_a_rescue() -> None:
    devices = [device(f"d{n}", "g1") for n in range(5)] + [device(f"e{n}", None) for n in range(5)]
    site = topology([gateway("g1"), gateway("g2", 50.0)], devices)
    made = plan(request_of(site, Trigger.GATEWAY_DRAINED, AllocationSettings(max_moves_per_plan=2), draining=["g1"]))
    assert sorted(move.device[0] for move in made.moves) == ["d", "d", "e", "e", "e", "e", "e"]
    assert {left.reason for left in made.misplaced} == {"the plan's limit of moves was reached first"}


def test_another_random_state_only_breaks_ties_differently() -> None:
    site = topology([gateway(f"g{n}", 1.0) for n in range(8)], [device(f"d{n}", None) for n in range(8)])
    plans = [plan(request_of(site, settings=AllocationSettings(random_state=n))) for n in range(4)]
    assert len({tuple(targets(made).items()) for made in plans}) > 1
    assert len({made.after.cost_per_hour for made in plans}) == 1
