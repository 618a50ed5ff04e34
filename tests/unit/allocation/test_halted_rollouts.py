"""A plan that was halted on its way: it is not made again at once, and what it moved can be undone."""

from rolling_site import SIX, emptied, emptied_and_heard, go_on, last, moved
from small_site import A, D, H, P, U, W

from tidegate.contracts.command import CommandKind
from tidegate.contracts.plan import Trigger
from tidegate.core.condition import Condition


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
