"""Plans as HTML. Draws; asks nobody anything."""

from typing import Final

from tidegate.console.markup import Markup, device_link, joined
from tidegate.console.wording import counted, moment, number
from tidegate.contracts.plan import ChangedPart, Counterfactual, DecisionStatus, Plan, PlanScore
from tidegate.contracts.studies import Study
from tidegate.contracts.views import DecisionHistory, DecisionView, SiteView

MOST_MOVES: Final = 300
"""Moves that are drawn; the rest is counted, and read by REST."""

_SHORT_MOVES: Final = 12

_MARKS: Final = {
    DecisionStatus.PROPOSED: "?",
    DecisionStatus.APPROVED: "▸",
    DecisionStatus.ROLLING_OUT: "…",
    DecisionStatus.APPLIED: "✓",
    DecisionStatus.HALTED: "!",
    DecisionStatus.REFUSED: "✕",
    DecisionStatus.EXPIRED: "–",
}

_TIERS: Final = (
    ("unserved devices", "unserved_devices"),
    ("unserved priority", "unserved_priority"),
    ("misplaced priority", "misplaced_priority"),
    ("overload (share of capacity)", "overload"),
    ("latency beyond limits, ms", "latency_violation_ms"),
    ("cost an hour", "cost_per_hour"),
    ("balance (1 is equal)", "jain_balance"),
)
"""What a plan is for, in order of weight."""


def row(decision: DecisionView, link: str, *, chosen: bool) -> Markup:
    """One plan in a list."""
    return Markup(
        '<a class="row" href="{}"{}><span class="cell p-{}" title="{}">{}</span><span class="what"><b>{}</b> '
        '<span class="dim">{} · {}</span></span><time>{}</time><span class="why">{}</span><span class="life">{}</span></a>'
    ).format(
        link,
        Markup(' aria-current="true"') if chosen else "",
        decision.status,
        decision.status,
        _MARKS.get(decision.status, "·"),
        counted(decision.move_count, "move"),
        decision.site,
        decision.trigger.replace("-", " "),
        moment(decision.proposed_at_ms),
        _effect(decision.before, decision.after),
        decision.status if decision.status is not DecisionStatus.PROPOSED else "waits for approval",
    )


def site(view: SiteView) -> Markup:
    """A site with what keeps plans from being made or carried out."""
    holds = joined(Markup('<li class="hold">{}</li>').format(hold) for hold in view.holds)
    calm = Markup('<span class="dim">{}</span>').format(
        "allocates" if view.topology_revision is not None else "has no topology, so nothing is allocated"
    )
    return Markup("<b>{}</b> {}<ul>{}</ul>").format(view.site, "" if view.holds else calm, holds)


def details(history: DecisionHistory) -> Markup:
    """Where a plan stands, what it changes, and each fact of its life."""
    decision = history.decision
    facts = joined(
        Markup('<li><span class="cell p-{}">{}</span> <b>{}</b> <span class="dim">{} by {}</span> {}</li>').format(
            fact.status, _MARKS.get(fact.status, "·"), fact.status, moment(fact.decided_at_ms), fact.decided_by, fact.reason
        )
        for fact in history.facts
    )
    return Markup(
        '<h2><span class="cell p-{}">{}</span> {} at {}: {}</h2><p class="dim">{} · digest <code>{}</code></p>{}'
        '<h3>Its life</h3><ul class="life-facts">{}</ul>'
    ).format(
        decision.status,
        _MARKS.get(decision.status, "·"),
        counted(decision.move_count, "move"),
        decision.site,
        decision.status,
        decision.trigger.replace("-", " "),
        decision.digest[:16],
        tiers(decision.before, decision.after),
        facts,
    )


def tiers(before: PlanScore | None, after: PlanScore | None) -> Markup:
    """The objective before and after, tier by tier; a change says in words whether it is for the better."""
    if before is None or after is None:
        return Markup('<p class="dim">What it changes is no longer kept.</p>')
    rows = joined(_tier(name, getattr(before, key), getattr(after, key), key == "jain_balance") for name, key in _TIERS)
    return Markup('<table class="tiers"><tr><th></th><td>before</td><td>after</td><td></td></tr>{}</table>').format(rows)


def moves(plan: Plan) -> Markup:
    """Every move with its reason, the next-best gateway and what would flip it, and who is left without one."""
    rows = joined(
        Markup("<tr><td>{}</td><td>{} → <b>{}</b></td><td>{}</td><td>{}</td><td>{}</td></tr>").format(
            device_link(plan.site, move.device),
            move.source or "nobody",
            move.target or "nobody",
            move.reason,
            _runner_up(move.runner_up, move.runner_up_tier, move.runner_up_cost),
            _flip(move.counterfactual),
        )
        for move in plan.moves[:MOST_MOVES]
    )
    left = len(plan.moves) - MOST_MOVES
    more = Markup('<p class="dim">and {} more</p>').format(f"{left:,}") if left > 0 else Markup("")
    unserved = joined(
        Markup('<li class="hold">{} is left without a gateway: {} {}</li>').format(
            device_link(plan.site, each.device), each.reason, "; ".join(each.shortages)
        )
        for each in plan.unserved[:MOST_MOVES]
    )
    head = Markup("<tr><th>device</th><th>move</th><th>because</th><th>next best</th><th>otherwise if</th></tr>")
    body = Markup('<table class="moves">{}{}</table>').format(head, rows) if plan.moves else Markup('<p class="dim">None.</p>')
    return Markup("<h2>Moves</h2>{}{}<ul>{}</ul>").format(body, more, unserved)


def _flip(named: Counterfactual | None) -> str:
    """The smallest change that flips a move, and where its device would then be."""
    if named is None:
        return ""
    more = ", ".join(
        f"{number(abs(amount))} {'per hour' if name == 'cost_per_hour' else name} {'less' if amount < 0 else 'more'}"
        for name, amount in named.by.items()
    )
    subject = f"the link to {named.gateway} cost" if named.part is ChangedPart.LINK_COST else f"{named.gateway} had"
    return f"{subject} {more}: {named.instead or 'nobody'}"


def in_short(plan: Plan) -> Markup:
    """What approving it does, for whoever is about to."""
    exactly = Markup('<p class="dim">Exactly this plan: digest <code>{}</code></p>').format(plan.digest[:16])
    return _listed(plan) + exactly


def _listed(plan: Plan) -> Markup:
    listed = joined(
        Markup("<li><b>{}</b>: {} → {}</li>").format(move.device, move.source or "nobody", move.target or "nobody")
        for move in plan.moves[:_SHORT_MOVES]
    )
    left = len(plan.moves) - _SHORT_MOVES
    more = Markup("<li>and {} more</li>").format(f"{left:,}") if left > 0 else Markup("")
    told = _effect(plan.before, plan.after)
    return Markup('<p>{} at site <b>{}</b>. {}</p><ul class="short">{}{}</ul>').format(
        counted(len(plan.moves), "move"), plan.site, told, listed, more
    )


def study(found: Study) -> Markup:
    """What a dry run found."""
    holds = joined(Markup('<li class="hold">{}</li>').format(hold) for hold in found.holds)
    if not found.plan.moves:
        return Markup("<p>Nothing: site <b>{}</b> stands as well as the planner can make it.</p><ul>{}</ul>").format(
            found.site, holds
        )
    return Markup("{}{}<ul>{}</ul>").format(_listed(found.plan), tiers(found.plan.before, found.plan.after), holds)


def _tier(name: str, before: float, after: float, more_is_better: bool) -> Markup:
    same = number(before) == number(after)
    better = (after > before) is more_is_better
    verdict = "" if same else "better" if better else "worse"
    return Markup('<tr class="{}"><th scope="row">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>').format(
        verdict, name, number(before), number(after), verdict
    )


def _runner_up(gateway: str | None, tier: str | None, cost: float | None) -> str:
    if gateway is None:
        return "no other could take it"
    return f"{gateway}" + (f", worse by {number(cost)} in {tier.replace('_', ' ')}" if tier and cost is not None else "")


def _effect(before: PlanScore | None, after: PlanScore | None) -> str:
    if before is None or after is None:
        return ""
    changes = [
        f"{name} {number(getattr(before, key))} → {number(getattr(after, key))}"
        for name, key in _TIERS
        if number(getattr(before, key)) != number(getattr(after, key))
    ]
    return ", ".join(changes[:3]) or "no goal changes"
