"""The life of plans and the safety order, driven by commands and ticks."""

from dataclasses import replace

import pytest
from small_site import SITE, Worker, demand_of, device, gateway, topology

from tidegate.contracts.codec import decode, encode, pack, unpack
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.plan import DecisionStatus, Phase, Plan, Trigger
from tidegate.contracts.topology import Binding
from tidegate.core.allocation.allocator import Allocator
from tidegate.core.allocation.digest import plan_digest
from tidegate.core.allocation.planner import plan
from tidegate.errors import AllocationError, CommandRefused, InputError

P, A, D, R, X = (
    DecisionStatus.PROPOSED,
    DecisionStatus.APPROVED,
    DecisionStatus.APPLIED,
    DecisionStatus.REFUSED,
    DecisionStatus.EXPIRED,
)


def three_gateways(**settings: object) -> Worker:
    """g1 serves a and b, g2 serves c, g3 is empty."""
    devices = [device("a", "g1"), device("b", "g1"), device("c", "g2")]
    return Worker(topology([gateway("g1"), gateway("g2"), gateway("g3")], devices), **settings)


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


# Approval


def waiting() -> Worker:
    """A plan for the death of g1 waits for approval."""
    worker = three_gateways(auto_approve=False)
    worker.settle("g1")
    return worker


def approve(worker: Worker, digest: str | None = None) -> None:
    made = worker.allocator.open_plan(SITE)
    assert made is not None
    worker.command(CommandKind.APPROVE_PLAN, plan_id=made.id, digest=digest or made.digest, issued_by="ada")


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
    assert worker.statuses() == [P, X, P]


# What the planner may say


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


# Safety order


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
    worker = Worker(topology([gateway("g1"), gateway("g2"), gateway("g3")], devices), period_seconds=50.0, cooldown_seconds=120.0)
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


# Topologies, epochs, repeats


def test_a_revision_that_does_not_rise_is_refused_and_the_old_topology_stays() -> None:
    worker = three_gateways()
    with pytest.raises(CommandRefused, match="revision 1 does not rise above 1"):
        worker.command(CommandKind.SET_TOPOLOGY, topology=topology([], []))
    assert len(worker.where()) == 3


def test_negative_capacity_is_refused_and_leaves_no_site_behind() -> None:
    allocator = Allocator(CoreConfiguration({}))
    bad = Command("c1", SITE, CommandKind.SET_TOPOLOGY, topology=topology([gateway("g1", cpu=-1.0)], []))
    with pytest.raises(AllocationError, match=r"capacity of gateway 'g1': cpu_millicores is -1\.0"):
        allocator.handle(bad, 0)
    assert allocator.sites() == []


def test_an_unknown_gateway_is_refused() -> None:
    worker = three_gateways()
    for kind in (CommandKind.DRAIN, CommandKind.CORDON, CommandKind.UNCORDON):
        with pytest.raises(CommandRefused, match="gateway 'g9' is not in revision 1"):
            worker.command(kind, gateway="g9")


def test_a_site_without_a_topology_refuses_commands_and_says_nothing_in_a_review() -> None:
    allocator = Allocator(CoreConfiguration({}))
    with pytest.raises(CommandRefused, match="has no topology"):
        allocator.handle(Command("c1", SITE, CommandKind.DRAIN, gateway="g1"), 0)
    with pytest.raises(InputError, match="needs gateway"):
        allocator.handle(Command("c2", SITE, CommandKind.DRAIN), 0)


def test_a_repeated_command_has_no_second_effect() -> None:
    worker = three_gateways()
    command = Command("again", SITE, CommandKind.DRAIN, gateway="g1")
    worker.allocator.handle(command, worker.now_ms)
    worker.command(CommandKind.UNCORDON, gateway="g1")
    assert worker.allocator.has_seen(command)
    worker.allocator.handle(command, worker.now_ms)
    assert worker.review().requests == []


def test_a_known_device_keeps_its_gateway_over_revisions_and_loses_one_that_is_gone() -> None:
    worker = three_gateways()
    changed = topology([gateway("g1"), gateway("g3")], [device("a", "g3"), device("c", "g3")], revision=2)
    result = worker.command(CommandKind.SET_TOPOLOGY, topology=changed)
    assert worker.where() == {"a": "g1", "c": None}
    assert [(a.device, a.phase, a.epoch) for a in result.assignments] == [("b", Phase.UNSERVED, 2), ("c", Phase.UNSERVED, 2)]


def test_the_epoch_of_a_device_that_left_and_came_back_goes_on_rising() -> None:
    worker = three_gateways()
    alone = topology([gateway("g1")], [device("a", "g1")], revision=2)
    worker.command(CommandKind.SET_TOPOLOGY, topology=alone)
    back = topology([gateway("g1")], [device("a", "g1"), device("b", "g1")], revision=3)
    (change,) = worker.command(CommandKind.SET_TOPOLOGY, topology=back).assignments
    assert (change.device, change.epoch) == ("b", 3)


def test_a_new_topology_voids_the_plan_under_way_and_the_one_that_waits() -> None:
    worker = waiting()
    worker.command(CommandKind.REQUEST_PLAN)
    changed = topology([gateway("g1"), gateway("g2")], [device("a", "g1")], revision=2)
    worker.command(CommandKind.SET_TOPOLOGY, topology=changed)
    assert worker.statuses() == [P, X]
    with pytest.raises(CommandRefused, match="in flight: none"):
        worker.answer()


def test_a_device_outside_the_topology_is_named_and_not_allocated() -> None:
    worker = three_gateways()
    worker.review(demand=demand_of({"a": 2.0, "stranger": 3.0}))
    assert worker.allocator.unplaced(SITE) == ["stranger"]
    assert "stranger" not in worker.where()


# Recovery


def test_a_restored_allocator_goes_on_as_if_nothing_had_happened() -> None:
    worker = waiting()
    worker.command(CommandKind.REQUEST_PLAN)
    worker.command(CommandKind.DRAIN, gateway="g2")
    worker.review(demand=demand_of({"stranger": 3.0}))
    exported = unpack(pack(worker.allocator.export_state()), dict)
    twin = Allocator.restore(CoreConfiguration({}, allocation=AllocationSettings(auto_approve=False)), exported)
    assert twin.digest() == worker.allocator.digest()
    assert twin.pending_requests() == worker.allocator.pending_requests() == worker.requests[-1:]
    command = Command("answer", SITE, CommandKind.SUBMIT_PLAN, plan=plan(worker.requests[-1]))
    assert twin.handle(command, worker.now_ms) == worker.allocator.handle(command, worker.now_ms)
    assert twin.digest() == worker.allocator.digest()


def test_what_is_not_a_state_is_refused_in_words() -> None:
    good = three_gateways().allocator.export_state()
    for bad in ({}, {"sites": [b"torn"], "seen": []}, {"sites": [good["sites"][0][:-9]], "seen": []}, good | {"seen": [1]}):
        with pytest.raises(InputError, match="not a"):
            Allocator.restore(CoreConfiguration({}), bad)


# Demand


def test_readings_say_what_a_device_needs_unless_the_topology_does() -> None:
    devices = [replace(device("a", "g1"), demand={}), device("b", "g1", cpu=1.0)]
    worker = Worker(topology([gateway("g1"), gateway("g2"), gateway("g3")], devices))
    worker.review(demand=demand_of({"a": 7.5, "b": 9.0}))
    score = worker.allocator.standing_score(SITE, worker.now_ms)
    assert score is not None
    assert score.utilisation["g1"] == {"cpu_millicores": 0.85}


def test_a_predicted_overload_is_relieved_before_it_happens() -> None:
    devices = [replace(device(name, "g1"), demand={}) for name in ("a", "b")]
    worker = Worker(topology([gateway("g1"), gateway("g2")], devices))
    worker.review(demand=demand_of({"a": 4.0, "b": 4.0}))
    assert worker.requests == []
    worker.review(demand=demand_of({"a": 8.0, "b": 4.0}))
    (made,) = worker.answer()
    assert (made.trigger, len(made.moves), made.after.overload) == (Trigger.FORECAST_OVERLOAD, 1, 0.0)
    assert worker.statuses() == [P, A, D]


def test_an_overload_that_nobody_can_relieve_is_reported_with_what_is_short_where() -> None:
    worker = Worker(topology([gateway("g1"), gateway("g2", cpu=3.0)], [replace(device("a", "g1"), demand={})]))
    worker.review(demand=demand_of({"a": 14.0}))
    worker.answer()
    assert worker.statuses() == [P, R]
    assert worker.decisions[-1].reason == "nothing to carry out; overload stays on g1 (cpu_millicores 140%)"
    worker.later(1)
    assert worker.review(demand=demand_of({"a": 14.0})).requests == []


def test_absurd_readings_stay_finite_and_plannable() -> None:
    devices = [replace(device(name, at), demand={}) for name, at in (("a", "g1"), ("b", "g2"), ("c", "g3"))]
    worker = Worker(topology([gateway("g1"), gateway("g2", cpu=1e-300), gateway("g3", cpu=0.0)], devices))
    worker.review(demand=demand_of({"a": 1e308, "b": 1e308, "c": float("inf")}))
    (made,) = worker.answer()
    assert made.moves == []
    assert decode(encode(made), Plan) == made
    assert made.after.overload > 1e16


def test_a_site_without_gateways_or_devices_is_planned_without_complaint() -> None:
    empty = Worker(topology([], []))
    assert empty.settle() == []
    homeless = Worker(topology([], [device("a", None)]))
    (made,) = homeless.settle()
    assert [left.reason for left in made.unserved] == ["no gateway is in its reach"]
