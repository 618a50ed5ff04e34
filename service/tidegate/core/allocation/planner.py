"""The planner: a request in, a plan out. Pure and deterministic; runs in its own process (`tidegate.adapters.planner`).

Order: place a crowd of the unserved together, rescue them one by one, make room for the rest by one device that steps aside, then
by groups and chains of them, evacuate what must leave, in the same two ways, let those gather who talk to each other, improve,
trade places within the crowd, relieve what is still over capacity by groups and chains, shed the less important for the more
important, take back who was shed in vain, rescue and evacuate once more; in plans that look for savings, move the served, in
groups that talk, one by one and in pairs, and serve whom that has made room for. Higher goals first, and no later step may undo
an earlier one's gain. Whether a plan is carried out is for the allocator to decide.

Not searched: cycles of three and more, and trades between two full gateways, which cannot be made without a spare or an outage.
Demand is taken one by one, not jointly (`docs/decisions/0007`).
"""

from dataclasses import replace
from typing import Final

import numpy as np

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.plan import Plan, Trigger
from tidegate.core.allocation.arrays import NOWHERE, Int64
from tidegate.core.allocation.construct import CROWD, construct
from tidegate.core.allocation.counterfactual import STEPS, STEPS_IN_NEED, counterfactuals
from tidegate.core.allocation.digest import plan_digest
from tidegate.core.allocation.ejections import evacuate_by_ejections, relieve_by_ejections, serve_by_ejections
from tidegate.core.allocation.evaluate import evaluate, misplaced
from tidegate.core.allocation.exchange import exchange
from tidegate.core.allocation.frame import Frame
from tidegate.core.allocation.gather import gather
from tidegate.core.allocation.goals import ABOVE_SUSPICION, MOVE_PRICE, compare
from tidegate.core.allocation.hindsight import tell
from tidegate.core.allocation.improve import improve
from tidegate.core.allocation.make_room import make_room
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.order import carried_out_order
from tidegate.core.allocation.pairs import move_pairs
from tidegate.core.allocation.placement import Placement
from tidegate.core.allocation.problem import Problem, problem_of, unsuspecting
from tidegate.core.allocation.reasons import move_of, stuck
from tidegate.core.allocation.reinstate import reinstate
from tidegate.core.allocation.repair import evacuate, rescue
from tidegate.core.allocation.shed import shed
from tidegate.core.allocation.succession import succeed
from tidegate.core.allocation.trail import Trail
from tidegate.core.allocation.triage import triage

SOLVER: Final = "construct-repair-improve/9"
"""Name and version of the search; a plan's digest binds it."""

_THOROUGH: Final = frozenset({Trigger.PERIOD, Trigger.OPERATOR})
"""Triggers that also look for savings. A plan made in need moves nobody who could stay as well."""

_UNHURRIED: Final = _THOROUGH | {Trigger.FORECAST_OVERLOAD}
"""Triggers for which nobody is without service while the plan is made."""


_TURNS: Final = 4
"""Turns of trades and single moves at most; the third already gains next to nothing."""


def plan(request: PlanRequest, frame: Frame | None = None) -> Plan:
    """The plan for `request`, digest included; equal requests give equal plans, bit for bit, with or without their `frame`.

    No move leads to a gateway that would be over capacity, closed, or out of the device's reach, at no point of the order.
    Repair always finishes; improvement stops at `settings.planner_steps` steps.
    """
    problem = problem_of(request, frame)
    placement, trail = search(problem, request.trigger, request.settings)
    order = carried_out_order(problem, trail)
    flips = counterfactuals(
        problem,
        placement,
        order,
        lambda changed: search(changed, request.trigger, request.settings),
        took=trail.spent,
        budget=STEPS if request.trigger in _UNHURRIED else STEPS_IN_NEED,
    )
    unserved = np.flatnonzero(placement.gateway == NOWHERE)
    proposal = Plan(
        id=request.id,
        site=request.site,
        trigger=request.trigger,
        requested_at_ms=request.requested_at_ms,
        expires_at_ms=request.expires_at_ms,
        topology_revision=request.topology_revision,
        settings_digest=request.settings_digest,
        solver=SOLVER,
        steps=trail.spent,
        random_state=request.settings.random_state,
        moves=[move_of(problem, step, flips.get(step.device)) for step in order],
        unserved=[stuck(placement, int(device)) for device in unserved],
        before=evaluate(problem, problem.start),
        after=evaluate(problem, placement.gateway),
        misplaced=[stuck(placement, int(device)) for device in np.flatnonzero(misplaced(problem, placement.gateway))],
    )
    return replace(proposal, digest=plan_digest(proposal))


def search(problem: Problem, trigger: Trigger, settings: AllocationSettings) -> tuple[Placement, Trail]:
    """Who is to be served where, and the steps that lead there; what a plan is written from.

    Where what is withheld of suspect gateways costs service, a proper place or an overload, nothing is withheld: the search is
    made once more without suspicion, within the same budget again.
    """
    placement, trail = _search(problem, trigger, settings)
    if not problem.suspects or not _is_wanting(placement):
        return placement, trail
    trusting, longer = _search(unsuspecting(problem), trigger, settings)
    verdict = compare(evaluate(problem, placement.gateway), evaluate(problem, trusting.gateway))
    better = verdict.gain > 0 and verdict.goal in ABOVE_SUSPICION
    spent = trail.spent + longer.spent
    return (trusting, replace(longer, spent=spent)) if better else (placement, replace(trail, spent=spent))


def _is_wanting(placement: Placement) -> bool:
    """Whether any goal that ranks above suspicion is not wholly met."""
    score = evaluate(placement.problem, placement.gateway)
    return any(goal.value(score) > 0 for goal in ABOVE_SUSPICION)


def _search(problem: Problem, trigger: Trigger, settings: AllocationSettings) -> tuple[Placement, Trail]:
    tie_break = np.random.default_rng(settings.random_state).permutation(len(problem.gateways)).astype(np.int64)
    placement, trail = _served(problem, settings, tie_break)
    serve_by_ejections(placement, trail, tie_break)
    succeed(placement, trail, tie_break)
    evacuate(placement, trail, tie_break)
    evacuate_by_ejections(placement, trail, tie_break)
    _polish(placement, trail, tie_break)
    relieve_by_ejections(placement, trail, tie_break)
    shed(placement, trail)
    _restored(placement, trail, tie_break)
    if trigger in _THOROUGH:
        placement, trail = _saved(placement, trail, tie_break, settings.minimum_benefit_ratio)
        _restored(placement, trail, tie_break)
    tell(placement, trail)
    return placement, trail


def _restored(placement: Placement, trail: Trail, tie_break: Int64) -> None:
    """Places for those whom the last steps have made room for: who was shed for others, who waits, who must leave."""
    reinstate(placement, trail, tie_break)
    rescue(placement, trail, tie_break)
    evacuate(placement, trail, tie_break)


def _served(problem: Problem, settings: AllocationSettings, tie_break: Int64) -> tuple[Placement, Trail]:
    """As many devices served as can be. A crowd is placed together, and also one by one where that leaves anybody out.

    How it is placed together depends on whether there may be room for all: as cheaply as can be, or as many as can be.
    """
    placement, trail = Placement(problem), Trail(settings.planner_steps, settings.max_moves_per_plan)
    crowd = np.flatnonzero(placement.gateway == NOWHERE)
    if len(crowd) < CROWD or trail.exhausted:
        _one_by_one(placement, trail, tie_break)
        return placement, trail
    together = construct if _may_fit(placement, crowd) else triage
    together(placement, trail, crowd, tie_break)
    satisfied = bool((placement.gateway[crowd] != NOWHERE).all())
    _one_by_one(placement, trail, tie_break)
    if satisfied:
        return placement, trail
    other, longer = Placement(problem), Trail(trail.budget, trail.max_departures, trail.spent)
    _one_by_one(other, longer, tie_break)
    better = compare(evaluate(problem, other.gateway), evaluate(problem, placement.gateway)).gain > 0
    return (placement, replace(trail, spent=longer.spent)) if better else (other, longer)


def _polish(placement: Placement, trail: Trail, tie_break: Int64) -> None:
    """Groups that talk, single moves, then trades among those placed together, in turns while any are found."""
    gather(placement, trail, move_price=np.inf)
    improve(placement, trail, tie_break, move_price=np.inf)
    for _ in range(_TURNS):
        gathered = gather(placement, trail, move_price=np.inf)
        if not exchange(placement, trail) and not gathered:
            return
        improve(placement, trail, tie_break, move_price=np.inf)


def _may_fit(placement: Placement, devices: Int64) -> bool:
    """Whether open gateways have as much room together as `devices` need, in every resource."""
    problem = placement.problem
    room = np.maximum(problem.arrivals - placement.load, 0.0)[~problem.closed].sum(axis=0)
    return bool((problem.demand[devices].sum(axis=0) <= room).all())


def _one_by_one(placement: Placement, trail: Trail, tie_break: Int64) -> None:
    rescue(placement, trail, tie_break)
    make_room(placement, trail, tie_break)


def _saved(placement: Placement, trail: Trail, tie_break: Int64, minimum_benefit_ratio: float) -> tuple[Placement, Trail]:
    """Moves for cost, kept only if together they save `minimum_benefit_ratio` of the site's cost: small gains invite flapping."""
    cheaper, longer = placement.copy(), trail.copy()
    gather(cheaper, longer, move_price=MOVE_PRICE)
    improve(cheaper, longer, tie_break, move_price=MOVE_PRICE)
    for _ in range(_TURNS):
        gathered = gather(cheaper, longer, move_price=MOVE_PRICE)
        if not move_pairs(cheaper, longer, move_price=MOVE_PRICE) and not gathered:
            break
        improve(cheaper, longer, tie_break, move_price=MOVE_PRICE)
    before = evaluate(placement.problem, placement.gateway)
    after = evaluate(placement.problem, cheaper.gateway)
    worth_it = before.cost_per_hour - after.cost_per_hour >= minimum_benefit_ratio * before.cost_per_hour
    if worth_it or after.overload < before.overload or after.latency_violation_ms < before.latency_violation_ms:
        return cheaper, longer
    return placement, replace(trail, spent=longer.spent)
