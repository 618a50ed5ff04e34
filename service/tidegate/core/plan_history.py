"""Facts in a plan's life, folded into where the plan stands."""

from dataclasses import replace
from typing import Final

from tidegate.contracts.plan import Decision, DecisionStatus
from tidegate.contracts.views import DecisionHistory, DecisionView

_GOES_ON: Final = frozenset({DecisionStatus.PROPOSED, DecisionStatus.APPROVED, DecisionStatus.ROLLING_OUT})


def with_fact(history: DecisionHistory | None, fact: Decision) -> DecisionHistory:
    """`history` (None: this is the first fact we see) after `fact`. A fact seen before, by its version, changes nothing."""
    if history is None:
        return DecisionHistory(_first_view(fact), fact.plan, [fact])
    if any(known.version == fact.version for known in history.facts):
        return history
    view = replace(
        history.decision,
        status=fact.status,
        decided_at_ms=fact.decided_at_ms,
        decided_by=fact.decided_by,
        reason=fact.reason,
        move_count=fact.move_count,
        unserved_count=fact.unserved_count,
        progress=fact.progress or history.decision.progress,
    )
    return DecisionHistory(view, history.plan, [*history.facts, fact])


def has_ended(history: DecisionHistory) -> bool:
    """Whether nothing more can become of this plan."""
    return history.decision.status not in _GOES_ON


def _first_view(fact: Decision) -> DecisionView:
    plan = fact.plan
    return DecisionView(
        plan_id=fact.plan_id,
        site=fact.site,
        trigger=fact.trigger,
        status=fact.status,
        proposed_at_ms=fact.decided_at_ms,
        decided_at_ms=fact.decided_at_ms,
        decided_by=fact.decided_by,
        reason=fact.reason,
        digest=fact.digest,
        move_count=fact.move_count,
        unserved_count=fact.unserved_count,
        before=plan.before if plan else None,
        after=plan.after if plan else None,
    )
