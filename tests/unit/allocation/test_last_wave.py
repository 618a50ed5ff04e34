"""The last wave is watched as the others are: only then a plan counts as applied. What ends the watch early, and how."""

from dataclasses import replace

import pytest
from rolling_site import SIX, WAVES, all_made, emptied, go_on, heard, last, moved, of_last_wave, site
from small_site import SITE, A, D, H, P, R, U, W, Worker, demand_of, gateway, topology

from tidegate.contracts.ack import Ack, AckKind
from tidegate.contracts.command import CommandKind
from tidegate.contracts.plan import Phase, Progress, Trigger
from tidegate.contracts.topology import DevicePlacement
from tidegate.core.condition import Condition
from tidegate.errors import CommandRefused

MEASURED = [
    *(DevicePlacement(name, "sensor", [], "g1") for name in SIX),
    *(DevicePlacement(name, "sensor", [], "g2") for name in "xz"),
]
"""Devices whose demand is what they measure; x and z are not moved by the plan."""


def test_a_plan_that_is_made_counts_as_applied_when_its_last_wave_was_watched_and_heard() -> None:
    worker = all_made()
    assert (last(worker).status, last(worker).progress, moved(worker)) == (W, Progress(3, 3, 6), SIX)
    told = "wave 3 of 3: 2 assignments set; all 6 moves are made, and the last are watched before the plan counts as applied"
    assert (last(worker).reason, last(worker).moved) == (told, 0)
    go_on(worker, seconds=60)
    assert last(worker).status is W, "nobody was heard again"
    heard(worker)
    worker.review()
    assert (worker.statuses(), last(worker).moved) == ([P, A, W, W, W, D], 6)
    assert last(worker).reason == "6 assignments set in 3 waves, and all were found well"


def test_a_last_wave_that_is_heard_at_once_is_watched_for_as_long_as_the_others() -> None:
    worker = all_made()
    worker.review()
    heard(worker)
    worker.later(9.9)
    worker.review()
    assert last(worker).status is W
    worker.later(0.1)
    worker.review()
    assert last(worker).status is D


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (Condition(2, silent=True), "is silent since"),
        (Condition(3, anomaly="odd", confidence=0.5), "has an anomaly since: odd"),
    ],
)
def test_what_speaks_against_the_last_wave_halts_the_plan_and_all_of_it_can_be_undone(now: Condition, words: str) -> None:
    worker = all_made()
    worker.review()
    heard(worker)
    bad = of_last_wave(worker)[-1]
    worker.conditions[bad] = now
    worker.later(10)
    worker.review()
    assert (worker.statuses(), last(worker).version) == ([P, A, W, W, W, H], 6)
    assert last(worker).reason == f"device {bad}, moved to {worker.where()[bad]}, {words}; 6 of 6 moves were made"
    assert (last(worker).progress, last(worker).moved) == (Progress(3, 3, 6), 6)
    worker.command(CommandKind.UNCORDON, gateway="g1")
    worker.command(CommandKind.UNDO_PLAN, plan_id=last(worker).plan_id)
    assert (worker.statuses()[-4:], moved(worker)) == ([P, A, D, U], [])


def test_a_device_of_an_earlier_wave_is_not_held_against_the_last() -> None:
    worker = all_made()
    worker.review()
    heard(worker)
    worker.conditions[next(name for name in SIX if name not in of_last_wave(worker))] = Condition(2, silent=True)
    worker.later(10)
    worker.review()
    assert last(worker).status is D


def test_a_target_of_the_last_wave_that_falls_silent_halts_the_plan_and_its_devices_are_rescued() -> None:
    worker = all_made()
    target = worker.where()[of_last_wave(worker)[0]]
    assert target is not None
    worker.later(1)
    worker.settle(target)
    assert worker.statuses() == [P, A, W, W, W, H, P, A, D]
    assert "is silent, device" in worker.decisions[5].reason
    assert (last(worker).trigger, target in worker.where().values()) == (Trigger.GATEWAY_DOWN, False)


def test_a_hand_over_of_the_last_wave_that_does_not_come_about_halts_the_plan() -> None:
    worker = emptied()
    go_on(worker)
    worker.review()
    for name in ("g1", "g2", "g3", "g4"):
        worker.allocator.hear(Ack(SITE, name, AckKind.HEARTBEAT, worker.now_ms, leases=True), worker.now_ms)
    worker.later(10)
    worker.review()
    assert "2 assignments set, 2 of them by a hand-over that has begun; all 6 moves are made" in last(worker).reason
    refused, _ = (each for each in worker.allocator.assignments(SITE) if each.phase is Phase.RESERVING)
    go_on(worker, seconds=15)
    assert last(worker).status is W, "the hand-overs are waited for"
    assert refused.coming is not None
    target, epoch = refused.coming.gateway, refused.coming.epoch
    worker.allocator.hear(Ack(SITE, target, AckKind.REFUSED, worker.now_ms, refused.device, epoch, "full"), worker.now_ms)
    worker.allocator.advance(worker.now_ms)
    worker.review()
    assert last(worker).status is H
    assert f"device {refused.device}, moved to {target}, did not come about: stays: {target} gave no room" in last(worker).reason


def test_of_a_last_wave_nobody_is_heard_for_five_minutes_and_the_plan_is_halted() -> None:
    worker = all_made()
    go_on(worker, seconds=300)
    assert last(worker).status is H
    assert last(worker).reason.startswith("no device of wave 3 has been heard for 300 s")
    assert last(worker).reason.endswith("; 6 of 6 moves were made")


def test_a_halt_after_the_last_wave_is_followed_by_calm() -> None:
    worker = all_made()
    worker.conditions = dict.fromkeys(SIX, Condition(9, silent=True))
    worker.review()
    assert last(worker).status is H
    worker.command(CommandKind.DRAIN, gateway="g2")
    worker.later(899)
    assert worker.review().requests == []
    worker.later(1)
    assert [request.trigger for request in worker.review().requests] == [Trigger.GATEWAY_DRAINED]


# Holds


def test_a_freeze_over_the_end_judges_nobody_and_afterwards_the_last_wave_is_watched_anew() -> None:
    worker = all_made()
    worker.review()
    worker.command(CommandKind.FREEZE)
    worker.conditions = dict.fromkeys(SIX, Condition(9, silent=True))
    go_on(worker, seconds=299)
    assert last(worker).status is W
    worker.command(CommandKind.THAW)
    worker.conditions = dict.fromkeys(SIX, Condition(9))
    worker.review()
    heard(worker)
    worker.later(9)
    worker.review()
    assert last(worker).status is W
    worker.later(1)
    worker.review()
    assert (last(worker).status, last(worker).reason) == (D, "6 assignments set in 3 waves, and all were found well")


def test_a_freeze_that_outlasts_an_approval_leaves_a_made_plan_applied_and_says_that_its_end_was_not_judged() -> None:
    worker = all_made()
    worker.command(CommandKind.FREEZE)
    worker.conditions = dict.fromkeys(SIX, Condition(9, silent=True))
    go_on(worker, seconds=300)
    assert last(worker).status is W
    worker.later(1)
    worker.review()
    assert last(worker).status is D
    assert last(worker).reason == (
        "6 assignments set in 3 waves; the last was not judged: the site is frozen, for more than 300 s"
    )
    worker.command(CommandKind.THAW)
    worker.command(CommandKind.UNCORDON, gateway="g1")
    worker.command(CommandKind.UNDO_PLAN, plan_id=last(worker).plan_id)
    assert moved(worker) == []


def test_the_guard_and_the_switch_hold_the_verdict_as_a_freeze_does() -> None:
    worker = all_made()
    worker.conditions = dict.fromkeys(SIX, Condition(9, silent=True))
    go_on(worker, "g2", "g3", "g4", seconds=301)
    assert last(worker).status is D
    assert last(worker).reason.endswith(
        "; the last was not judged: the mass-failure guard holds site 'north', for more than 300 s"
    )
    worker = all_made()
    worker.allocator.configure(Worker(site(), enabled=False).configuration)
    go_on(worker, seconds=301)
    assert last(worker).status is D
    assert "the last was not judged: allocation is switched off by configuration" in last(worker).reason


# Others


def test_other_needs_wait_for_the_verdict_and_persons_are_told_so() -> None:
    worker = all_made()
    plan_id = last(worker).plan_id
    worker.command(CommandKind.DRAIN, gateway="g2")
    worker.later(1)
    assert worker.review().requests == []
    with pytest.raises(CommandRefused, match=f"the last wave of plan {plan_id} is watched"):
        worker.command(CommandKind.REQUEST_PLAN)
    heard(worker)
    worker.later(10)
    assert [request.trigger for request in worker.review().requests] == [Trigger.GATEWAY_DRAINED]
    assert last(worker).status is D


def test_a_rescue_does_not_wait_and_the_plan_counts_as_applied_without_a_verdict() -> None:
    worker = all_made()
    assert "g4" not in {worker.where()[name] for name in of_last_wave(worker)}
    worker.later(1)
    (rescue,) = worker.settle("g4")
    assert (worker.statuses(), last(worker).trigger) == ([P, A, W, W, W, D, P, A, D], Trigger.GATEWAY_DOWN)
    reason = f"6 assignments set in 3 waves; the last was not judged: superseded by plan {rescue.id}"
    assert (worker.decisions[5].reason, worker.decisions[5].moved) == (reason, 6)


def test_the_verdict_does_not_wait_for_a_rescue_that_is_being_planned() -> None:
    worker = all_made()
    worker.review("g4")
    heard(worker)
    worker.later(10)
    worker.review("g4")
    assert (len(worker.requests), last(worker).status) == (1, D)


def test_relief_of_an_overload_does_not_wait_for_the_verdict_and_what_relieves_nothing_leaves_it() -> None:
    for small, statuses in ((4.0, [P, A, W, W, W, D, P, A, D]), (0.0, [P, A, W, W, W, P, R])):
        worker = Worker(topology([gateway("g1"), gateway("g2", 20.0), gateway("g3", 20.0)], MEASURED), **WAVES)
        usual, high = (demand_of({**dict.fromkeys(SIX, 1.0), "x": cpu, "z": small}) for cpu in (1.0, 19.9 - small))
        worker.command(CommandKind.DRAIN, gateway="g1")
        worker.review(demand=usual)
        worker.answer()
        worker.later(10)
        worker.review(demand=usual)
        while moved(worker) != SIX:
            assert worker.review(demand=high).requests == [], "while moves are to follow, relief waits"
            worker.later(10)
            worker.review(demand=usual)
        worker.later(1)
        worker.review(demand=high)
        (made,) = worker.answer()
        assert (made.trigger, worker.statuses()) == (Trigger.FORECAST_OVERLOAD, statuses)


# Persons and topologies


def test_a_new_topology_leaves_a_made_plan_applied_and_says_that_its_end_was_not_judged() -> None:
    worker = all_made()
    worker.command(CommandKind.SET_TOPOLOGY, topology=replace(site(2), devices=site().devices[1:]))
    assert last(worker).status is D
    assert last(worker).reason == "6 assignments set in 3 waves; the last was not judged: superseded by topology revision 2"
    go_on(worker)
    assert last(worker).status is D


def test_a_person_who_refuses_a_made_plan_or_stops_everything_halts_it() -> None:
    worker = all_made()
    plan_id, digest = last(worker).plan_id, last(worker).digest
    with pytest.raises(CommandRefused, match="is approved, and carried out in waves"):
        worker.command(CommandKind.APPROVE_PLAN, plan_id=plan_id, digest=digest)
    worker.command(CommandKind.REFUSE_PLAN, plan_id=plan_id, reason="not tonight", issued_by="ada")
    assert (last(worker).status, last(worker).reason) == (H, "not tonight; 6 of 6 moves were made")
    worker = all_made()
    worker.command(CommandKind.STOP_ALLOCATION, issued_by="ada")
    assert (last(worker).status, last(worker).reason) == (H, "allocation stopped by ada; 6 of 6 moves were made")


def test_a_plan_whose_last_wave_is_watched_can_be_undone_but_not_twice_nor_while_frozen() -> None:
    worker = all_made()
    plan_id = last(worker).plan_id
    worker.command(CommandKind.UNCORDON, gateway="g1")
    worker.command(CommandKind.FREEZE)
    with pytest.raises(CommandRefused, match="is frozen"):
        worker.command(CommandKind.UNDO_PLAN, plan_id=plan_id)
    worker.command(CommandKind.THAW)
    worker.command(CommandKind.UNDO_PLAN, plan_id=plan_id, issued_by="ada")
    assert (worker.statuses(), moved(worker)) == ([P, A, W, W, W, H, P, A, D, U], [])
    assert worker.decisions[5].reason == "undone on the way; 6 of 6 moves were made"
    go_on(worker)
    assert last(worker).status is U
    with pytest.raises(CommandRefused, match="was undone by plan"):
        worker.command(CommandKind.UNDO_PLAN, plan_id=plan_id)


def test_the_undo_of_an_earlier_plan_does_not_wait_for_the_verdict() -> None:
    worker = three_waves_after_a_small_plan()
    small = worker.decisions[0].plan_id
    assert (worker.statuses(), last(worker).plan_id != small) == ([P, A, D, P, A, W, W, W], True)
    worker.command(CommandKind.UNCORDON, gateway="g2")
    worker.command(CommandKind.UNDO_PLAN, plan_id=small)
    assert worker.statuses()[8:] == [D, P, A, D, U]
    assert "; the last was not judged: superseded by plan" in worker.decisions[8].reason
    assert worker.where()["x"] == "g2"


def three_waves_after_a_small_plan() -> Worker:
    """g2 was drained, and opened again; then g1 was drained, and the last wave of it is watched."""
    worker = Worker(site(), **WAVES)
    worker.command(CommandKind.DRAIN, gateway="g2")
    worker.settle()
    worker.command(CommandKind.DRAIN, gateway="g1")
    worker.later(1)
    worker.settle()
    for _ in range(2):
        go_on(worker)
    return worker


# Restarts


@pytest.mark.parametrize("silent", [False, True])
def test_a_restart_while_the_last_wave_is_watched_changes_nothing(*, silent: bool) -> None:
    lives = []
    for restarts in (False, True):
        worker = all_made()
        for _ in range(3):
            if restarts:
                worker.restart()
            worker.review()
            heard(worker)
            worker.later(4)
        worker.conditions = dict.fromkeys(SIX, Condition(9, silent=silent))
        worker.review()
        assert last(worker).status is (H if silent else D)
        lives.append((worker.decisions, worker.changes, worker.allocator.digest()))
    assert lives[0] == lives[1]
