"""Topologies, epochs, repeated commands, recovery, and the demand that readings speak of."""

from dataclasses import replace

import pytest
from small_site import SITE, A, D, P, R, Worker, X, demand_of, device, gateway, three_gateways, topology, waiting

from tidegate.contracts.codec import decode, encode, pack, unpack
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.plan import Phase, Plan, Trigger
from tidegate.core.allocation.allocator import Allocator
from tidegate.core.allocation.planner import plan
from tidegate.errors import AllocationError, CommandRefused, InputError


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
