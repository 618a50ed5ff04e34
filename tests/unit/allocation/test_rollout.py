"""A plan that is carried out in waves: a canary first, each wave watched, halted when something speaks against it."""

from dataclasses import replace

import pytest
from rolling_site import SIX, WAVES, emptied, go_on, heard, last, moved, site
from small_site import SITE, A, D, H, P, R, U, W, Worker, approve, demand_of, device, gateway, topology

from tidegate.contracts.ack import Ack, AckKind
from tidegate.contracts.command import CommandKind
from tidegate.contracts.plan import Phase, Progress, Trigger
from tidegate.contracts.topology import DevicePlacement
from tidegate.core.condition import Condition
from tidegate.errors import CommandRefused


def test_a_large_plan_goes_wave_by_wave_and_its_facts_say_how_far_it_is() -> None:
    worker = emptied()
    assert worker.statuses() == [P, A, W]
    assert (len(moved(worker)), last(worker).progress) == (1, Progress(1, 3, 1))
    assert last(worker).reason == "wave 1 of 3: 1 assignments set; 5 moves are to follow"
    go_on(worker)
    assert (len(moved(worker)), last(worker).progress) == (4, Progress(2, 3, 4))
    go_on(worker)
    assert (worker.statuses(), moved(worker)) == ([P, A, W, W, D], SIX)
    assert (last(worker).reason, last(worker).progress) == ("6 assignments set in 3 waves", Progress(3, 3, 6))
    assert [decision.version for decision in worker.decisions] == [1, 2, 3, 4, 5]
    assert len({decision.plan_id for decision in worker.decisions}) == 1


def test_the_next_wave_waits_until_the_last_was_watched_for_long_enough() -> None:
    worker = emptied()
    go_on(worker, seconds=9.9)
    assert len(moved(worker)) == 1
    worker.later(0.1)
    worker.review()
    assert len(moved(worker)) == 4


@pytest.mark.parametrize(
    "settings",
    [{"at_once_moves": 6}, {"canary_moves": 0, "wave_moves": 0}, {"canary_moves": 6}, {"canary_moves": 0, "wave_moves": 9}],
)
def test_a_small_plan_and_one_of_a_single_wave_go_at_once(settings: dict[str, int]) -> None:
    worker = emptied(**settings)
    assert (worker.statuses(), last(worker).progress) == ([P, A, D], None)
    assert last(worker).reason == "6 assignments set"


def test_without_a_canary_the_first_wave_is_like_the_others() -> None:
    worker = emptied(canary_moves=0)
    assert last(worker).progress == Progress(1, 2, 3)


def test_by_default_a_plan_of_twenty_moves_goes_at_once() -> None:
    names = [f"d{n}" for n in range(21)]
    for count, statuses in ((20, [P, A, D]), (21, [P, A, W])):
        gateways = [gateway("g1", 100.0), gateway("g2", 100.0)]
        worker = Worker(topology(gateways, [device(name, "g1") for name in names[:count]]))
        worker.command(CommandKind.DRAIN, gateway="g1")
        worker.settle()
        assert worker.statuses() == statuses


def test_the_dead_are_evacuated_at_once_whatever_the_size() -> None:
    worker = Worker(site(), canary_moves=1, wave_moves=1, at_once_moves=0)
    worker.settle("g1")
    assert (worker.statuses(), moved(worker)) == ([P, A, D], SIX)


def test_devices_without_service_do_not_wait_for_the_canary_of_the_others() -> None:
    devices = [*(device(name, "g1") for name in SIX), *(device(f"n{n}", None) for n in range(4))]
    worker = Worker(topology([gateway("g1"), gateway("g2", 20.0)], devices), canary_moves=1, wave_moves=2, at_once_moves=2)
    worker.command(CommandKind.DRAIN, gateway="g1")
    worker.command(CommandKind.REQUEST_PLAN)
    worker.answer()
    assert all(worker.where()[f"n{n}"] == "g2" for n in range(4))
    assert (len(moved(worker)), last(worker).status) == (1, W)


# What speaks against a wave


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


# After a halt


def test_a_halted_plan_is_not_made_again_at_once_but_rescues_are() -> None:
    worker = emptied(cooldown_seconds=100.0, period_seconds=1.0)
    worker.command(CommandKind.CORDON, gateway="g2")
    worker.command(CommandKind.CORDON, gateway="g3")
    worker.command(CommandKind.CORDON, gateway="g4")
    go_on(worker)
    assert last(worker).status is H
    for name in ("g2", "g3", "g4"):
        worker.command(CommandKind.UNCORDON, gateway=name)
    worker.later(99)
    assert worker.review().requests == []
    worker.later(1)
    assert [request.trigger for request in worker.review().requests] == [Trigger.GATEWAY_DRAINED]


def test_what_a_halted_plan_has_moved_can_be_undone_and_only_that() -> None:
    worker = emptied_and_heard()
    before = [name for name in SIX if name in moved(worker)]
    worker.conditions = dict.fromkeys(SIX, Condition(1, silent=True))
    go_on(worker)
    worker.command(CommandKind.UNCORDON, gateway="g1")
    worker.command(CommandKind.UNDO_PLAN, plan_id=last(worker).plan_id)
    assert moved(worker) == []
    assert worker.statuses()[-4:] == [P, A, D, U]
    assert last(worker).reason.endswith(f"returned {len(before)} of 1 devices")


def test_a_plan_can_be_undone_on_the_way() -> None:
    worker = emptied()
    go_on(worker)
    worker.command(CommandKind.UNCORDON, gateway="g1")
    worker.command(CommandKind.UNDO_PLAN, plan_id=last(worker).plan_id, issued_by="ada")
    assert worker.statuses() == [P, A, W, W, H, P, A, D, U]
    assert moved(worker) == []
    go_on(worker)
    assert moved(worker) == [], "what was to follow is not made"


# Who else has a say


def test_a_person_halts_a_plan_by_refusing_it_and_cannot_approve_it_twice() -> None:
    worker = emptied()
    plan_id, digest = last(worker).plan_id, last(worker).digest
    with pytest.raises(CommandRefused, match="is approved, and carried out in waves"):
        worker.command(CommandKind.APPROVE_PLAN, plan_id=plan_id, digest=digest)
    with pytest.raises(CommandRefused, match="is carried out in waves"):
        worker.command(CommandKind.REQUEST_PLAN)
    worker.command(CommandKind.REFUSE_PLAN, plan_id=plan_id, reason="not tonight", issued_by="ada")
    assert (last(worker).status, last(worker).decided_by) == (H, "ada")
    assert last(worker).reason == "not tonight; 1 of 6 moves were made"
    with pytest.raises(CommandRefused, match="is not open"):
        worker.command(CommandKind.REFUSE_PLAN, plan_id=plan_id)


def test_one_approval_covers_all_waves() -> None:
    worker = emptied(auto_approve=False)
    assert worker.statuses() == [P]
    approve(worker)
    go_on(worker)
    go_on(worker)
    assert (worker.statuses(), moved(worker)) == ([P, A, W, W, D], SIX)
    assert worker.allocator.open_plan(SITE) is None


def test_a_plan_under_way_does_not_expire_and_nothing_but_a_rescue_is_asked_for_meanwhile() -> None:
    worker = emptied(wave_seconds=1000.0, period_seconds=1.0)
    worker.review()
    worker.later(400)
    assert worker.review().requests == []
    assert last(worker).status is W
    worker.later(1)
    assert [request.trigger for request in worker.review("g2").requests] == [Trigger.GATEWAY_DOWN]


def test_a_rescue_supersedes_what_is_left() -> None:
    worker = emptied()
    (canary,) = moved(worker)
    other = next(name for name, at in (("x", "g2"), ("y", "g3")) if at != worker.where()[canary])
    worker.later(1)
    worker.settle("g2" if other == "x" else "g3")
    halted = next(decision for decision in worker.decisions if decision.status is H)
    rescue = worker.decisions[-1]
    assert worker.statuses() == [P, A, W, H, P, A, D]
    assert halted.reason == f"superseded by plan {rescue.plan_id}; 1 of 6 moves were made"


def test_no_wave_goes_while_a_rescue_is_being_planned() -> None:
    worker = emptied()
    (canary,) = moved(worker)
    dead = "g2" if worker.where()[canary] != "g2" else "g3"
    worker.review(dead)
    worker.later(10)
    worker.review(dead)
    assert (len(worker.requests), len(moved(worker))) == (1, 1)


def test_a_plan_for_who_cannot_be_served_supersedes_nothing() -> None:
    devices = [*site().devices, device("big", None, cpu=99.0)]
    worker = Worker(topology(list(site().gateways), devices), **WAVES)
    worker.settle()
    worker.command(CommandKind.DRAIN, gateway="g1")
    worker.later(1)
    worker.settle()
    rollout = last(worker)
    assert rollout.status is W
    worker.later(400)
    (made,) = worker.settle()
    assert (made.trigger, len(made.moves), last(worker).status) == (Trigger.UNSERVED_DEVICES, 5, R)
    assert last(worker).reason == f"plan {rollout.plan_id} is carried out in waves, and this one brings service to nobody"
    go_on(worker)
    assert len(moved(worker)) == 4
    worker.command(CommandKind.REFUSE_PLAN, plan_id=rollout.plan_id)
    worker.later(400)
    (made,) = worker.settle()
    assert (made.trigger, len(made.moves), last(worker).status) == (Trigger.UNSERVED_DEVICES, 2, R)
    assert last(worker).reason == "a plan was halted lately, and this one brings service to nobody"


def test_a_new_topology_halts_the_plan() -> None:
    worker = emptied()
    worker.command(CommandKind.SET_TOPOLOGY, topology=site(2))
    assert (last(worker).status, last(worker).reason) == (H, "superseded by topology revision 2; 1 of 6 moves were made")


# The safety order, pair by pair


def test_the_kill_switch_halts_a_plan_between_its_waves() -> None:
    worker = emptied()
    worker.command(CommandKind.STOP_ALLOCATION, issued_by="ada")
    assert (last(worker).status, last(worker).reason) == (H, "allocation stopped by ada; 1 of 6 moves were made")
    worker.command(CommandKind.RESUME_ALLOCATION)
    go_on(worker)
    assert len(moved(worker)) == 1


def test_a_freeze_holds_the_next_wave_and_after_a_thaw_the_last_is_watched_anew() -> None:
    worker = emptied()
    worker.command(CommandKind.FREEZE)
    go_on(worker, seconds=60)
    assert (len(moved(worker)), last(worker).status) == (1, W)
    worker.command(CommandKind.THAW)
    worker.later(9)
    worker.review()
    assert len(moved(worker)) == 1
    worker.later(10)
    worker.review()
    assert len(moved(worker)) == 4


def test_a_freeze_that_outlasts_an_approval_halts_the_plan() -> None:
    worker = emptied()
    worker.command(CommandKind.FREEZE)
    go_on(worker, seconds=300)
    assert last(worker).status is W
    worker.later(1)
    worker.review()
    assert last(worker).status is H
    assert last(worker).reason == "the site is frozen, for longer than an approval holds; 1 of 6 moves were made"


def test_the_guard_holds_the_next_wave_and_judges_nobody_while_it_suspects_us() -> None:
    worker = emptied()
    go_on(worker, "g2", "g3", "g4", seconds=60)
    assert [decision.status for decision in worker.decisions] == [P, A, W, R]
    assert worker.allocator.holds(SITE) == ["the mass-failure guard holds site 'north'"]
    go_on(worker)
    assert len(moved(worker)) == 4


def test_allocation_switched_off_holds_the_next_wave() -> None:
    worker = emptied()
    on = worker.configuration
    off = Worker(site(), enabled=False).configuration
    worker.allocator.configure(off)
    go_on(worker)
    assert len(moved(worker)) == 1
    worker.allocator.configure(on)
    go_on(worker)
    assert len(moved(worker)) == 4


# Recovery


def test_a_restart_on_the_way_changes_nothing() -> None:
    lives = []
    for restarts in (False, True):
        worker = emptied_and_heard()
        for _ in range(6):
            heard(worker)
            if restarts:
                worker.restart()
            worker.review()
            if restarts:
                worker.restart()
            worker.later(5)
        assert last(worker).status is D
        lives.append((worker.decisions, worker.changes, worker.allocator.digest()))
    assert lives[0] == lives[1]


def emptied_and_heard(*, silent: bool = False) -> Worker:
    """As `emptied`, and a reading of each device had come before; they may have fallen silent since."""
    worker = Worker(site(), **WAVES)
    worker.conditions = dict.fromkeys(SIX, Condition(1, silent=silent))
    worker.command(CommandKind.DRAIN, gateway="g1")
    worker.settle()
    return worker


def test_relief_of_an_overload_goes_all_at_once() -> None:
    gateways = [gateway(name) for name in ("g1", "g2", "g3", "g4")]
    worker = Worker(topology(gateways, [DevicePlacement(name, "sensor", [], "g1") for name in SIX]), **WAVES)
    worker.review(demand=demand_of(dict.fromkeys(SIX, 4.0)))
    worker.answer()
    assert (last(worker).status, last(worker).trigger) == (D, Trigger.FORECAST_OVERLOAD)
    assert len(moved(worker)) > WAVES["at_once_moves"]
