"""A wave is watched: what speaks against it halts the plan, and what says nothing about it does not."""

from dataclasses import replace

from rolling_site import SIX, WAVES, emptied, emptied_and_heard, go_on, heard, last, moved, site
from small_site import SITE, H, W, Worker, demand_of, device, gateway, topology

from tidegate.contracts.ack import Ack, AckKind
from tidegate.contracts.command import CommandKind
from tidegate.contracts.plan import Phase, Progress, Trigger
from tidegate.core.condition import Condition


def test_a_device_that_falls_silent_halts_the_plan_and_names_it() -> None:
    worker = emptied_and_heard()
    (canary,) = moved(worker)
    worker.conditions[canary] = Condition(1, silent=True)
    go_on(worker)
    assert (last(worker).status, moved(worker)) == (H, [canary])
    target = worker.where()[canary]
    assert last(worker).reason == f"device {canary}, moved to {target}, is silent since; 1 of 6 moves were made"
    assert last(worker).progress == Progress(1, 1, 1)


def test_a_device_that_was_silent_before_says_nothing_about_the_move() -> None:
    worker = emptied_and_heard(silent=True)
    go_on(worker)
    assert len(moved(worker)) == 4


def test_a_confident_anomaly_that_opens_after_the_move_halts_it() -> None:
    worker = emptied_and_heard()
    (canary,) = moved(worker)
    worker.conditions[canary] = Condition(2, anomaly="odd", confidence=0.5)
    go_on(worker)
    assert last(worker).status is H
    assert last(worker).reason.startswith(f"device {canary}, moved to {worker.where()[canary]}, has an anomaly since: odd")


def test_an_anomaly_of_little_confidence_and_one_that_was_open_before_halt_nothing() -> None:
    for before, now in ((Condition(1), Condition(9, anomaly="odd", confidence=0.49)), *[(Condition(1, anomaly="odd"),) * 2]):
        worker = Worker(site(), **WAVES)
        worker.conditions = dict.fromkeys(SIX, before)
        worker.command(CommandKind.DRAIN, gateway="g1")
        worker.settle()
        worker.review()
        worker.conditions = dict.fromkeys(SIX, now)
        heard(worker)
        worker.later(10)
        worker.review()
        assert len(moved(worker)) == 4


def test_a_device_that_was_heard_before_has_to_be_heard_again() -> None:
    worker = emptied_and_heard()
    go_on(worker, seconds=60)
    assert len(moved(worker)) == 1
    heard(worker)
    worker.review()
    assert len(moved(worker)) == 4


def test_a_wave_of_which_nobody_is_heard_again_is_halted_and_one_slow_device_is_taken_on_trust() -> None:
    worker = emptied_and_heard()
    go_on(worker, seconds=299)
    assert last(worker).status is W
    worker.later(1)
    worker.review()
    assert last(worker).status is H
    assert "no device of wave 1 has been heard for 300 s" in last(worker).reason

    worker = emptied_and_heard()
    worker.review()
    heard(worker)
    worker.later(10)
    worker.review()
    slow = moved(worker)[1]
    worker.review()
    heard(worker, slow)
    worker.later(300)
    worker.review()
    assert moved(worker) == SIX


def test_a_target_that_falls_silent_halts_the_plan_before_its_devices_are_rescued() -> None:
    worker = emptied()
    (canary,) = moved(worker)
    target = worker.where()[canary]
    assert target is not None
    worker.later(1)
    worker.review(target)
    assert last(worker).status is H
    assert last(worker).reason.startswith(f"gateway {target} is silent, device {canary}, moved to {target},")
    (rescue,) = worker.requests
    assert rescue.trigger is Trigger.GATEWAY_DOWN


def test_a_later_wave_that_does_not_hold_any_more_halts_the_plan() -> None:
    worker = emptied()
    for name in ("g2", "g3", "g4"):
        worker.command(CommandKind.CORDON, gateway=name)
    go_on(worker)
    assert (last(worker).status, len(moved(worker))) == (H, 1)
    assert "the site has changed: device" in last(worker).reason
    assert "cordoned" in last(worker).reason


def test_what_is_left_of_a_plan_that_has_become_useless_is_not_made() -> None:
    links = {"g1": 0.0, "g2": 5.0}
    devices = [device(name, "g1", links) for name in SIX]
    worker = Worker(topology([gateway("g1"), gateway("g2")], devices), **WAVES)
    worker.command(CommandKind.DRAIN, gateway="g1")
    worker.settle()
    worker.command(CommandKind.UNCORDON, gateway="g1")
    go_on(worker)
    assert (last(worker).status, len(moved(worker))) == (H, 1)
    assert "what is left of the plan no longer improves the site" in last(worker).reason


def test_demand_that_grew_meanwhile_halts_the_plan_when_the_rest_has_no_room() -> None:
    devices = [replace(device(name, "g1"), demand={}) for name in SIX]
    worker = Worker(topology([gateway("g1"), gateway("g2")], devices), **WAVES)
    worker.command(CommandKind.DRAIN, gateway="g1")
    worker.review(demand=demand_of(dict.fromkeys(SIX, 1.0)))
    worker.answer()
    for _ in range(2):
        worker.later(10)
        worker.review(demand=demand_of(dict.fromkeys(SIX, 3.0)))
    assert (last(worker).status, len(moved(worker))) == (H, 1)
    assert "cannot move to g2: cpu_millicores short by" in last(worker).reason


def test_the_next_wave_waits_for_hand_overs_and_a_refused_one_halts_the_plan() -> None:
    worker = Worker(site(), **WAVES)
    for name in ("g1", "g2", "g3", "g4"):
        worker.allocator.hear(Ack(SITE, name, AckKind.HEARTBEAT, worker.now_ms, leases=True), worker.now_ms)
    worker.review()
    worker.command(CommandKind.DRAIN, gateway="g1")
    worker.later(1)
    worker.settle()
    assert "1 of them by a hand-over that has begun" in last(worker).reason
    (handed,) = [each for each in worker.allocator.assignments(SITE) if each.phase is Phase.RESERVING]
    assert handed.coming is not None
    go_on(worker, seconds=20)
    assert last(worker).progress == Progress(1, 3, 1)
    target, epoch = handed.coming.gateway, handed.coming.epoch
    worker.allocator.hear(Ack(SITE, target, AckKind.REFUSED, worker.now_ms, handed.device, epoch, "full"), worker.now_ms)
    worker.allocator.advance(worker.now_ms)
    worker.review()
    assert last(worker).status is H
    assert (
        f"device {handed.device}, moved to {target}, did not come about: stays: {target} gave no room: full"
        in last(worker).reason
    )
