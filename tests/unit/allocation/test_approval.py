"""Approval of plans, and what a planner may say."""

from dataclasses import replace

import pytest
from small_site import SITE, A, D, P, R, Worker, X, approve, demand_of, device, gateway, three_gateways, topology, waiting

from tidegate.contracts.command import CommandKind
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.plan import Phase, Trigger
from tidegate.contracts.topology import Binding
from tidegate.core.allocation.digest import plan_digest
from tidegate.core.allocation.planner import plan
from tidegate.errors import CommandRefused


def test_without_auto_approval_nothing_moves_until_the_plan_is_approved() -> None:
    worker = waiting()
    assert (worker.statuses(), worker.where()["a"]) == ([P], "g1")
    approve(worker)
    assert worker.statuses() == [P, A, D]
    assert [decision.decided_by for decision in worker.decisions[1:]] == ["ada", "ada"]
    assert worker.where()["a"] != "g1"


def test_a_stale_digest_is_refused_and_the_plan_stays_open() -> None:
    worker = waiting()
    with pytest.raises(CommandRefused, match="digest 'stale' is not that of plan"):
        approve(worker, "stale")
    approve(worker)
    assert worker.statuses()[-1] is D


def test_a_plan_is_applied_once() -> None:
    worker = waiting()
    made = worker.allocator.open_plan(SITE)
    assert made is not None
    approve(worker)
    with pytest.raises(CommandRefused, match="is not open"):
        worker.command(CommandKind.APPROVE_PLAN, plan_id=made.id, digest=made.digest)


def test_an_expired_plan_cannot_be_approved_and_says_so_as_a_fact_at_the_next_review() -> None:
    worker = waiting()
    worker.later(301)
    with pytest.raises(CommandRefused, match="expired"):
        approve(worker)
    worker.review("g1")
    assert worker.statuses() == [P, X]


def test_a_plan_is_refused_with_the_difference_when_a_target_has_closed() -> None:
    worker = three_gateways(auto_approve=False)
    worker.command(CommandKind.CORDON, gateway="g2")
    worker.settle("g1")
    worker.command(CommandKind.CORDON, gateway="g3")
    approve(worker)
    assert worker.statuses() == [P, R]
    assert "device a cannot move to g3: cordoned" in worker.decisions[-1].reason
    assert worker.where()["a"] == "g1"


def test_a_plan_is_refused_when_its_gateway_spoke_again() -> None:
    worker = waiting()
    worker.later(1)
    worker.review()
    approve(worker)
    assert worker.statuses() == [P, R]
    assert worker.decisions[-1].reason == "the site has changed: the plan no longer improves the site"


def test_an_operator_may_refuse_a_plan() -> None:
    worker = waiting()
    made = worker.allocator.open_plan(SITE)
    assert made is not None
    worker.command(CommandKind.REFUSE_PLAN, plan_id=made.id, reason="not tonight")
    assert (worker.statuses(), worker.decisions[-1].reason) == ([P, R], "not tonight")
    assert worker.allocator.open_plan(SITE) is None


def test_a_new_plan_supersedes_the_one_that_waits() -> None:
    worker = waiting()
    worker.command(CommandKind.REQUEST_PLAN)
    worker.answer()


def test_a_plan_that_nobody_asked_for_is_refused() -> None:
    worker = three_gateways()
    (request,) = worker.review("g1").requests
    foreign = replace(plan(request), id="plan-of-another")
    with pytest.raises(CommandRefused, match="answers no request in flight"):
        worker.command(CommandKind.SUBMIT_PLAN, plan=replace(foreign, digest=plan_digest(foreign)))


def test_a_plan_whose_moves_were_changed_on_the_way_is_refused() -> None:
    worker = three_gateways()
    (request,) = worker.review("g1").requests
    made = plan(request)
    forged = replace(made, moves=[replace(move, target="g2") for move in made.moves], misplaced=[], steps=made.steps + 1)
    with pytest.raises(CommandRefused, match="is not that of its content"):
        worker.command(CommandKind.SUBMIT_PLAN, plan=forged)
    assert worker.where()["a"] == "g1"


@pytest.mark.parametrize(
    ("field", "value"),
    [("topology_revision", 7), ("settings_digest", "other"), ("expires_at_ms", 1), ("trigger", Trigger.PERIOD)],
)
def test_a_plan_for_another_question_is_refused(field: str, value: object) -> None:
    worker = three_gateways()
    (request,) = worker.review("g1").requests
    other = replace(plan(request), **{field: value})  # type: ignore[arg-type]  # any field by name
    with pytest.raises(CommandRefused, match=field):
        worker.command(CommandKind.SUBMIT_PLAN, plan=replace(other, digest=plan_digest(other)))


def test_a_plan_that_would_overfill_a_gateway_is_proposed_and_refused_with_the_shortage() -> None:
    site = topology([gateway("g1"), gateway("g2", cpu=1.5), gateway("g3")], [device("a", "g1"), device("b", "g1")])
    worker = Worker(site)
    (request,) = worker.review("g1").requests
    made = plan(request)
    greedy = replace(made, moves=[replace(move, target="g2") for move in made.moves])
    worker.command(CommandKind.SUBMIT_PLAN, plan=replace(greedy, digest=plan_digest(greedy)))
    assert worker.statuses() == [P, R]
    assert "device b cannot move to g2: cpu_millicores short by 0.5" in worker.decisions[-1].reason


def test_a_plan_that_moves_a_device_twice_or_from_where_it_is_not_is_refused() -> None:
    worker = three_gateways()
    (request,) = worker.review("g1").requests
    made = plan(request)
    odd = replace(made, moves=[*made.moves, made.moves[0], replace(made.moves[1], device="c", source="g3", target=None)])
    worker.command(CommandKind.SUBMIT_PLAN, plan=replace(odd, digest=plan_digest(odd)))
    assert worker.statuses() == [P, R]
    assert "moved twice" in worker.decisions[-1].reason
    assert "device c is at g2, the plan expects it at g3" in worker.decisions[-1].reason


def test_a_device_that_cannot_be_moved_cannot_be_released_either() -> None:
    devices = [device("a", "g1"), device("c", "g2", binding=Binding.FIXED)]
    worker = Worker(topology([gateway("g1"), gateway("g2"), gateway("g3")], devices))
    (request,) = worker.review("g1").requests
    made = plan(request)
    odd = replace(made, moves=[*made.moves, replace(made.moves[0], device="c", source="g2", target=None)])
    worker.command(CommandKind.SUBMIT_PLAN, plan=replace(odd, digest=plan_digest(odd)))
    assert "device c cannot be released: its binding is fixed" in worker.decisions[-1].reason


def test_a_shed_device_is_unserved_by_assignment_and_served_again_when_there_is_room() -> None:
    lamp, pump = device("lamp", "g1", cpu=6.0), device("pump", None, cpu=6.0, priority=5.0)
    worker = Worker(topology([gateway("g1")], [lamp, pump]))
    worker.settle()
    assert worker.where() == {"lamp": None, "pump": "g1"}
    (shed,) = [change for change in worker.changes if change.device == "lamp" and change.epoch == 2]
    assert (shed.phase, shed.grant) == (Phase.UNSERVED, {})
    more = topology([gateway("g1"), gateway("g2")], [lamp, pump], revision=2)
    worker.command(CommandKind.SET_TOPOLOGY, topology=more)
    worker.settle()
    assert worker.where() == {"lamp": "g2", "pump": "g1"}


def test_an_answer_to_settings_that_changed_meanwhile_is_refused() -> None:
    worker = three_gateways()
    (request,) = worker.review("g1").requests
    worker.allocator.configure(CoreConfiguration({}, allocation=AllocationSettings(random_state=9)))
    with pytest.raises(CommandRefused, match="in flight: none"):
        worker.command(CommandKind.SUBMIT_PLAN, plan=plan(request))


def test_a_request_that_the_planner_never_answers_is_dropped_and_made_again() -> None:
    worker = three_gateways()
    worker.review("g1")
    worker.later(45)
    assert worker.review("g1").requests == []
    worker.later(1)
    assert len(worker.review("g1").requests) == 1
    with pytest.raises(CommandRefused, match="answers no request in flight"):
        worker.command(CommandKind.SUBMIT_PLAN, plan=plan(worker.requests[0]))


def test_a_rescue_that_demand_overtook_is_planned_again_at_once() -> None:
    devices = [replace(device(name, at), demand={}) for name, at in (("a", "g1"), ("c", "g2"))]
    worker = Worker(topology([gateway("g1"), gateway("g2"), gateway("g3"), gateway("g4")], devices))
    worker.review("g1", demand=demand_of({"a": 4.0, "c": 4.0}))
    (target,) = (move.target for move in plan(worker.requests[0]).moves)
    worker.later(1)
    worker.review("g1", demand=demand_of({"a": 14.0, "c": 4.0}))
    worker.answer()
    assert worker.statuses() == [P, R]
    assert f"cannot move to {target}: cpu_millicores short by" in worker.decisions[-1].reason
    worker.later(1)
    worker.review("g1", demand=demand_of({"a": 5.0, "c": 4.0}))
    worker.answer()
    assert worker.statuses() == [P, R, P, A, D]
