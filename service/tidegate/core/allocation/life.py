"""The facts of a plan's life, as one call makes them: proposed, approved, applied, halted, refused, expired, undone.

Moves nobody; that is `carry_out`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.contracts.ids import CommandId, PlanId
from tidegate.contracts.plan import Decision, DecisionStatus, Kept, Plan, Progress, Trigger
from tidegate.core.allocation.applied import Applied
from tidegate.core.allocation.goals import compare
from tidegate.core.allocation.result import AllocationResult
from tidegate.core.allocation.rollout import Rollout
from tidegate.core.allocation.site import OpenPlan, Site

ALLOCATOR: Final = "tidegate"
"""Who decides where nobody was asked: approval by policy, expiry, guard, supersession."""

NAMED: Final = 5
"""Overloads that a plan leaves which are spelled out."""


@dataclass(frozen=True, slots=True)
class Life:
    """Decisions about one site's plan at one tick, by one author. Facts go to `result`, the plan under way to `site`."""

    site: Site
    now_ms: int
    result: AllocationResult
    by: str = ALLOCATOR
    command: CommandId | None = None

    def propose(self, plan: Plan, waits: str = "", *, idle: bool = False) -> None:
        """Open `plan`; its first fact carries it whole, and says what it `waits` for. A plan that is open is superseded.

        So is a plan that is carried out in waves, unless this one is `idle`: it will not be carried out.
        """
        self.close(DecisionStatus.EXPIRED, f"superseded by plan {plan.id}")
        if not idle:
            self.supersede(f"plan {plan.id}")
        self.site.open = OpenPlan(plan, 1)
        self.say(plan, 1, DecisionStatus.PROPOSED, _promise(plan) + waits, carried=plan)

    def approve(self, plan: Plan, reason: str) -> int:
        """Say that the open `plan`, which waits no longer, is approved; returns the number of this fact, the plan's second."""
        self.site.open = None
        self.say(plan, 2, DecisionStatus.APPROVED, reason)
        return 2

    def close(self, status: DecisionStatus, reason: str) -> None:
        """End the open plan's life; nothing happens when none is open."""
        if self.site.open is not None:
            self.say(self.site.open.plan, self.site.open.version + 1, status, reason)
            self.site.open = None

    def supersede(self, by: str) -> None:
        """End the plan that is carried out in waves, because `by` takes its place; nothing happens when there is none.

        One whose moves were all made counts as applied: nothing speaks against it, and its fact says that nobody saw the end.
        """
        rollout = self.site.rollout
        if rollout is not None and rollout.is_made:
            self.applied(rollout, f"; the last was not judged: superseded by {by}")
        else:
            self.halt(f"superseded by {by}")

    def applied(self, rollout: Rollout, addition: str) -> None:
        """End the plan of `rollout`, all of which was made, and remember where its devices were; `addition` goes to its fact."""
        self.site.rollout = None
        made, waves = len(rollout.formers), rollout.waves
        progress = Progress(waves, waves, made) if waves > 1 else None
        text = f"{made} assignments set{f' in {waves} waves' if waves > 1 else ''}{addition}"
        self.say(rollout.plan, rollout.version + 1, DecisionStatus.APPLIED, text, progress)
        self.site.applied.remember(Applied.by(self.result.decisions[-1], rollout.formers))
        undone = self.site.applied.get(rollout.plan.undoes)
        if undone is not None:
            self.say_undone(undone, rollout.plan)

    def halt(self, reason: str, calm_ms: int = 0) -> None:
        """End the plan that is carried out in waves; nothing happens when there is none. What it moved can be undone.

        For `calm_ms` no other plan is asked for, except rescues: the same would be made again.
        """
        rollout = self.site.rollout
        if rollout is None:
            return
        self.site.rollout = None
        self.site.calm_until_ms = self.now_ms + calm_ms
        made, moves = len(rollout.formers), len(rollout.plan.moves)
        text = f"{reason}; {made} of {moves} moves were made"
        self.say(rollout.plan, rollout.version + 1, DecisionStatus.HALTED, text, Progress(rollout.waves, rollout.waves, made))
        self.site.applied.remember(Applied.by(self.result.decisions[-1], rollout.formers))

    def say(
        self,
        plan: Plan,
        version: int,
        status: DecisionStatus,
        reason: str,
        progress: Progress | None = None,
        carried: Plan | None = None,
    ) -> None:
        """Append a fact about `plan`, the `version`-th."""
        decision = Decision(
            plan_id=plan.id,
            site=self.site.id,
            version=version,
            status=status,
            decided_at_ms=self.now_ms,
            decided_by=self.by,
            reason=reason,
            digest=plan.digest,
            trigger=plan.trigger,
            move_count=len(plan.moves),
            unserved_count=len(plan.unserved),
            command=self.command,
            plan=carried,
            progress=progress,
        )
        self.result.decisions.append(decision)

    def say_undone(self, record: Applied, by: Plan) -> None:
        """Say of an applied plan that another one has returned devices of it."""
        total = len(record.formers)
        record = record.without({move.device for move in by.moves}, by.id)
        self.site.applied.remember(record)
        kept = f"; {in_short(by.kept)}" if by.kept else ""
        decision = Decision(
            plan_id=record.plan,
            site=self.site.id,
            version=record.version,
            status=DecisionStatus.UNDONE,
            decided_at_ms=self.now_ms,
            decided_by=self.by,
            reason=f"plan {by.id} returned {len(by.moves)} of {total} devices{kept}",
            digest=record.digest,
            trigger=record.trigger,
            move_count=record.move_count,
            unserved_count=record.unserved_count,
            command=self.command,
        )
        self.result.decisions.append(decision)


def without_plan(site: Site, fact: str, status: DecisionStatus, trigger: Trigger, reason: str, now_ms: int) -> Decision:
    """What the allocator decided at tick `now_ms` about no plan, and so moved nobody; named by `fact`, which is its own."""
    return Decision(
        plan_id=PlanId(fact),
        site=site.id,
        version=1,
        status=status,
        decided_at_ms=now_ms,
        decided_by=ALLOCATOR,
        reason=reason,
        digest="",
        trigger=trigger,
        move_count=0,
        unserved_count=0,
    )


def in_short(kept: Sequence[Kept]) -> str:
    """How many devices an undo leaves where they are, and why the first of each kind, in words."""
    counts = Counter(each.by for each in kept)
    first = {each.by: f"{each.device}: {each.reason}" for each in reversed(kept)}
    return "; ".join(f"{count} {by} ({first[by]}{', …' if count > 1 else ''})" for by, count in sorted(counts.items()))


def _promise(plan: Plan) -> str:
    if plan.undoes is None:
        return f"{len(plan.moves)} moves: {_gain(plan)}{left_over(plan)}"
    kept = f"; {in_short(plan.kept)}" if plan.kept else ""
    return f"{len(plan.moves)} moves: undoes plan {plan.undoes}{kept}"


def left_over(plan: Plan) -> str:
    """What `plan` cannot mend, in words to follow others; empty when nothing is left."""
    left = []
    if plan.unserved:
        left.append(f"{len(plan.unserved)} devices stay unserved")
    if plan.misplaced:
        left.append(f"{len(plan.misplaced)} devices stay where they must not")
    overloads = _overloads(plan)
    if overloads:
        left.append(f"overload stays on {', '.join(overloads[:NAMED])}")
    return "; " + ", ".join(left) if left else ""


def _overloads(plan: Plan) -> list[str]:
    """Gateways over capacity after `plan`, fullest first."""
    shares = [(share, name, resource) for name, used in plan.after.utilisation.items() for resource, share in used.items()]
    return [f"{name} ({resource} {share:.0%})" for share, name, resource in sorted(shares, reverse=True) if share > 1]


def _gain(plan: Plan) -> str:
    verdict = compare(plan.before, plan.after)
    if verdict.goal is None:
        return "no goal gains"
    return f"{verdict.goal.name} falls by {verdict.gain:.6g} ({verdict.goal.unit})"
