"""The facts of a plan's life, as one call makes them: proposed, approved, applied, refused, expired, undone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.ids import CommandId
from tidegate.contracts.plan import Decision, DecisionStatus, Kept, Move, Plan
from tidegate.core.allocation.applied import Applied, Former
from tidegate.core.allocation.goals import compare
from tidegate.core.allocation.recheck import differences
from tidegate.core.allocation.result import AllocationResult
from tidegate.core.allocation.site import OpenPlan, Site
from tidegate.core.allocation.standing import problem_now
from tidegate.core.allocation.transfers import Transfers, Wanted

ALLOCATOR: Final = "tidegate"
"""Who decides where nobody was asked: approval by policy, expiry, guard, supersession."""

NAMED: Final = 5
"""Differences spelled out when a plan is refused, and overloads that it leaves; of differences the rest is counted."""


@dataclass(frozen=True, slots=True)
class Life:
    """Decisions about one site's plan at one tick, by one author. Facts go to `result`, the open plan to `site`."""

    site: Site
    now_ms: int
    result: AllocationResult
    by: str = ALLOCATOR
    command: CommandId | None = None

    def propose(self, plan: Plan) -> None:
        """Open `plan`; its first fact carries it whole. A plan that is open already is superseded."""
        self.close(DecisionStatus.EXPIRED, f"superseded by plan {plan.id}")
        self._decide(OpenPlan(plan, 0), DecisionStatus.PROPOSED, _promise(plan), plan)

    def close(self, status: DecisionStatus, reason: str) -> None:
        """End the open plan's life; nothing happens when none is open."""
        if self.site.open is not None:
            self._decide(self.site.open, status, reason)
            self.site.open = None

    def carry_out(self, plan: Plan, settings: AllocationSettings) -> None:
        """Apply exactly the moves of the open `plan` if every one still holds; otherwise refuse it, saying what changed.

        A need that the refused plan was to meet is asked about again at once if devices are without service.
        """
        found = differences(problem_now(self.site, settings, self.now_ms), plan)
        if found:
            self.close(DecisionStatus.REFUSED, _in_words(found))
            self.site.ask_again(plan.trigger)
            return
        self._decide(OpenPlan(plan, 1), DecisionStatus.APPROVED, "every move holds at the demand of now")
        formers = [self._moved(move, plan, settings) for move in plan.moves]
        under_way = sum(move.device in self.site.transfers for move in plan.moves)
        handed = f", {under_way} of them by a hand-over that has begun" if under_way else ""
        self.close(DecisionStatus.APPLIED, f"{len(plan.moves)} assignments set{handed}")
        self.site.applied.remember(Applied.by(self.result.decisions[-1], formers))
        undone = self.site.applied.get(plan.undoes)
        if undone is not None:
            self._undo(undone, plan)

    def _moved(self, move: Move, plan: Plan, settings: AllocationSettings) -> Former:
        """Carry out `move`; returns where its device was bound for, and the epoch that it gets."""
        site, device = self.site, move.device
        (source, _), grant = site.bound(device), site.grant(device)
        wanted = Wanted(move.target, move.grant, plan.id, move.reason)
        self.result.assignments.append(Transfers(site, settings, self.now_ms).move(device, wanted))
        return Former(device, source, grant, site.bound(device)[1])

    def _undo(self, record: Applied, by: Plan) -> None:
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

    def _decide(self, open_plan: OpenPlan, status: DecisionStatus, reason: str, carried: Plan | None = None) -> None:
        plan, version = open_plan.plan, open_plan.version + 1
        self.site.open = OpenPlan(plan, version)
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
        )
        self.result.decisions.append(decision)


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


def _in_words(found: list[str]) -> str:
    more = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return "the site has changed: " + "; ".join(found[:NAMED]) + more
