"""Undo: each device of an applied plan goes back, or it is said why not."""

from dataclasses import replace

import pytest
from small_site import SITE, A, D, P, R, U, Worker, demand_of, device, gateway, three_gateways, topology

from tidegate.contracts.codec import digest
from tidegate.contracts.command import CommandKind
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.plan import Decision, KeptBy, Plan, Trigger
from tidegate.core.allocation.allocator import Allocator
from tidegate.core.allocation.applied import MAX_APPLIED
from tidegate.core.allocation.digest import plan_digest
from tidegate.core.allocation.planner import plan
from tidegate.errors import CommandRefused


def rescued(**settings: object) -> Worker:
    """g1 died, its devices a and b were moved, and g1 lives again."""
    worker = three_gateways(**settings)
    worker.settle("g1")
    if not settings.get("auto_approve", True):
        made = worker.allocator.open_plan(SITE)
        assert made is not None
        worker.command(CommandKind.APPROVE_PLAN, plan_id=made.id, digest=made.digest)
    worker.later(1)
    worker.review()
    worker.command(CommandKind.UNCORDON, gateway="g1")
    return worker


def applied(worker: Worker) -> Decision:
    return [decision for decision in worker.decisions if decision.status is D][-1]


def undo(worker: Worker, plan_id: str | None = None, **fields: object) -> Plan:
    """Undo the last applied plan, or the one named; returns the plan that does it."""
    before = len(worker.decisions)
    worker.command(CommandKind.UNDO_PLAN, plan_id=plan_id or applied(worker).plan_id, **fields)
    return next(fact.plan for fact in worker.decisions[before:] if fact.plan is not None)


def test_undo_returns_every_device_with_its_grant_under_a_new_epoch() -> None:
    worker = three_gateways()
    before = {assignment.device: assignment for assignment in worker.allocator.assignments(SITE)}
    worker.settle("g1")
    worker.later(1)
    worker.review()
    worker.command(CommandKind.UNCORDON, gateway="g1")
    rescue = applied(worker)
    made = undo(worker, issued_by="ada")
    for assignment in worker.allocator.assignments(SITE):
        was = before[assignment.device]
        assert (assignment.gateway, assignment.grant) == (was.gateway, was.grant)
        assert assignment.epoch == was.epoch + (2 if was.gateway == "g1" else 0)
    assert (made.trigger, made.undoes, made.kept, made.digest) == (Trigger.UNDO, rescue.plan_id, [], plan_digest(made))
    assert worker.statuses()[-4:] == [P, A, D, U]
    undone = worker.decisions[-1]
    assert (undone.plan_id, undone.version, undone.decided_by) == (rescue.plan_id, rescue.version + 1, "ada")
    assert undone.reason == f"plan {made.id} returned 2 of 2 devices"


def test_an_undo_can_be_undone_and_then_the_first_plan_cannot_be_undone_again() -> None:
    worker = rescued()
    first, moved = applied(worker).plan_id, worker.where()
    back = undo(worker)
    undo(worker, back.id)
    assert worker.where() == moved
    with pytest.raises(CommandRefused, match=f"plan {first} was undone by plan {back.id}"):
        undo(worker, first)


def test_what_was_undone_unknown_open_or_never_applied_is_refused() -> None:
    worker = rescued()
    first = applied(worker).plan_id
    undo(worker, first)
    for name, words in ((first, "was undone by plan"), ("plan-x", "is not among the last 2 applied plans")):
        with pytest.raises(CommandRefused, match=words):
            undo(worker, name)
    waiting = three_gateways(auto_approve=False)
    waiting.settle("g1")
    with pytest.raises(CommandRefused, match="is not applied, it waits for approval"):
        undo(waiting, waiting.decisions[-1].plan_id)
    waiting.command(CommandKind.REFUSE_PLAN, plan_id=waiting.decisions[-1].plan_id)
    with pytest.raises(CommandRefused, match="is not among the last 0 applied plans"):
        undo(waiting, waiting.decisions[-1].plan_id)


@pytest.mark.parametrize(
    ("order", "words"),
    [(CommandKind.FREEZE, "is frozen"), (CommandKind.STOP_ALLOCATION, "is stopped")],
)
def test_an_undo_is_refused_while_a_person_holds_the_site(order: CommandKind, words: str) -> None:
    worker = rescued()
    worker.command(order)
    with pytest.raises(CommandRefused, match=words):
        undo(worker)


def test_an_undo_is_refused_while_the_guard_holds_the_site() -> None:
    worker = rescued()
    worker.review("g1", "g2", "g3")
    with pytest.raises(CommandRefused, match="mass-failure guard"):
        undo(worker)


@pytest.mark.parametrize(
    ("order", "words"),
    [(CommandKind.DRAIN, "cannot move to g1: draining"), (CommandKind.CORDON, "cannot move to g1: cordoned")],
)
def test_with_nothing_to_return_it_is_proposed_and_refused_and_may_be_tried_again(order: CommandKind, words: str) -> None:
    worker = rescued()
    worker.command(order, gateway="g1")
    made = undo(worker)
    assert [(kept.device, kept.by, kept.reason) for kept in made.kept] == [
        (name, KeptBy.BLOCKED, words) for name in reversed([move.device for move in plan_of(worker).moves])
    ]
    assert worker.statuses()[-2:] == [P, R]
    assert worker.decisions[-1].reason.startswith("nothing to carry out: 2 blocked (")
    worker.command(CommandKind.UNCORDON, gateway="g1")
    undo(worker)
    assert worker.where() == {"a": "g1", "b": "g1", "c": "g2"}


def plan_of(worker: Worker) -> Plan:
    """The last applied plan, as it was proposed."""
    return next(fact.plan for fact in worker.decisions if fact.plan is not None and fact.plan_id == applied(worker).plan_id)


def test_a_device_that_another_plan_moved_since_stays_and_is_named() -> None:
    worker = rescued()
    first, target = applied(worker).plan_id, worker.where()["a"]
    assert target is not None
    worker.later(2000)
    worker.command(CommandKind.DRAIN, gateway=target)
    worker.settle()
    second = applied(worker).plan_id
    worker.command(CommandKind.UNCORDON, gateway=target)
    made = undo(worker, first)
    assert {kept.device: kept.by for kept in made.kept}["a"] is KeptBy.SUPERSEDED
    assert f"plan {second} has moved it since" in {kept.device: kept.reason for kept in made.kept}["a"]
    assert {move.device for move in made.moves} | {kept.device for kept in made.kept} == {"a", "b"}


def test_a_device_that_left_the_topology_is_named_and_one_whose_gateway_left_is_blocked() -> None:
    worker = rescued()
    worker.command(
        CommandKind.SET_TOPOLOGY,
        topology=topology([gateway("g2"), gateway("g3")], [device("b", None), device("c", "g2")], revision=2),
    )
    made = undo(worker)
    assert {(kept.device, kept.by, kept.reason) for kept in made.kept} == {
        ("a", KeptBy.SUPERSEDED, "it has left the topology (revision 2)"),
        ("b", KeptBy.BLOCKED, "cannot reach g1"),
    }


def test_a_device_goes_back_only_where_there_is_room_at_the_demand_of_now() -> None:
    devices = [replace(device(name, at), demand={}) for name, at in (("a", "g1"), ("b", "g1"), ("c", "g2"))]
    worker = Worker(topology([gateway("g1"), gateway("g2"), gateway("g3")], devices))
    worker.review("g1", demand=demand_of({"a": 4.0, "b": 4.0, "c": 4.0}))
    worker.answer()
    worker.later(1)
    worker.review(demand=demand_of({"a": 6.0, "b": 6.0, "c": 4.0}))
    worker.command(CommandKind.UNCORDON, gateway="g1")
    made = undo(worker)
    assert (len(made.moves), [kept.by for kept in made.kept]) == (1, [KeptBy.BLOCKED])
    assert made.kept[0].reason == "cannot move to g1: cpu_millicores short by 2"
    assert worker.decisions[-1].reason.startswith(f"plan {made.id} returned 1 of 2 devices; 1 blocked (")
    worker.later(1)
    worker.review(demand=demand_of({"a": 4.0, "b": 4.0, "c": 4.0}))
    undo(worker, made.undoes)
    assert worker.where() == {"a": "g1", "b": "g1", "c": "g2"}


def test_who_was_served_nowhere_before_keeps_its_service_and_whom_it_displaced_waits_for_room() -> None:
    lamp, pump = device("lamp", "g1", cpu=6.0), device("pump", None, cpu=6.0, priority=5.0)
    worker = Worker(topology([gateway("g1")], [lamp, pump]))
    worker.settle()
    made = undo(worker)
    assert {kept.device: kept.reason for kept in made.kept} == {
        "pump": "it was served nowhere before",
        "lamp": "cannot move to g1: cpu_millicores short by 2",
    }
    assert worker.where() == {"lamp": None, "pump": "g1"}


def test_where_plans_need_approval_so_does_an_undo() -> None:
    worker = rescued(auto_approve=False)
    made = undo(worker)
    assert worker.statuses()[-1] is P
    assert worker.where()["a"] != "g1"
    worker.command(CommandKind.APPROVE_PLAN, plan_id=made.id, digest=made.digest, issued_by="bob")
    assert worker.statuses()[-3:] == [A, D, U]
    assert worker.where()["a"] == "g1"


def test_an_undo_that_waited_too_long_is_refused_with_the_difference() -> None:
    worker = rescued(auto_approve=False)
    made = undo(worker)
    worker.command(CommandKind.CORDON, gateway="g1")
    worker.command(CommandKind.APPROVE_PLAN, plan_id=made.id, digest=made.digest)
    assert worker.statuses()[-1] is R
    assert "cannot move to g1: cordoned" in worker.decisions[-1].reason


def test_only_the_last_plans_are_remembered() -> None:
    worker = rescued()
    first = applied(worker).plan_id
    last = first
    for _ in range(MAX_APPLIED):
        worker.later(1)
        last = undo(worker, last).id
    with pytest.raises(CommandRefused, match=f"is not among the last {MAX_APPLIED} applied plans"):
        undo(worker, first)


def test_what_can_be_undone_outlives_a_restart() -> None:
    worker = rescued()
    twin = Allocator.restore(CoreConfiguration({}, allocation=AllocationSettings()), worker.allocator.export_state())
    assert twin.digest() == worker.allocator.digest()
    made, worker.allocator = undo(worker), twin
    assert undo(worker, made.undoes).moves == made.moves


def test_plans_of_older_logs_keep_their_digests() -> None:
    worker = three_gateways()
    made = plan(worker.review("g1").requests[0])
    moves = [replace(move, counterfactual=None) for move in made.moves]
    in_force = "9c153b32c2b4f5f0141e5007622d5edf274ba00890427585631b086db42c2edc"
    old = replace(made, solver="repair-improve/3", steps=3, moves=moves, settings_digest=in_force)
    assert plan_digest(old) == "2bbe60ceb0b0c08cfa61223e08fa6fdf89dc6bd814073617ccdb7dc7aacade44"
    assert made.digest != plan_digest(replace(made, moves=moves))
    assert made.digest != digest(replace(made, digest=""))
