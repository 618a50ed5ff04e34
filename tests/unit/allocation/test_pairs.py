"""Two served devices that move together: where only both save, in an order that can be carried out, never beyond the rules."""

import pytest
from small_site import device, gateway, names, request_of, topology

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.plan import Plan, Trigger
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.planner import plan


def crossed(
    room: float, trigger: Trigger = Trigger.PERIOD, settings: AllocationSettings | None = None, **situation
) -> PlanRequest:
    """a would be cheaper on g2, where b leaves no room for it; b gains nothing by leaving. g1 has `room` beside a."""
    site = topology(
        [gateway("g1", 7.0 + room), gateway("g2", 10.0)],
        [device("a", "g1", {"g1": 9.0, "g2": 1.0}, cpu=7.0), device("b", "g2", {"g1": 6.0, "g2": 5.0}, cpu=4.0)],
    )
    return request_of(site, trigger, settings, **situation)


def moved(made: Plan) -> list[tuple[str, str | None]]:
    return [(move.device, move.target) for move in made.moves]


def test_two_devices_swap_gateways_where_one_side_has_room_for_both() -> None:
    made = plan(crossed(room=4.0))
    assert moved(made) == [("b", "g1"), ("a", "g2")]
    assert made.before.cost_per_hour - made.after.cost_per_hour == pytest.approx(6.845, abs=1e-3)


def test_full_gateways_do_not_swap_for_want_of_a_spare() -> None:
    assert plan(crossed(room=3.9)).moves == []


def test_of_two_that_move_together_each_names_the_other_and_what_both_save() -> None:
    made = plan(crossed(room=4.0))
    saved = made.before.cost_per_hour - made.after.cost_per_hour
    assert [(move.device, move.target, move.reason) for move in made.moves] == [
        ("b", "g1", f"moves together with a, which saves {saved:.4g} per hour for both; g1 has room"),
        ("a", "g2", f"moves together with b, which saves {saved:.4g} per hour for both; g2 has room"),
    ]
    assert [(move.runner_up, move.runner_up_tier) for move in made.moves] == [("g2", "cost"), ("g1", "cost")]
    assert [move.runner_up_cost for move in made.moves] == pytest.approx([saved, saved])
    assert [flip and (flip.gateway, flip.instead) for flip in (move.counterfactual for move in made.moves)] == [
        ("g1", "g2"),
        ("g2", "g1"),
    ]


def test_a_device_makes_way_for_another_that_saves_more_there_than_it_loses() -> None:
    site = topology(
        [gateway("g1", 4.0), gateway("g2", 4.0), gateway("g3", 8.0)],
        [device("a", "g1", {"g1": 20.0, "g2": 1.0}, cpu=4.0), device("b", "g2", {"g2": 1.0, "g3": 3.0}, cpu=4.0)],
    )
    assert moved(plan(request_of(site))) == [("b", "g3"), ("a", "g2")]


@pytest.mark.parametrize(
    "question",
    [
        crossed(4.0, cooling=["a"]),
        crossed(4.0, unpaid=["b"]),
        crossed(4.0, settings=AllocationSettings(max_moves_per_plan=1)),
        crossed(4.0, settings=AllocationSettings(planner_steps=1)),
        crossed(4.0, settings=AllocationSettings(minimum_benefit_ratio=0.7)),
        crossed(4.0, Trigger.UNSERVED_DEVICES),
        crossed(4.0, closed=["g1"]),
    ],
    ids=["cooling", "unpaid", "moves", "steps", "benefit", "need", "closed"],
)
def test_no_pair_moves_beyond_the_limits(question: PlanRequest) -> None:
    assert plan(question).moves == []


def test_a_pair_must_save_the_price_of_two_moves() -> None:
    def site(gain: float) -> PlanRequest:
        """Equal devices, so that a swap changes no load, and a saves `gain` by it; a mean link costs 10."""
        to = {"a": {"g1": 10.0 + gain, "g2": 10.0}, "b": {"g1": 10.0, "g2": 10.0}}
        devices = [device(name, at, to[name], cpu=6.0) for name, at in (("a", "g1"), ("b", "g2"))]
        gateways = [gateway("g1", 12.0), gateway("g2", 10.0)]
        return request_of(topology(gateways, devices), settings=AllocationSettings(minimum_benefit_ratio=0.0))

    assert names(plan(site(1.1)).moves) == ["b", "a"]
    assert names(plan(site(0.9)).moves) == []
