"""What a backtest counts of the service's plans."""

import pytest

from tidegate.contracts.plan import Decision, DecisionStatus, Progress, Trigger
from tidegate_training.evaluate.policies import Record

W, D, H = DecisionStatus.ROLLING_OUT, DecisionStatus.APPLIED, DecisionStatus.HALTED


def fact(status: DecisionStatus, moved: int | None = None, plan: str = "p", moves: int = 6) -> Decision:
    progress = None if moved is None else Progress(1, 2, moved)
    return Decision(plan, "s", 1, status, 0, "tidegate", "", "", Trigger.PERIOD, moves, 0, progress=progress)


@pytest.mark.parametrize(
    ("facts", "plans", "moves"),
    [
        ([fact(DecisionStatus.PROPOSED), fact(DecisionStatus.APPROVED), fact(D)], 1, 6),
        ([fact(DecisionStatus.PROPOSED), fact(DecisionStatus.REFUSED)], 0, 0),
        ([fact(W, 1), fact(W, 6)], 1, 6),
        ([fact(W, 1), fact(W, 6), fact(D, 6)], 1, 6),
        ([fact(W, 1), fact(H, 1), fact(D, plan="q", moves=2)], 2, 3),
    ],
)
def test_a_plan_counts_once_and_each_move_when_it_is_made(facts: list[Decision], plans: int, moves: int) -> None:
    record = Record()
    for each in facts:
        record.count(each)
    assert (record.plans, record.moves) == (plans, moves)
