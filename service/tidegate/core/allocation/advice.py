"""Capacity advice: what to add where so that everybody is served, now and after any loss. Enough, not least; and checked.

Whoever a loss leaves out gets room at the gateway in reach of most of them, and what several losses need there is needed once, as
they do not happen together. Then the site with the additions is asked again by the planner's own search.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.contracts.ids import GatewayId
from tidegate.contracts.plan import Trigger
from tidegate.contracts.resources import Resources
from tidegate.contracts.studies import Addition, CapacityAdvice, Changes
from tidegate.contracts.topology import MAX_AMOUNT
from tidegate.core.allocation.arrays import NOWHERE, Float64, Int64
from tidegate.core.allocation.filling import complete, fillings
from tidegate.core.allocation.headroom import sweep
from tidegate.core.allocation.model import AllocationView, PlanRequest, question_of
from tidegate.core.allocation.planner import search
from tidegate.core.allocation.problem import Problem, problem_of
from tidegate.core.allocation.rules import Binding
from tidegate.core.allocation.what_if import changed

MAX_STEPS: Final = 60_000
"""Steps of the search over all losses, once as the site stands and once per round with additions."""

_ROUNDS: Final = 2
"""Rounds of adding and asking again; the first is enough unless what was added moves others into the way."""


@dataclass(frozen=True, slots=True)
class _Need:
    """Devices left out while the gateways `lost` are gone; nobody is lost where it is about now."""

    lost: list[int]
    unserved: Int64


@dataclass(frozen=True, slots=True)
class _Asked:
    """How a site fares: what it lacks, and how many losses were not looked at."""

    problem: Problem
    now: _Need
    losses: list[_Need]
    left_out: int

    @property
    def needs(self) -> list[_Need]:
        """All that somebody is left out of."""
        return [each for each in (self.now, *self.losses) if len(each.unserved)]


def advice(view: AllocationView, max_steps: int = MAX_STEPS) -> CapacityAdvice:
    """What to add at the site of `view`; no additions where nobody is left out, or none would help.

    Raises:
        InputError: the site has no topology.
    """
    request = question_of(view)
    first = then = _ask(request, max_steps)
    extra = np.zeros_like(first.problem.capacity)
    for _ in range(_ROUNDS):
        more = _additions(then)
        if not then.needs or not more.any():
            break
        extra = extra + more
        then = _ask(changed(request, Changes(capacity=_capacities(first.problem, extra)), {}), max_steps)
    return CapacityAdvice(
        site=request.site,
        as_of_ms=request.requested_at_ms,
        additions=[Addition(name, _named(first.problem, extra[row])) for row, name in _grown(first.problem, extra)],
        unserved=len(first.now.unserved),
        losses=len(first.needs) - bool(len(first.now.unserved)),
        unserved_then=len(then.now.unserved),
        losses_then=len(then.needs) - bool(len(then.now.unserved)),
        losses_not_computed=then.left_out,
        growth=_growth(first.problem),
        fillings=fillings(view.days, _room(first.problem)),
        days_watched=len(complete(view.days)),
        censored=view.censored,
    )


def _ask(request: PlanRequest, max_steps: int) -> _Asked:
    problem = problem_of(request)
    placement, _ = search(problem, Trigger.UNSERVED_DEVICES, request.settings)
    suffered, left_out = sweep(problem, request, max_steps)
    now = _Need([], np.flatnonzero(placement.gateway == NOWHERE))
    return _Asked(problem, now, [_Need(each.gateways, each.unserved) for each in suffered], len(left_out))


def _additions(asked: _Asked) -> Float64:
    """What each need asks for, the most of all needs by gateway and resource, float64 [gateway, resource]."""
    extra = np.zeros_like(asked.problem.capacity)
    for need in asked.needs:
        extra = np.maximum(extra, _addition(asked.problem, need, extra))
    return extra


def _addition(problem: Problem, need: _Need, so_far: Float64) -> Float64:
    """Room for everybody of `need` who reaches an open gateway: most together, where something is added anyway if equal."""
    reach, extra = problem.reach, np.zeros_like(problem.capacity)
    waiting = np.zeros(len(problem.devices), np.bool_)
    waiting[need.unserved] = True
    links = np.flatnonzero(waiting[reach.device])
    links = links[Binding().allows(problem, so_far, links)]
    shut = problem.closed.copy()
    shut[need.lost] = True
    links = links[~shut[reach.gateway[links]]]
    while len(links):
        takes = np.bincount(reach.gateway[links], minlength=len(problem.gateways))
        gateway = int(np.lexsort((-so_far.sum(axis=1), -takes))[0])
        devices = reach.device[links[reach.gateway[links] == gateway]]
        extra[gateway] += np.where(np.isfinite(problem.capacity[gateway]), problem.demand[devices].sum(axis=0), 0.0)
        waiting[devices] = False
        links = links[waiting[reach.device[links]]]
    return extra


def _grown(problem: Problem, extra: Float64) -> list[tuple[int, GatewayId]]:
    return [(int(row), problem.gateways[row]) for row in np.flatnonzero(extra.any(axis=1))]


def _named(problem: Problem, amounts: Float64) -> Resources:
    return {name: float(amount) for name, amount in zip(problem.resources, amounts, strict=True) if amount > 0}


def _capacities(problem: Problem, extra: Float64) -> dict[GatewayId, Resources]:
    """What gateways would have with `extra`, where that differs."""
    whole = np.minimum(problem.capacity + extra, MAX_AMOUNT)
    return {name: _named(problem, np.where(extra[row] > 0, whole[row], 0.0)) for row, name in _grown(problem, extra)}


def _room(problem: Problem) -> Resources:
    """What the open gateways have together of each resource that is limited."""
    room = problem.capacity[~problem.closed].sum(axis=0)
    return {name: float(amount) for name, amount in zip(problem.resources, room, strict=True) if np.isfinite(amount)}


def _growth(problem: Problem) -> float | None:
    demand, room = problem.demand.sum(axis=0), problem.capacity[~problem.closed].sum(axis=0)
    limited = (demand > 0) & np.isfinite(room)
    return float((room[limited] / demand[limited]).min()) if limited.any() else None
