"""The life of plans: asked for, proposed, applied, and what triggers them."""

import pytest
from small_site import A, D, P, R, Worker, device, gateway, three_gateways, topology

from tidegate.contracts.command import CommandKind
from tidegate.contracts.plan import Phase, Trigger


def test_a_topology_sets_each_device_where_it_is_found() -> None:
    worker = three_gateways()
    assert worker.where() == {"a": "g1", "b": "g1", "c": "g2"}
    assert [(a.epoch, a.phase, a.grant) for a in worker.changes] == [
        (1, Phase.ACTIVE, {"cpu_millicores": 1.0, "devices": 1.0})
    ] * 3


def test_devices_of_a_silent_gateway_are_moved_and_nobody_else() -> None:
    worker = three_gateways()
    (made,) = worker.settle("g1")
    assert made.trigger is Trigger.GATEWAY_DOWN
    assert worker.statuses() == [P, A, D]
    assert "g1" not in worker.where().values()
    assert worker.where()["c"] == "g2"
    assert all(move.reason.startswith("g1 is silent") for move in made.moves)


def test_a_proposal_carries_the_plan_and_later_facts_only_name_it() -> None:
    worker = three_gateways()
    (made,) = worker.settle("g1")
    assert [decision.plan for decision in worker.decisions] == [made, None, None]
    assert [decision.version for decision in worker.decisions] == [1, 2, 3]
    assert {decision.digest for decision in worker.decisions} == {made.digest}


def test_the_same_need_is_not_asked_about_twice_while_a_plan_is_being_made() -> None:
    worker = three_gateways()
    assert len(worker.review("g1").requests) == 1
    worker.later(1)
    assert worker.review("g1").requests == []


def test_a_need_that_no_plan_could_meet_is_asked_about_again_only_after_a_period() -> None:
    site = topology([gateway("g1"), gateway("g2", cpu=0.5), gateway("g3", cpu=0.5)], [device("a", "g1")])
    worker = Worker(site, period_seconds=300.0)
    (made,) = worker.settle("g1")
    assert made.moves == []
    assert made.unserved[0].shortages == ["g2: cpu_millicores short by 0.5", "g3: cpu_millicores short by 0.5", "g1: silent"]
    assert worker.statuses() == [P, R]
    worker.later(10)
    assert worker.settle("g1") == []
    worker.later(300)
    assert len(worker.settle("g1")) == 1


def test_a_drained_gateway_is_emptied_and_a_cordoned_one_keeps_its_devices() -> None:
    worker = three_gateways()
    worker.command(CommandKind.CORDON, gateway="g2")
    worker.command(CommandKind.DRAIN, gateway="g1")
    (made,) = worker.settle()
    assert made.trigger is Trigger.GATEWAY_DRAINED
    assert worker.where() == {"a": "g3", "b": "g3", "c": "g2"}


def test_a_device_without_a_gateway_is_placed() -> None:
    worker = Worker(topology([gateway("g1")], [device("a", None)]))
    assert worker.changes[0].phase is Phase.UNSERVED
    (made,) = worker.settle()
    assert made.trigger is Trigger.UNSERVED_DEVICES
    assert worker.where() == {"a": "g1"}


def test_an_overloaded_gateway_is_relieved() -> None:
    devices = [device(f"d{n}", "g1", cpu=4.0) for n in range(3)]
    worker = Worker(topology([gateway("g1"), gateway("g2")], devices))
    (made,) = worker.settle()
    assert made.trigger is Trigger.FORECAST_OVERLOAD
    assert made.before.overload == pytest.approx(0.2)
    assert made.after.overload == 0.0
    assert len(made.moves) == 1


def test_a_regular_look_finds_savings_and_says_nothing_when_there_are_none() -> None:
    site = topology([gateway("g1"), gateway("g2")], [device("a", "g1", {"g1": 5.0, "g2": 1.0})])
    worker = Worker(site, period_seconds=60.0, cooldown_seconds=10.0)
    assert worker.settle() == []
    worker.later(60)
    (made,) = worker.settle()
    assert (made.trigger, worker.where()) == (Trigger.PERIOD, {"a": "g2"})
    assert (made.moves[0].runner_up, made.moves[0].runner_up_tier) == ("g1", "cost")
    worker.later(60)
    (nothing,) = worker.settle()
    assert nothing.moves == []
    assert worker.statuses() == [P, A, D]
