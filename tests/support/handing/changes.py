"""Random histories of random sites: is anything moved that was not approved, and what becomes of an undo?"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st
from test_allocator_replay import GATEWAYS, SITE, Event, Run, histories

from tidegate.contracts.command import CommandKind
from tidegate.contracts.plan import Assignment, Decision, DecisionStatus


@dataclass
class Changes:
    """What was counted. `waves` are those of plans in several, `halts` are plans that ended on the way or did no good.

    `returned` and `explained` are devices of undone plans; `lost` are the others.
    """

    histories: int = 0
    events: int = 0
    moves: int = 0
    waves: int = 0
    halts: int = 0
    unapproved: int = 0
    returned: int = 0
    explained: int = 0
    lost: int = 0

    def count(self, run: Run) -> None:
        """Count in a run that has ended."""
        self.histories += 1
        self.events += run.events
        moved = Counter((a.plan_id, a.device, a.gateway, a.epoch) for a in run.assignments() if a.plan_id is not None)
        allowed = Counter(
            (plan_id, move.device, move.target, move.epoch + 1)
            for plan_id, life in _lives(run.decisions()).items()
            if _is_approved(life, run.auto_approve)
            for move in next(fact.plan.moves for fact in life if fact.plan is not None)
        )
        self.moves += moved.total()
        statuses = Counter(fact.status for fact in run.decisions())
        self.waves += statuses[DecisionStatus.ROLLING_OUT]
        self.halts += statuses[DecisionStatus.HALTED]
        self.unapproved += (moved - allowed).total()

    def count_undo(self, run: Run, ago: int) -> None:
        """Undo a plan of `run` and see what becomes of every device that it moved."""
        before, granted, known = run.assignments(), run.granted(), len(run.decisions())
        run.through([("undo", ago)])
        made = next((fact.plan for fact in run.decisions()[known:] if fact.plan is not None and fact.plan.undoes), None)
        if made is None:
            return
        applied = any(fact.plan_id == made.id and fact.status is DecisionStatus.APPLIED for fact in run.decisions())
        kept = {each.device for each in made.kept}
        earlier = {
            move.device
            for fact in run.decisions()[:known]
            if fact.plan is not None and fact.plan.undoes == made.undoes
            for move in fact.plan.moves
        }
        here = {each.device: each for each in run.allocator.assignments(SITE)}
        for moved in (fact for fact in before if fact.plan_id == made.undoes):
            if moved.device in kept | earlier:
                self.explained += 1
            elif moved.device in {move.device for move in made.moves} and (not applied or _is_back(moved, granted, here)):
                self.returned += 1
            else:
                self.lost += 1


def count_changes(examples: int, random_state: int) -> Changes:
    """Go through `examples` random histories, and undo a plan at the end of each: an old one, or one that an operator regrets."""
    changes = Changes()

    @seed(random_state)
    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Stage.generate]
    )
    @given(histories, st.booleans(), st.booleans(), st.integers(0, 2), st.booleans())
    def one(history: list[Event], auto: bool, waves: bool, ago: int, second_thoughts: bool) -> None:
        run = Run(auto, waves=waves).through(history)
        if second_thoughts:
            drain_and_reopen(run)
        changes.count(run)
        changes.count_undo(run, 0 if second_thoughts else ago)

    one()
    return changes


def drain_and_reopen(run: Run) -> None:
    """What an operator undoes most: on a calm site the busiest gateway is drained, its devices move, and it is opened again."""
    calm: Event = ("settle", (frozenset(), 1))
    quiet: list[Event] = [calm, ("approve", True), *[("wait", 60), calm] * 8]
    run.through([("order", CommandKind.RESUME_ALLOCATION), ("order", CommandKind.THAW)])
    run.through([*(("gateway", (CommandKind.UNCORDON, each)) for each in GATEWAYS), *quiet, *quiet])
    serving = Counter(each.gateway for each in run.allocator.assignments(SITE) if each.gateway is not None)
    for gateway, _ in serving.most_common(1):
        run.through([("gateway", (CommandKind.DRAIN, gateway)), *quiet, ("gateway", (CommandKind.UNCORDON, gateway))])


def _lives(decisions: list[Decision]) -> dict[str, list[Decision]]:
    lives: dict[str, list[Decision]] = {}
    for fact in decisions:
        lives.setdefault(fact.plan_id, []).append(fact)
    return {name: life for name, life in lives.items() if any(fact.plan is not None for fact in life)}


def _is_approved(life: list[Decision], auto: bool) -> bool:
    """Whether the plan was approved under the digest it was proposed with: by policy where there is one, else by a command."""
    return any(
        fact.status is DecisionStatus.APPROVED and fact.digest == life[0].digest and (auto or fact.command is not None)
        for fact in life
    )


def _is_back(moved: Assignment, granted: list[Assignment], here: dict[Any, Assignment]) -> bool:
    former = [each for each in granted if each.device == moved.device and each.epoch < moved.epoch][-1]
    now = here[moved.device]
    return (now.gateway, now.grant) == (former.gateway, former.grant)
