"""Hand-overs as a site lives through them: facts, epochs, orders, undo, topologies, and gateways that take no part."""

from typing import Any

import pytest
from small_site import SITE, Worker, device, gateway, names, three_gateways, topology

from tidegate.contracts.ack import Ack, AckKind
from tidegate.contracts.codec import pack, unpack
from tidegate.contracts.command import CommandKind
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.plan import Assignment, Phase
from tidegate.core.allocation.allocator import Allocator
from tidegate.errors import CommandRefused

LEASE_AND_ERROR = 65.0


def followed(*follow: str, **settings: Any) -> Worker:
    """g1 serves a and b, g2 serves c, g3 is empty; those named follow leases, all of them if none is."""
    worker = three_gateways(**settings)
    for name in follow or ("g1", "g2", "g3"):
        worker.allocator.hear(Ack(SITE, name, AckKind.HEARTBEAT, worker.now_ms, leases=True), worker.now_ms)
    worker.review()
    worker.changes.clear()
    return worker


def beat(worker: Worker, seconds: float = 1.0) -> list[Assignment]:
    """Time passes, and what is due happens."""
    worker.later(seconds)
    return worker._take(worker.allocator.advance(worker.now_ms)).assignments


def say(worker: Worker, kind: AckKind, about: Assignment, by: str | None = None) -> str | None:
    """What `by` (by default whoever is asked) says of `about`."""
    target = kind in (AckKind.RESERVED, AckKind.REFUSED) and about.coming is not None
    asked = (about.coming.gateway, about.coming.epoch) if target and about.coming else (about.gateway, about.epoch)
    return worker.allocator.hear(Ack(SITE, by or asked[0], kind, worker.now_ms, about.device, asked[1]), worker.now_ms)


def now(worker: Worker, name: str = "c") -> Assignment:
    return next(each for each in worker.allocator.assignments(SITE) if each.device == name)


def reserving(**settings: Any) -> Worker:
    """g2 is drained, and c is on its way to another gateway, which is asked for room."""
    worker = followed(**settings)
    worker.command(CommandKind.DRAIN, gateway="g2")
    worker.settle()
    assert now(worker).phase is Phase.RESERVING
    return worker


def revoking() -> Worker:
    worker = reserving()
    assert say(worker, AckKind.RESERVED, now(worker)) is None
    assert [each.phase for each in beat(worker)] == [Phase.REVOKING]
    return worker


def test_assignments_get_a_lease_when_their_gateway_says_that_it_follows_them() -> None:
    worker = three_gateways()
    assert {each.lease_ms for each in worker.changes} == {None}
    worker.allocator.hear(Ack(SITE, "g1", AckKind.HEARTBEAT, worker.now_ms, leases=True), worker.now_ms)
    given = worker.review().assignments
    assert [(each.device, each.epoch, each.lease_ms) for each in given] == [("a", 1, 60_000), ("b", 1, 60_000)]
    worker.later(1)
    assert worker.review().assignments == [], "once is enough"


def test_everybody_answers_and_the_device_goes_over() -> None:
    worker = reserving()
    first = now(worker)
    assert first.coming is not None
    assert (first.gateway, first.epoch, first.coming.epoch) == ("g2", 1, 2)
    say(worker, AckKind.RESERVED, first)
    (told,) = beat(worker)
    assert (told.gateway, told.epoch, told.phase) == ("g2", 1, Phase.REVOKING)
    say(worker, AckKind.RELEASED, told)
    (last,) = beat(worker)
    assert (last.gateway, last.epoch, last.phase, last.lease_ms) == (first.coming.gateway, 2, Phase.ACTIVE, 60_000)
    assert (last.coming, last.plan_id) == (None, first.plan_id)


def test_a_holder_that_says_nothing_loses_the_device_when_its_lease_is_over() -> None:
    worker = revoking()
    beat(worker)
    assert beat(worker, LEASE_AND_ERROR - 1) == []
    assert [each.phase for each in beat(worker, 1)] == [Phase.ACTIVE]


@pytest.mark.parametrize("kind", [AckKind.REFUSED, None])
def test_a_target_without_room_costs_nothing_and_is_not_asked_again_at_once(kind: AckKind | None) -> None:
    worker = reserving()
    first = now(worker)
    assert first.coming is not None
    if kind is not None:
        say(worker, kind, first)
    (stays,) = beat(worker, 30)
    assert (stays.gateway, stays.epoch, stays.phase, stays.coming) == ("g2", 1, Phase.ACTIVE, None)
    worker.settle()
    second = now(worker)
    assert second.coming is not None
    assert second.coming.gateway != first.coming.gateway
    assert second.coming.epoch == 3, "the epoch that was offered is never offered again"


def test_after_the_revocation_a_target_that_fails_leaves_nobody_and_the_planner_is_asked_again() -> None:
    worker = revoking()
    say(worker, AckKind.REFUSED, now(worker))
    (nobody,) = beat(worker)
    assert (nobody.gateway, nobody.phase) == (None, Phase.UNSERVED)
    worker.settle()
    again = now(worker)
    assert (again.phase, again.gateway) == (Phase.RESERVING, None)
    say(worker, AckKind.RESERVED, again)
    assert beat(worker) == [], "g2 may still serve: its lease is not over"
    beat(worker, LEASE_AND_ERROR)
    assert now(worker).phase is Phase.ACTIVE


def test_a_dead_gateway_is_revoked_while_room_is_reserved_elsewhere() -> None:
    worker = followed()
    worker.settle("g1")
    assert {now(worker, name).phase for name in "ab"} == {Phase.REVOKING}
    for name in "ab":
        say(worker, AckKind.RESERVED, now(worker, name))
    beat(worker)
    assert beat(worker, LEASE_AND_ERROR - 1) == []
    assert names(beat(worker, 1)) == ["a", "b"]


def test_a_device_on_its_way_is_not_moved_again_for_cost_and_its_open_plan_is_void() -> None:
    worker = reserving()
    problem = worker.allocator.view(SITE, worker.now_ms).request
    assert problem is not None
    coming = now(worker).coming
    assert coming is not None
    assert "c" in problem.situation.cooling
    assert (problem.situation.assigned[2], problem.situation.epochs[2]) == (coming.gateway, coming.epoch)


@pytest.mark.parametrize(
    ("follow", "phases"),
    [(("g1",), [Phase.ACTIVE]), (("g2",), [Phase.REVOKING]), (("g1", "g3"), [Phase.RESERVING])],
)
def test_who_follows_no_leases_is_neither_asked_nor_waited_for(follow: tuple[str, ...], phases: list[Phase]) -> None:
    worker = followed(*follow)
    worker.command(CommandKind.CORDON, gateway="g1")
    worker.command(CommandKind.DRAIN, gateway="g2")
    worker.settle()
    assert [each.phase for each in worker.changes] == phases
    assert now(worker).coming is None or "g3" in follow


def test_switched_off_moves_apply_at_once_for_all() -> None:
    worker = followed(handover=False)
    worker.command(CommandKind.DRAIN, gateway="g2")
    worker.settle()
    assert (now(worker).phase, now(worker).lease_ms, now(worker).epoch) == (Phase.ACTIVE, None, 2)


def test_the_kill_switch_calls_off_what_was_taken_from_nobody_and_lets_the_rest_end() -> None:
    worker = reserving()
    (stays,) = worker.command(CommandKind.STOP_ALLOCATION).assignments
    assert (stays.gateway, stays.phase) == ("g2", Phase.ACTIVE)
    worker = revoking()
    assert worker.command(CommandKind.STOP_ALLOCATION).assignments == []
    say(worker, AckKind.RELEASED, now(worker))
    assert [each.phase for each in beat(worker)] == [Phase.ACTIVE]


def test_an_undo_turns_back_a_hand_over_that_has_taken_nothing_from_anybody() -> None:
    worker = reserving()
    worker.command(CommandKind.UNCORDON, gateway="g2")
    applied = worker.decisions[-1].plan_id
    worker.command(CommandKind.UNDO_PLAN, plan_id=applied)
    back = now(worker)
    assert (back.gateway, back.epoch, back.phase, back.coming) == ("g2", 1, Phase.ACTIVE, None)


def test_a_device_that_leaves_the_topology_and_comes_back_waits_for_whoever_had_it() -> None:
    worker = followed()
    gateways = [gateway("g1"), gateway("g2"), gateway("g3")]
    ab = [device("a", "g1"), device("b", "g1")]
    worker.command(CommandKind.SET_TOPOLOGY, topology=topology(gateways, ab, revision=2))
    assert (worker.changes[-1].gateway, worker.changes[-1].device) == (None, "c")
    worker.command(CommandKind.SET_TOPOLOGY, topology=topology(gateways, [*ab, device("c", "g3")], revision=3))
    assert now(worker).phase is Phase.RESERVING
    assert worker.allocator.hear(Ack(SITE, "g2", AckKind.RELEASED, worker.now_ms, "c", 1), worker.now_ms) is None
    (back,) = beat(worker)
    assert (back.gateway, back.phase) == ("g3", Phase.ACTIVE)
    assert back.epoch > 2


def test_a_target_that_leaves_the_topology_gets_nobody() -> None:
    worker = reserving()
    target = now(worker).coming
    assert target is not None
    gateways = [gateway(name) for name in ("g1", "g2", "g3") if name != target.gateway]
    devices = [device("a", None), device("b", None), device("c", "g2")]
    worker.command(CommandKind.SET_TOPOLOGY, topology=topology(gateways, devices, revision=2))
    beat(worker)
    assert (now(worker).gateway, now(worker).phase) == ("g2", Phase.ACTIVE)


def test_a_second_topology_of_the_same_revision_changes_no_hand_over() -> None:
    worker = revoking()
    before = worker.allocator.digest()
    twin = Allocator.restore(
        CoreConfiguration({}, allocation=AllocationSettings()), unpack(pack(worker.allocator.export_state()), dict)
    )
    devices = [device("a", "g3"), device("b", "g3"), device("c", "g3")]
    with pytest.raises(CommandRefused, match="does not rise"):
        worker.command(CommandKind.SET_TOPOLOGY, topology=topology([gateway("g3")], devices, revision=1))
    assert twin.digest() == before
    assert now(worker).phase is Phase.REVOKING


@pytest.mark.parametrize(
    ("by", "kind", "epoch", "why"),
    [
        ("g9", AckKind.RELEASED, 1, "is not in revision"),
        ("g1", AckKind.RELEASED, 1, "is assigned to 'g2' under epoch 1, not to 'g1'"),
        ("g2", AckKind.RESERVED, 2, "is coming to 'g3' under epoch 2, not to 'g2'"),
        ("g3", AckKind.RESERVED, 3, "was never given out, the last is 2"),
        ("g3", AckKind.RESERVED, 1, "is assigned to 'g2' under epoch 1, not to 'g3'"),
    ],
)
def test_words_of_strangers_and_of_other_epochs_are_refused(by: str, kind: AckKind, epoch: int, why: str) -> None:
    worker = reserving()
    coming = now(worker).coming
    assert coming is not None
    assert coming.gateway == "g3"
    refused = worker.allocator.hear(Ack(SITE, by, kind, worker.now_ms, "c", epoch), worker.now_ms)
    assert refused is not None
    assert why in refused
    assert beat(worker) == []
