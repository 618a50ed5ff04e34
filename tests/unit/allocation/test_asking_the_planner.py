"""Questions that change nothing: what if, why not, what if a gateway dies."""

import json
from dataclasses import replace
from typing import Any

import pytest
from small_site import SITE, Worker, demand_of, device, gateway, three_gateways, topology

from tidegate.contracts.command import CommandKind
from tidegate.contracts.plan import Trigger
from tidegate.contracts.studies import Changes, LossOutcome, WhyNotThere
from tidegate.contracts.topology import Binding, DevicePlacement, Gateway
from tidegate.core.allocation.advice import advice
from tidegate.core.allocation.headroom import headroom
from tidegate.core.allocation.model import AllocationView
from tidegate.core.allocation.planner import plan
from tidegate.core.allocation.what_if import study
from tidegate.core.allocation.why_not import why_not
from tidegate.errors import AllocationError, InputError


def view(worker: Worker) -> AllocationView:
    return worker.allocator.view(SITE, worker.now_ms)


def where(worker: Worker, **changes: Any) -> dict[str, str | None]:
    """Where the plan after `changes` would move whom."""
    return {move.device: move.target for move in study(view(worker), Changes(**changes)).plan.moves}


def test_no_change_is_a_dry_run_and_asks_what_the_worker_would_ask() -> None:
    worker = three_gateways()
    worker.command(CommandKind.DRAIN, gateway="g1")
    worker.review()
    [request] = worker.requests
    found = study(view(worker), Changes())
    assert [replace(move, reason="") for move in found.plan.moves] == [replace(move, reason="") for move in plan(request).moves]
    assert (found.plan.trigger, found.now) == (Trigger.OPERATOR, found.plan.before)


def test_questions_change_no_state() -> None:
    worker = three_gateways()
    digest = worker.allocator.digest()
    seen = view(worker)
    study(seen, Changes(fail=["g1"], scale=3.0, add_devices=[DevicePlacement("d", "sensor")]))
    why_not(seen, "a", None)
    headroom(seen)
    assert worker.allocator.digest() == digest
    assert seen == view(worker)


@pytest.mark.parametrize("change", ["fail", "remove", "drain"])
def test_a_gateway_that_fails_goes_or_is_drained_is_emptied(change: str) -> None:
    moved = where(three_gateways(), **{change: ["g1"]})
    assert set(moved) == {"a", "b"}
    assert "g1" not in moved.values()


@pytest.mark.parametrize("successor", ["g2", "g3", "new"])
def test_devices_of_a_gateway_that_is_replaced_go_to_its_successor_even_to_one_that_is_added(successor: str) -> None:
    added = [Gateway("new", {"cpu_millicores": 10.0})] if successor == "new" else []
    found = study(view(three_gateways()), Changes(replace={"g1": successor}, add_gateways=added))
    assert {move.device: move.target for move in found.plan.moves} == {"a": successor, "b": successor}
    assert found.plan.trigger is Trigger.GATEWAY_DRAINED


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"replace": {"g1": "gx"}}, "'gx' is no gateway of revision 1"),
        ({"replace": {"gx": "g1"}}, "'gx' is no gateway of revision 1"),
        ({"replace": {"g1": "g1"}}, "'g1' cannot replace 'g1': it is draining"),
        ({"replace": {"g1": "g2", "g2": "g1"}}, "'g2' cannot replace 'g1': it is draining"),
        ({"replace": {"g1": "g2"}, "fail": ["g2"]}, "'g2' cannot replace 'g1': it is silent"),
        ({"replace": {"g1": "g2"}, "cordon": ["g2"]}, "'g2' cannot replace 'g1': it is cordoned"),
    ],
)
def test_a_successor_that_takes_nobody_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        study(view(three_gateways()), Changes(**changes))


def test_what_does_not_fit_any_more_is_said_to_stay_unserved() -> None:
    found = study(
        view(three_gateways()), Changes(fail=["g1"], capacity={"g2": {"cpu_millicores": 1.0}, "g3": {"cpu_millicores": 0}})
    )
    assert [each.device for each in found.plan.unserved] == ["a", "b"]
    assert (found.now.unserved_devices, found.plan.before.unserved_devices, found.plan.after.unserved_devices) == (0, 2, 2)


def test_demand_is_scaled_by_everything_that_names_the_device_and_a_device_stays_one() -> None:
    worker = three_gateways()
    found = study(view(worker), Changes(scale=2.0, scale_profiles={"sensor": 3.0}, scale_devices={"a": 1.5}))
    used = found.plan.before.utilisation["g1"]["cpu_millicores"]
    assert used == pytest.approx((2 * 3 * 1.5 + 2 * 3) / 10)


def test_an_added_gateway_takes_devices_and_an_added_device_gets_a_place_at_its_profiles_demand() -> None:
    worker = Worker(topology([gateway("g1", cpu=1.0)], [device("a", "g1"), device("b", None)]))
    assert where(worker) == {}
    assert where(worker, add_gateways=[Gateway("g9", {"cpu_millicores": 5.0})])["b"] == "g9"
    roomy = three_gateways()
    seen = replace(view(roomy), constants={"camera": {"cpu_millicores": 9.5}})
    made = study(seen, Changes(add_devices=[DevicePlacement("new", "camera")])).plan
    assert {move.device: move.grant["cpu_millicores"] for move in made.moves if move.device == "new"} == {"new": 9.5}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fail": ["gx"]}, "'gx' is no gateway of revision 1 of site 'north'"),
        ({"capacity": {"gx": {}}}, "capacity"),
        ({"scale_devices": {"x": 1.0}}, "'x' is no device"),
        ({"scale_profiles": {"x": 1.0}}, "'x' is no profile"),
    ],
)
def test_a_change_to_what_is_not_there_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        where(three_gateways(), **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"capacity": {"g1": {"cpu_millicores": -1.0}}},
        {"capacity": {"g1": {"cpu_millicores": float("nan")}}},
        {"add_gateways": [Gateway("g1", {})]},
        {"add_devices": [DevicePlacement("d", "p", demand={"cpu_millicores": 1e30})]},
    ],
    ids=lambda value: json.dumps(value, default=repr)[:40],
)
def test_a_change_that_makes_no_topology_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(AllocationError):
        where(three_gateways(), **changes)


def test_huge_demand_stays_a_number() -> None:
    huge = study(view(three_gateways()), Changes(scale=1e6, scale_profiles={"sensor": 1e6}, scale_devices={"a": 1e6}))
    json.dumps(huge.plan.before.overload, allow_nan=False)


def there(worker: Worker, name: str, at: str) -> WhyNotThere:
    [found] = why_not(view(worker), name, at).gateways
    return found


def test_a_hard_rule_refuses_with_its_name_and_numbers() -> None:
    devices = [device("a", "g1", to={"g1": 1, "g2": 1}), device("b", "g2", cpu=9.5), device("f", "g1", binding=Binding.FIXED)]
    worker = Worker(topology([gateway("g1"), gateway("g2"), gateway("g3")], devices))
    worker.command(CommandKind.CORDON, gateway="g1")
    found = {each.gateway: each for each in why_not(view(worker), "a", None).gateways}
    assert found["g1"].is_there
    assert (found["g2"].refused_by, found["g2"].refusal) == ("room", "cpu_millicores short by 0.5")
    assert found["g3"].refused_by == "reach"
    assert (there(worker, "b", "g1").refused_by, there(worker, "b", "g1").refusal) == ("admission", "cordoned")
    assert there(worker, "f", "g3").refused_by == "binding"


def test_a_move_that_is_allowed_says_what_it_is_worth_and_what_keeps_it() -> None:
    devices = [device("a", "g1", to={"g1": 1.0, "g2": 0.99, "g3": 3.0})]
    worker = Worker(topology([gateway("g1"), gateway("g2"), gateway("g3")], devices))
    cheaper, dearer = there(worker, "a", "g2"), there(worker, "a", "g3")
    assert cheaper.decided_by == "cost"
    assert cheaper.gains["cost"] == pytest.approx(0.01)
    assert any("a move for cost alone must save more than" in text for text in cheaper.kept_by)
    assert any("5% of the site's cost" in text for text in cheaper.kept_by)
    assert dearer.kept_by[0] == "cost would rise by 2 (per hour)"
    assert dearer.kept_by[1].startswith("g2 is better: cost by 2.01")


def test_nothing_keeps_a_move_that_the_planner_makes_and_a_freeze_keeps_it() -> None:
    devices = [device("a", "g1", to={"g1": 5.0, "g2": 1.0})]
    worker = Worker(topology([gateway("g1"), gateway("g2")], devices))
    assert there(worker, "a", "g2").kept_by == []
    assert where(worker) == {"a": "g2"}
    worker.command(CommandKind.FREEZE)
    assert there(worker, "a", "g2").kept_by == ["the site is frozen"]


def test_a_device_that_moved_lately_is_kept_by_its_cool_down() -> None:
    devices = [device("a", None, to={"g1": 5.0, "g2": 1.0})]
    worker = Worker(topology([gateway("g1"), gateway("g2", cpu=0.5)], devices))
    worker.settle()
    grown = topology([gateway("g1"), gateway("g2")], devices, revision=2)
    worker.command(CommandKind.SET_TOPOLOGY, topology=grown)
    unpaid = "it moved less than 7 days ago, and its move has to pay back before it moves for cost alone"
    assert there(worker, "a", "g2").kept_by == ["it moved less than 900 s ago, and moves again only to be rescued", unpaid]
    worker.later(900)
    worker.settle()
    assert there(worker, "a", "g2").kept_by == [unpaid]
    worker.later(7 * 86_400)
    worker.settle()
    assert worker.where()["a"] == "g2"


@pytest.mark.parametrize(("name", "at"), [("x", None), ("a", "gx")])
def test_why_not_of_what_is_not_there_is_refused(name: str, at: str | None) -> None:
    with pytest.raises(InputError, match="is not in revision 1 of site 'north'"):
        why_not(view(three_gateways()), name, at)


def test_the_shortage_that_is_said_is_what_it_takes() -> None:
    """The smallest change that the refusal names makes the move possible, and less of it does not."""
    devices = [device("a", "g1", cpu=4.0), device("b", "g2", cpu=8.0)]
    for capacity, may in ((12.0, True), (11.9, False)):
        worker = Worker(topology([gateway("g1"), gateway("g2", cpu=capacity)], devices))
        assert (there(worker, "a", "g2").refused_by is None) is may
    assert there(Worker(topology([gateway("g1"), gateway("g2")], devices)), "a", "g2").refusal == "cpu_millicores short by 2"


def test_headroom_says_for_each_loss_who_would_stay_unserved_worst_first() -> None:
    devices = [device("a", "g1", cpu=6.0), device("b", "g2", cpu=6.0), device("c", "g3", cpu=3.0)]
    gateways = [replace(gateway("g1"), failure_domain="hall"), replace(gateway("g2"), failure_domain="hall"), gateway("g3")]
    found = headroom(view(Worker(topology(gateways, devices))))
    assert [(loss.gateways, loss.failure_domain, loss.devices, loss.moved, loss.unserved) for loss in found.losses] == [
        (["g1", "g2"], "hall", 2, 1, 1),
        (["g1"], None, 1, 1, 0),
        (["g2"], None, 1, 1, 0),
        (["g3"], None, 1, 1, 0),
    ]
    assert len(found.losses[0].named) == 1
    assert (found.unserved_now, found.not_computed) == (0, [])


def test_too_little_room_after_a_loss_is_proven_and_what_is_short_is_said() -> None:
    devices = [device(f"d{n}", f"g{n % 3 + 1}", cpu=4.0) for n in range(6)]
    found = headroom(view(Worker(topology([gateway("g1"), gateway("g2"), gateway("g3")], devices))))
    assert {loss.outcome for loss in found.losses} == {LossOutcome.PROVEN_UNPLACEABLE}
    assert {(loss.unserved, loss.surely_unserved) for loss in found.losses} == {(2, 1)}
    assert found.losses[0].short == {"cpu_millicores": 8.0, "devices": 2.0}


def test_a_device_that_reaches_only_the_lost_gateway_is_proven_without_a_place() -> None:
    devices = [device("a", "g1", to={"g1": 1.0}), device("b", "g2")]
    worst = headroom(view(Worker(topology([gateway("g1"), gateway("g2")], devices)))).losses[0]
    assert (worst.gateways, worst.outcome, worst.surely_unserved) == (["g1"], LossOutcome.PROVEN_UNPLACEABLE, 1)


def test_where_only_whole_devices_do_not_fit_nothing_is_proven() -> None:
    """Three of 6 into two times 10: split they would fit, whole they do not. The search fails, and says no more than that."""
    devices = [device(f"d{n}", f"g{n}", cpu=6.0) for n in range(1, 4)]
    found = headroom(view(Worker(topology([gateway("g1"), gateway("g2"), gateway("g3")], devices))))
    assert {(loss.outcome, loss.surely_unserved, loss.unserved) for loss in found.losses} == {(LossOutcome.REPAIR_FAILED, 0, 1)}


def test_each_loss_agrees_with_the_plan_for_it() -> None:
    devices = [device(f"d{n}", f"g{n % 3 + 1}", cpu=1.0 + n % 4) for n in range(14)]
    worker = Worker(topology([gateway("g1"), gateway("g2"), gateway("g3")], devices))
    for loss in headroom(view(worker)).losses:
        made = study(view(worker), Changes(fail=loss.gateways)).plan
        assert sorted(each.device for each in made.unserved) == sorted(loss.named)


def test_the_dead_are_no_loss_and_what_no_time_is_left_for_is_named() -> None:
    worker = three_gateways()
    worker.review("g3")
    found = headroom(view(worker), max_steps=1)
    assert [loss.gateways for loss in found.losses] == [["g1"]]
    assert found.not_computed == ["g2"]


def test_advice_serves_who_has_no_place_and_needs_shared_room_once() -> None:
    """a reaches g1 and g2; whichever of them dies, the other one must take what it served."""
    devices = [device("a", "g1", cpu=8.0), device("b", "g2", cpu=8.0), device("c", None, to={"g1": 1.0}, cpu=5.0)]
    found = advice(view(Worker(topology([gateway("g1"), gateway("g2")], devices))))
    assert (found.unserved, found.unserved_then) == (1, 0)
    assert found.losses == 2
    assert {each.gateway for each in found.additions} == {"g1", "g2"}
    assert found.growth == pytest.approx(20 / 21)


def test_no_addition_helps_a_device_that_reaches_one_gateway_only_and_the_advice_says_so() -> None:
    devices = [device("a", "g1", to={"g1": 1.0}), device("b", "g2")]
    found = advice(view(Worker(topology([gateway("g1"), gateway("g2")], devices))))
    assert (found.additions, found.losses, found.losses_then) == ([], 1, 1)


def test_without_a_topology_there_is_nothing_to_ask_about() -> None:
    empty = AllocationView("nowhere", 0, None)
    for ask in (
        lambda: study(empty, Changes()),
        lambda: why_not(empty, "a", None),
        lambda: headroom(empty),
        lambda: advice(empty),
    ):
        with pytest.raises(InputError, match="has no topology"):
            ask()


def test_demand_of_now_counts() -> None:
    devices = [replace(device(name, at), demand={}) for name, at in (("a", "g1"), ("b", "g2"))]
    worker = Worker(topology([gateway("g1"), gateway("g2")], devices))
    worker.review(demand=demand_of({"a": 6.0, "b": 7.0}))
    assert there(worker, "a", "g2").refusal == "cpu_millicores short by 3"
