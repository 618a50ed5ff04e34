"""Who else has a say while a plan is carried out in waves: persons, rescues, a new topology, and whatever holds plans back."""

import pytest
from rolling_site import SIX, WAVES, emptied, go_on, last, moved, site
from small_site import SITE, A, D, H, P, R, W, Worker, approve, device, topology

from tidegate.contracts.command import CommandKind
from tidegate.contracts.plan import Trigger
from tidegate.errors import CommandRefused


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
    for _ in range(3):
        go_on(worker)
    assert (worker.statuses(), moved(worker)) == ([P, A, W, W, W, D], SIX)
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
