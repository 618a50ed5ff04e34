"""The safety order: kill switch, freeze, mass-failure guard, evacuation, cool-down."""

import pytest
from small_site import SITE, A, D, P, R, Worker, approve, device, gateway, three_gateways, topology, waiting

from tidegate.contracts.command import CommandKind
from tidegate.contracts.plan import DecisionStatus, Trigger
from tidegate.errors import CommandRefused


def test_the_kill_switch_closes_what_waits_and_lets_nothing_be_planned_or_applied() -> None:
    worker = waiting()
    made = worker.allocator.open_plan(SITE)
    assert made is not None
    worker.command(CommandKind.STOP_ALLOCATION, issued_by="ada")
    assert (worker.statuses(), worker.decisions[-1].reason) == ([P, R], "allocation stopped by ada")
    with pytest.raises(CommandRefused, match="stopped"):
        worker.command(CommandKind.APPROVE_PLAN, plan_id=made.id, digest=made.digest)
    with pytest.raises(CommandRefused, match="stopped"):
        worker.command(CommandKind.REQUEST_PLAN)
    worker.later(400)
    assert worker.review("g1").requests == []
    worker.command(CommandKind.RESUME_ALLOCATION)
    assert len(worker.review("g1").requests) == 1


def test_a_frozen_site_proposes_even_with_auto_approval_but_applies_only_after_a_thaw() -> None:
    worker = three_gateways()
    worker.command(CommandKind.FREEZE)
    assert worker.allocator.holds(SITE) == ["the site is frozen"]
    worker.settle("g1")
    assert worker.statuses() == [P]
    with pytest.raises(CommandRefused, match="frozen"):
        approve(worker)
    worker.command(CommandKind.THAW)
    approve(worker)
    assert worker.statuses() == [P, A, D]


def test_many_gateways_silent_at_once_move_nobody_and_are_reported_once() -> None:
    worker = three_gateways()
    assert worker.settle("g1", "g2") == []
    worker.later(1)
    assert worker.settle("g1", "g2") == []
    (fact,) = worker.decisions
    assert (fact.status, fact.trigger) == (R, Trigger.GATEWAY_DOWN)
    assert "2 of 3 gateways are silent at once" in fact.reason
    assert worker.allocator.holds(SITE) == ["the mass-failure guard holds site 'north'"]
    with pytest.raises(CommandRefused, match="guard"):
        worker.command(CommandKind.REQUEST_PLAN)
    worker.later(1)
    worker.settle("g1")
    assert worker.statuses() == [R, P, A, D]


def test_the_guard_also_sees_that_every_serving_gateway_is_silent() -> None:
    devices = [device("a", "g1"), device("b", "g2")]
    worker = Worker(topology([gateway(f"g{n}") for n in range(1, 9)], devices))
    assert worker.settle("g1", "g2") == []
    assert "all 2 gateways that serve devices" in worker.decisions[0].reason


def four_gateways() -> Worker:
    """One device on each; one gateway has room for all."""
    gateways = [gateway(f"g{n}", cpu=4.0) for n in range(1, 5)]
    return Worker(topology(gateways, [device(f"d{n}", f"g{n}") for n in range(1, 5)]))


def test_gateways_that_die_one_after_the_other_within_minutes_are_a_mass_failure() -> None:
    worker = four_gateways()
    worker.settle("g1")
    worker.later(60)
    assert worker.settle("g1", "g2", "g3") == []
    assert worker.decisions[-1].reason.startswith("mass-failure guard: 3 of 4 gateways are silent at once")


def test_of_two_gateways_the_one_that_died_is_evacuated() -> None:
    worker = Worker(topology([gateway("g1", cpu=4.0), gateway("g2", cpu=4.0)], [device("a", "g1"), device("b", "g2")]))
    worker.settle("g1")
    assert worker.decisions[-1].status is DecisionStatus.APPLIED


def test_a_gateway_that_died_long_ago_does_not_keep_the_next_one_from_being_evacuated() -> None:
    worker = four_gateways()
    worker.settle("g1")
    worker.later(600)
    worker.settle("g1", "g2")
    assert set(worker.where().values()) <= {"g3", "g4"}


def test_a_plan_is_not_applied_while_the_guard_holds() -> None:
    worker = waiting()
    worker.review("g1", "g2")
    with pytest.raises(CommandRefused, match="guard"):
        approve(worker)


def test_a_device_that_just_moved_is_not_moved_again_for_savings_but_is_rescued() -> None:
    links = {"g1": 5.0, "g2": 1.0, "g3": 3.0}
    site = topology([gateway("g1"), gateway("g2"), gateway("g3")], [device("a", "g1", links), device("b", "g3")])
    worker = Worker(site, cooldown_seconds=600.0)
    worker.command(CommandKind.REQUEST_PLAN)
    worker.answer()
    assert worker.where()["a"] == "g2"
    cheaper = topology(site.gateways, [device("a", "g2", {"g1": 0.1, "g2": 1.0, "g3": 3.0}), device("b", "g3")], revision=2)
    worker.command(CommandKind.SET_TOPOLOGY, topology=cheaper)
    worker.later(60)
    worker.command(CommandKind.REQUEST_PLAN)
    worker.answer()
    assert worker.where()["a"] == "g2"
    worker.settle("g2")
    assert worker.where()["a"] == "g1"


def test_a_gateway_that_came_back_gets_no_devices_until_its_hold_is_over() -> None:
    devices = [device("a", "g1", {"g1": 0.1, "g2": 5.0, "g3": 6.0}), device("c", "g2")]
    site = topology([gateway("g1"), gateway("g2"), gateway("g3")], devices)
    worker = Worker(site, period_seconds=50.0, cooldown_seconds=120.0, payback_seconds=0.0)
    worker.settle("g1")
    assert worker.where()["a"] == "g2"
    worker.later(60)
    worker.settle()
    assert worker.where()["a"] == "g2"
    worker.later(120)
    worker.settle()
    assert worker.where()["a"] == "g1"


def test_a_gateway_that_keeps_dying_is_held_longer_each_time_until_an_operator_trusts_it() -> None:
    worker = three_gateways(cooldown_seconds=100.0)
    for _ in range(3):
        worker.settle("g1")
        worker.later(1)
        worker.settle()
    worker.later(200)
    worker.command(CommandKind.DRAIN, gateway="g2")
    worker.command(CommandKind.DRAIN, gateway="g3")
    worker.settle()
    assert "g1" not in worker.where().values()
    worker.command(CommandKind.UNCORDON, gateway="g1")
    worker.settle()
    assert set(worker.where().values()) == {"g1"}


def test_allocation_switched_off_by_configuration_asks_for_nothing() -> None:
    worker = three_gateways(enabled=False)
    assert worker.review("g1").requests == []
    assert worker.allocator.holds(SITE) == ["allocation is switched off by configuration"]
