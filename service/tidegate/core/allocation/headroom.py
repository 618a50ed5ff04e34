"""N-1: who would stay without service if a gateway, or all of a failure domain, died now, and whether that is proven.

Loss by loss, within one budget of steps for all of them together: first whether there is room for the devices as they come
(`rehousing`), then the planner's own search, and where that leaves anybody out, a bound on what any plan could do (`shortage`).
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tidegate.contracts.ids import DeviceId, GatewayId
from tidegate.contracts.plan import Trigger
from tidegate.contracts.resources import Resources
from tidegate.contracts.studies import Headroom, Loss, LossOutcome
from tidegate.core.allocation.arrays import NOWHERE, Bool, Int64
from tidegate.core.allocation.evaluate import overload
from tidegate.core.allocation.model import AllocationView, PlanRequest, question_of
from tidegate.core.allocation.planner import search
from tidegate.core.allocation.problem import Problem, after_loss, problem_of
from tidegate.core.allocation.rehousing import Houses, houses_of, rehoused, residents_of
from tidegate.core.allocation.shortage import ITERATIONS, surely_unserved
from tidegate.core.allocation.trail import DEVICES_PER_STEP

MAX_STEPS: Final = 100_000
"""Steps of the search over all losses: about five seconds (45 µs each, see `trail`)."""

MAX_NAMED: Final = 20
"""Unserved devices named per loss."""


@dataclass(frozen=True, slots=True)
class _Lost:
    """Gateways that die together; `domain` is None for one alone."""

    domain: str | None
    gateways: list[int]


@dataclass(frozen=True, slots=True)
class Suffered:
    """A loss with the indices behind its names: the `gateways` lost, and the devices that it leaves `unserved`."""

    loss: Loss
    gateways: list[int]
    unserved: Int64


def headroom(view: AllocationView, max_steps: int = MAX_STEPS) -> Headroom:
    """What each loss would leave unserved, worst first; losses of the fullest gateways are looked at first.

    Losses that come after `max_steps` are not computed. `computed_at_ms` is the caller's to say.

    Raises:
        InputError: the site has no topology.
    """
    request = question_of(view)
    problem = problem_of(request)
    suffered, left_out = sweep(problem, request, max_steps)
    return Headroom(
        site=request.site,
        as_of_ms=request.requested_at_ms,
        computed_at_ms=0,
        unserved_now=int((problem.start == NOWHERE).sum()),
        losses=sorted((each.loss for each in suffered), key=lambda loss: (-loss.unserved, -loss.devices, loss.gateways)),
        not_computed=left_out,
    )


def sweep(problem: Problem, request: PlanRequest, max_steps: int) -> tuple[list[Suffered], list[str]]:
    """Every loss that `max_steps` suffice for, those of the most devices first, and the names of the others."""
    houses, suffered, left_out, spent = houses_of(problem), list[Suffered](), list[str](), 0
    for lost in _losses(houses, request):
        if spent >= max_steps:
            left_out.append(lost.domain or problem.gateways[lost.gateways[0]])
            continue
        found, steps = _loss(houses, request, lost, max_steps - spent)
        suffered.append(found)
        spent += steps
    return suffered, left_out


def _losses(houses: Houses, request: PlanRequest) -> list[_Lost]:
    """Each living gateway, and each failure domain of several, by how many devices they serve, most first."""
    problem, domains = houses.problem, defaultdict[str, list[int]](list)
    living = [index for index in range(len(problem.gateways)) if not problem.dead[index]]
    for index in living:
        domain = request.topology.gateways[index].failure_domain
        if domain is not None:
            domains[domain].append(index)
    losses = [_Lost(None, [index]) for index in living]
    losses += [_Lost(name, members) for name, members in domains.items() if len(members) > 1]
    return sorted(losses, key=lambda lost: -len(residents_of(houses, lost.gateways)))


def _loss(houses: Houses, request: PlanRequest, lost: _Lost, max_steps: int) -> tuple[Suffered, int]:
    """What the loss comes to, and the steps that took."""
    problem, devices = houses.problem, residents_of(houses, lost.gateways)
    dead: Bool = np.zeros(len(problem.gateways), np.bool_)
    dead[lost.gateways] = True
    steps = 1 + len(devices) // DEVICES_PER_STEP
    staying = np.where(dead[:, None], 0.0, houses.load)
    if not overload(problem, staying).any() and rehoused(houses, lost.gateways):
        nobody = np.empty(0, np.int64)
        return Suffered(_said(problem, lost, devices, nobody), lost.gateways, nobody), steps
    after = after_loss(problem, dead)
    settings = replace(request.settings, planner_steps=min(request.settings.planner_steps, max(1, max_steps)))
    placement, trail = search(after, Trigger.GATEWAY_DOWN, settings)
    served = np.flatnonzero(problem.start != NOWHERE)
    unserved = served[placement.gateway[served] == NOWHERE]
    found = replace(
        _said(problem, lost, devices, unserved),
        moved=int((placement.gateway[devices] != NOWHERE).sum()),
        overload=float(overload(after, placement.load).sum()),
    )
    steps += trail.spent
    if not len(unserved):
        return Suffered(found, lost.gateways, unserved), steps
    surely = surely_unserved(after, served, len(unserved))
    outcome = LossOutcome.PROVEN_UNPLACEABLE if surely else LossOutcome.REPAIR_FAILED
    found = replace(found, outcome=outcome, surely_unserved=surely)
    return Suffered(found, lost.gateways, unserved), steps + ITERATIONS * len(served) // DEVICES_PER_STEP


def _said(problem: Problem, lost: _Lost, devices: Int64, unserved: Int64) -> Loss:
    """A loss after which `devices` of the lost move and `unserved` are without a gateway."""
    return Loss(
        gateways=[GatewayId(problem.gateways[index]) for index in lost.gateways],
        failure_domain=lost.domain,
        devices=len(devices),
        moved=len(devices),
        unserved=len(unserved),
        named=[DeviceId(problem.devices[index]) for index in unserved[:MAX_NAMED]],
        overload=0.0,
        short=_short(problem, unserved),
    )


def _short(problem: Problem, unserved: Int64) -> Resources:
    """What the unserved need together, by resource; empty when nobody is."""
    totals = problem.demand[unserved].sum(axis=0)
    return {name: float(total) for name, total in zip(problem.resources, totals, strict=True) if total > 0}
