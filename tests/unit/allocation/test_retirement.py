"""Replacing a gateway by another one, and taking one out of use for good."""

import pytest
from small_site import SITE, Worker, device, gateway, request_of, topology

from tidegate.contracts.ack import Ack, AckKind
from tidegate.contracts.codec import pack, unpack
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.plan import Decision, DecisionStatus, Trigger
from tidegate.contracts.topology import Link
from tidegate.contracts.views import GatewayView
from tidegate.core.allocation.allocator import Allocator
from tidegate.core.allocation.planner import plan
from tidegate.errors import CommandRefused, InputError


def view(worker: Worker, name: str) -> GatewayView:
    return next(each for each in worker.allocator.gateway_views(SITE) if each.gateway == name)


def site_of_three(**settings: object) -> Worker:
    """g1 serves a to d; g2 has room for two of them and costs more than g3; d does not reach g2."""
    dear = {"g1": 0.0, "g2": 5.0, "g3": 1.0}
    devices = [device(name, "g1", dear, cpu=4.0, priority=priority) for name, priority in (("a", 1.0), ("b", 3.0), ("c", 2.0))]
    devices.append(device("d", "g1", {"g1": 0.0, "g3": 1.0}, cpu=1.0, priority=4.0))
    return Worker(topology([gateway("g1", 20.0), gateway("g2"), gateway("g3")], devices), **settings)


def test_the_successor_takes_whom_it_reaches_and_has_room_for_and_the_others_go_elsewhere() -> None:
    worker = site_of_three()
    worker.command(CommandKind.REPLACE, gateway="g1", successor="g2")
    (made,) = worker.settle()
    assert worker.where() == {"a": "g3", "b": "g2", "c": "g2", "d": "g3"}
    reasons = {move.device: move.reason for move in made.moves}
    assert reasons["b"] == "g2 replaces g1, and has room"
    assert reasons["a"].startswith("g1 is draining; g3 has room and is best")
    assert made.trigger is Trigger.GATEWAY_DRAINED
    assert (view(worker, "g1").draining, view(worker, "g1").replaced_by) == (True, "g2")


def test_without_a_successor_they_all_go_where_it_is_cheapest() -> None:
    worker = site_of_three()
    worker.command(CommandKind.DRAIN, gateway="g1")
    worker.settle()
    assert set(worker.where().values()) == {"g3", "g2"}
    assert list(worker.where().values()).count("g3") == 3


def test_a_successor_beyond_the_latency_limit_is_none() -> None:
    reach = [Link("g1"), Link("g2", latency_ms=50.0), Link("g3", latency_ms=5.0)]
    near = device("a", "g1", latency_limit_ms=20.0)
    near = type(near)(**{name: getattr(near, name) for name in near.__slots__} | {"reach": reach})
    site = topology([gateway(name) for name in ("g1", "g2", "g3")], [near])
    situation = {"draining": ["g1"], "closed": ["g1"], "replaced": {"g1": "g2"}}
    made = plan(request_of(site, Trigger.GATEWAY_DRAINED, **situation))
    assert [move.target for move in made.moves] == ["g3"]


def test_the_limit_of_moves_holds_for_successors_too() -> None:
    worker = site_of_three(max_moves_per_plan=1)
    worker.command(CommandKind.REPLACE, gateway="g1", successor="g2")
    (made,) = worker.settle()
    assert [(move.device, move.target) for move in made.moves] == [("b", "g2")]


def test_a_successor_that_is_closed_meanwhile_gets_nobody() -> None:
    worker = site_of_three()
    worker.command(CommandKind.REPLACE, gateway="g1", successor="g2")
    worker.command(CommandKind.CORDON, gateway="g2")
    worker.settle()
    assert "g2" not in worker.where().values()


@pytest.mark.parametrize(
    ("successor", "words"),
    [
        ("g1", "it is the same"),
        ("g9", "'g9' is not in revision 1"),
        ("g2", "it is cordoned"),
        ("g3", "it is draining"),
        ("g4", "it is silent"),
    ],
)
def test_a_gateway_is_only_replaced_by_another_one_that_is_open(successor: str, words: str) -> None:
    gateways = [gateway(f"g{n}") for n in range(1, 7)]
    worker = Worker(topology(gateways, [device("a", "g1"), device("b", "g4"), device("c", "g5")]))
    worker.command(CommandKind.CORDON, gateway="g2")
    worker.command(CommandKind.DRAIN, gateway="g3")
    worker.review("g4")
    with pytest.raises(CommandRefused, match=words):
        worker.command(CommandKind.REPLACE, gateway="g1", successor=successor)
    assert not view(worker, "g1").draining


def test_replacing_needs_a_successor() -> None:
    with pytest.raises(InputError, match="needs successor"):
        site_of_three().command(CommandKind.REPLACE, gateway="g1")


def test_uncordon_takes_a_replacement_back() -> None:
    worker = site_of_three()
    worker.command(CommandKind.REPLACE, gateway="g1", successor="g2")
    worker.command(CommandKind.UNCORDON, gateway="g1")
    assert worker.settle() == []
    assert view(worker, "g1").replaced_by is None


def test_a_drain_given_again_after_its_undo_is_planned_at_once() -> None:
    worker = site_of_three()
    worker.command(CommandKind.DRAIN, gateway="g1")
    (made,) = worker.settle()
    worker.command(CommandKind.UNCORDON, gateway="g1")
    worker.command(CommandKind.UNDO_PLAN, plan_id=made.id)
    assert set(worker.where().values()) == {"g1"}
    worker.later(1)
    worker.command(CommandKind.DRAIN, gateway="g1")
    assert len(worker.settle()) == 1
    assert "g1" not in worker.where().values()


def test_a_successor_named_while_a_drain_is_being_planned_is_heard() -> None:
    worker = site_of_three()
    worker.command(CommandKind.DRAIN, gateway="g1")
    worker.review()
    worker.command(CommandKind.REPLACE, gateway="g1", successor="g2")
    worker.requests = []  # the answer to the drain would be refused
    worker.settle()
    assert list(worker.where().values()).count("g2") == 2
    worker.command(CommandKind.REPLACE, gateway="g1", successor="g2")
    assert worker.settle() == [], "a repeated order changes nothing"


def facts_of_emptiness(worker: Worker) -> list[Decision]:
    return [decision for decision in worker.decisions if "can be taken away" in decision.reason]


def test_a_decommissioned_gateway_is_emptied_and_a_fact_says_once_that_it_can_be_taken_away() -> None:
    worker = site_of_three()
    worker.command(CommandKind.DECOMMISSION, gateway="g1")
    worker.settle()
    assert facts_of_emptiness(worker) == [], "at this review it was not empty yet"
    assert (view(worker, "g1").decommissioned, view(worker, "g1").empty_since_ms) == (True, None)
    for _ in range(3):
        worker.later(1)
        worker.settle()
    (fact,) = facts_of_emptiness(worker)
    assert fact.reason == "gateway g1 is decommissioned and serves nobody: it can be taken away"
    assert (fact.status, fact.decided_at_ms, fact.move_count) == (DecisionStatus.APPLIED, view(worker, "g1").empty_since_ms, 0)


def test_one_whose_devices_fit_nowhere_else_serves_them_and_is_not_empty() -> None:
    worker = Worker(topology([gateway("g1"), gateway("g2", 1.0)], [device("a", "g1", cpu=5.0)]))
    worker.command(CommandKind.DECOMMISSION, gateway="g1")
    for _ in range(3):
        worker.settle()
        worker.later(1)
    assert worker.where() == {"a": "g1"}
    assert facts_of_emptiness(worker) == []


def test_a_lease_that_may_still_run_keeps_a_gateway_from_being_taken_away() -> None:
    worker = Worker(topology([gateway("g1"), gateway("g2")], [device("a", "g1")]))
    for name in ("g1", "g2"):
        worker.allocator.hear(Ack(SITE, name, AckKind.HEARTBEAT, worker.now_ms, leases=True), worker.now_ms)
    worker.settle()
    worker.command(CommandKind.DECOMMISSION, gateway="g1")
    worker.settle()
    (coming,) = (a.coming for a in worker.allocator.assignments(SITE))
    assert coming is not None
    worker.allocator.hear(Ack(SITE, "g2", AckKind.RESERVED, worker.now_ms, "a", coming.epoch), worker.now_ms)
    worker.allocator.advance(worker.now_ms)
    worker.later(30)
    worker.allocator.advance(worker.now_ms)  # from here on the lease is counted
    worker.review()
    assert facts_of_emptiness(worker) == [], "it was told to stop, and has not said that it did"
    worker.later(66)
    worker.allocator.advance(worker.now_ms)
    worker.review()
    assert len(facts_of_emptiness(worker)) == 1


def test_only_recommission_opens_it_again() -> None:
    worker = site_of_three()
    worker.command(CommandKind.DECOMMISSION, gateway="g1")
    with pytest.raises(CommandRefused, match="'g1' is decommissioned"):
        worker.command(CommandKind.UNCORDON, gateway="g1")
    worker.command(CommandKind.RECOMMISSION, gateway="g1")
    assert (view(worker, "g1").draining, view(worker, "g1").decommissioned) == (False, False)
    with pytest.raises(CommandRefused, match="'g1' is not decommissioned"):
        worker.command(CommandKind.RECOMMISSION, gateway="g1")


def test_a_topology_that_leaves_it_out_ends_it_and_one_that_puts_a_device_there_says_so_again() -> None:
    worker = Worker(topology([gateway("g1"), gateway("g2")], [device("a", "g1")]))
    worker.command(CommandKind.DECOMMISSION, gateway="g1")
    worker.settle()
    worker.later(1)
    worker.settle()
    assert len(facts_of_emptiness(worker)) == 1
    site = topology([gateway("g1"), gateway("g2")], [device("a", "g1"), device("b", "g1")], 2)
    worker.command(CommandKind.SET_TOPOLOGY, topology=site)
    worker.settle()
    assert view(worker, "g1").decommissioned
    worker.later(1)
    worker.settle()
    assert worker.where() == {"a": "g2", "b": "g2"}
    assert len(facts_of_emptiness(worker)) == 2
    worker.command(CommandKind.SET_TOPOLOGY, topology=topology([gateway("g2")], [device("a", "g2"), device("b", "g2")], 3))
    worker.command(CommandKind.SET_TOPOLOGY, topology=topology([gateway("g1"), gateway("g2")], [device("a", "g2")], 4))
    assert not view(worker, "g1").decommissioned


def test_both_outlive_a_restart_and_an_older_snapshot_has_neither() -> None:
    worker = site_of_three()
    worker.command(CommandKind.REPLACE, gateway="g1", successor="g2")
    worker.command(CommandKind.DECOMMISSION, gateway="g1")
    configuration = CoreConfiguration({}, allocation=AllocationSettings())
    exported = worker.allocator.export_state()
    again = Allocator.restore(configuration, exported)
    assert (again.digest(), again.gateway_views(SITE)) == (worker.allocator.digest(), worker.allocator.gateway_views(SITE))
    older = unpack(exported["sites"][0], dict)
    del older["replaced"], older["decommissioned"]
    before = Allocator.restore(configuration, exported | {"sites": [pack(older)]})
    assert [(each.replaced_by, each.decommissioned) for each in before.gateway_views(SITE)] == [(None, False)] * 3
    before.handle(Command("open", SITE, CommandKind.UNCORDON, gateway="g1"), worker.now_ms)
