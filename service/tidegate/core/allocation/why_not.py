"""Why is a device not somewhere else? Asked of the same rules and goals that decide, gateway by gateway."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tidegate.contracts.ids import DeviceId, GatewayId
from tidegate.contracts.plan import PlanScore
from tidegate.contracts.studies import WhyNot, WhyNotThere
from tidegate.core.allocation.arrays import NOWHERE
from tidegate.core.allocation.evaluate import evaluate
from tidegate.core.allocation.goals import GOALS, MOVE_PRICE, Verdict, compare
from tidegate.core.allocation.model import AllocationView, PlanRequest, question_of
from tidegate.core.allocation.placement import loads
from tidegate.core.allocation.problem import Problem, problem_of, unsuspecting
from tidegate.core.allocation.rules import refusal
from tidegate.errors import InputError

MAX_EXPLAINED: Final = 50
"""Gateways explained in one answer, in the topology's order; each that may take the device costs a look at the whole site."""

OUT_OF_REACH: Final = "reach"
"""Name of the rule that a device is served by gateways in its reach only."""


SECONDS_PER_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A gateway that may take the device, and how the site would then stand."""

    there: WhyNotThere
    after: PlanScore
    verdict: Verdict


def why_not(view: AllocationView, device: DeviceId, gateway: GatewayId | None) -> WhyNot:
    """Why `device` is not at `gateway`, or at each gateway when that is None, at the demand and under the orders of `view`.

    Raises:
        InputError: the site has no topology, or its topology no such device or gateway.
    """
    request, holds = question_of(view), view.holds
    problem = problem_of(request)
    row = _index(problem.devices, device, "device", request)
    if problem.start[row] == NOWHERE or problem.misplaced[row]:
        problem = unsuspecting(problem)  # a device in need is given what is withheld, too
    asked = None if gateway is None else _index(problem.gateways, gateway, "gateway", request)
    chosen = list(range(len(problem.gateways)))
    if asked is not None:
        chosen = [asked, *(index for index in chosen if index != asked)]
    before = evaluate(problem, problem.start)
    found = [_there(problem, row, index, before) for index in chosen[:MAX_EXPLAINED]]
    best = _best([each for each in found if isinstance(each, _Candidate)])
    explained = [_explained(problem, row, each, best, request, holds) for each in found]
    return WhyNot(
        site=request.site,
        device=device,
        assigned_to=request.situation.assigned[row],
        as_of_ms=request.requested_at_ms,
        holds=holds,
        gateways=explained if asked is None else explained[:1],
        left_out=max(0, len(chosen) - MAX_EXPLAINED) if asked is None else 0,
    )


def _index(names: Sequence[str], name: str, what: str, request: PlanRequest) -> int:
    try:
        return names.index(name)
    except ValueError:
        raise InputError(
            f"{what} {name!r} is not in revision {request.topology_revision} of site {request.site!r}",
            advice=f"use a {what} of the topology",
        ) from None


def _there(problem: Problem, device: int, gateway: int, before: PlanScore) -> WhyNotThere | _Candidate:
    name = problem.gateways[gateway]
    if problem.listed[device] == gateway:
        return WhyNotThere(name, is_there=True)
    link = _link(problem, device, gateway)
    if link is None:
        return WhyNotThere(name, False, OUT_OF_REACH, "it is not in the device's reach")
    refused = refusal(problem, loads(problem, problem.start), link)
    if refused is not None:
        return WhyNotThere(name, False, *refused)
    moved = problem.start.copy()
    moved[device] = gateway
    after = evaluate(problem, moved)
    verdict = compare(before, after)
    decided_by = None if verdict.goal is None else verdict.goal.name
    gains = {goal.name: goal.gain(before, after) for goal in GOALS}
    return _Candidate(WhyNotThere(name, False, gains=gains, decided_by=decided_by), after, verdict)


def _link(problem: Problem, device: int, gateway: int) -> int | None:
    first, end = problem.reach.first[device : device + 2]
    found = np.flatnonzero(problem.reach.gateway[first:end] == gateway)
    return int(first + found[0]) if len(found) else None


def _best(candidates: list[_Candidate]) -> _Candidate | None:
    best: _Candidate | None = None
    for each in candidates:
        if best is None or compare(best.after, each.after).gain > 0:
            best = each
    return best


def _explained(
    problem: Problem,
    device: int,
    found: WhyNotThere | _Candidate,
    best: _Candidate | None,
    request: PlanRequest,
    holds: list[str],
) -> WhyNotThere:
    if isinstance(found, WhyNotThere):
        return found
    kept_by = _against(problem, device, found.verdict, request)
    if best is not None and best is not found:
        rival = compare(found.after, best.after)
        if rival.goal is not None:
            kept_by.append(f"{best.there.gateway} is better: {rival.goal.name} by {rival.gain:.6g} ({rival.goal.unit})")
    return replace(found.there, kept_by=kept_by + holds)


def _against(problem: Problem, device: int, verdict: Verdict, request: PlanRequest) -> list[str]:
    """What keeps the planner from a single move of this worth."""
    goal, settings = verdict.goal, request.settings
    if goal is None:
        return ["no goal gains by it"]
    if verdict.gain < 0:
        return [f"{goal.name} would rise by {-verdict.gain:.6g} ({goal.unit})"]
    kept_by = []
    if problem.cooling[device] and problem.start[device] != NOWHERE and not problem.misplaced[device]:
        kept_by.append(f"it moved less than {settings.cooldown_seconds:g} s ago, and moves again only to be rescued")
    if goal.name == "cost":
        if problem.unpaid[device] and problem.start[device] != NOWHERE:
            days = settings.payback_seconds / SECONDS_PER_DAY
            kept_by.append(f"it moved less than {days:g} days ago, and its move has to pay back before it moves for cost alone")
        price, cost = MOVE_PRICE * problem.cost_unit, evaluate(problem, problem.start).cost_per_hour
        if verdict.gain <= price:
            kept_by.append(f"it saves {verdict.gain:.6g} per hour, and a move for cost alone must save more than {price:.6g}")
        least = settings.minimum_benefit_ratio * cost
        if verdict.gain < least:
            kept_by.append(
                f"a plan for cost alone must save {least:.6g} per hour ({settings.minimum_benefit_ratio:.0%} of the site's cost) "
                f"with all its moves; this one saves {verdict.gain:.6g}"
            )
    return kept_by
