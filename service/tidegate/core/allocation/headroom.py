"""N-1: who would stay without service if a gateway, or all of a failure domain, died now.

The planner's own rescue answers, loss by loss, within one budget of steps for all of them together.
"""

from collections import defaultdict
from dataclasses import replace
from typing import Final

import numpy as np

from tidegate.contracts.ids import DeviceId, GatewayId
from tidegate.contracts.plan import Trigger
from tidegate.contracts.studies import Headroom, Loss
from tidegate.core.allocation.arrays import NOWHERE, Bool
from tidegate.core.allocation.evaluate import overload
from tidegate.core.allocation.model import AllocationView, PlanRequest, question_of
from tidegate.core.allocation.planner import search
from tidegate.core.allocation.problem import Problem, after_loss, problem_of

MAX_STEPS: Final = 100_000
"""Steps of the search over all losses: about five seconds (45 µs each, see `trail`)."""

MAX_NAMED: Final = 20
"""Unserved devices named per loss."""


def headroom(view: AllocationView, max_steps: int = MAX_STEPS) -> Headroom:
    """What each loss would leave unserved, worst first; losses of the fullest gateways are looked at first.

    Losses that come after `max_steps` are not computed. `computed_at_ms` is the caller's to say.

    Raises:
        InputError: the site has no topology.
    """
    request = question_of(view)
    problem = problem_of(request)
    losses, left_out, spent = [], [], 0
    for domain, gateways in _losses(problem, request):
        if spent >= max_steps:
            left_out.append(domain or problem.gateways[gateways[0]])
            continue
        found, steps = _loss(problem, request, gateways, domain, max_steps - spent)
        losses.append(found)
        spent += steps
    return Headroom(
        site=request.site,
        as_of_ms=request.requested_at_ms,
        computed_at_ms=0,
        unserved_now=int((problem.start == NOWHERE).sum()),
        losses=sorted(losses, key=lambda loss: (-loss.unserved, -loss.devices, loss.gateways)),
        not_computed=left_out,
    )


def _losses(problem: Problem, request: PlanRequest) -> list[tuple[str | None, list[int]]]:
    """Each living gateway, and each failure domain of several, by how many devices they serve, most first."""
    domains: dict[str, list[int]] = defaultdict(list)
    living = [index for index in range(len(problem.gateways)) if not problem.dead[index]]
    for index in living:
        domain = request.topology.gateways[index].failure_domain
        if domain is not None:
            domains[domain].append(index)
    losses: list[tuple[str | None, list[int]]] = [(None, [index]) for index in living]
    losses += [(name, members) for name, members in domains.items() if len(members) > 1]
    served = np.bincount(problem.start[problem.start != NOWHERE], minlength=len(problem.gateways))
    return sorted(losses, key=lambda loss: -int(served[loss[1]].sum()))


def _loss(problem: Problem, request: PlanRequest, gateways: list[int], domain: str | None, max_steps: int) -> tuple[Loss, int]:
    lost: Bool = np.zeros(len(problem.gateways), np.bool_)
    lost[gateways] = True
    after = after_loss(problem, lost)
    settings = replace(request.settings, planner_steps=min(request.settings.planner_steps, max(1, max_steps)))
    placement, trail = search(after, Trigger.GATEWAY_DOWN, settings)
    unserved = np.flatnonzero((placement.gateway == NOWHERE) & (problem.start != NOWHERE))
    theirs = np.isin(problem.start, gateways)
    loss = Loss(
        gateways=[GatewayId(problem.gateways[index]) for index in gateways],
        failure_domain=domain,
        devices=int(theirs.sum()),
        moved=int((theirs & (placement.gateway != NOWHERE)).sum()),
        unserved=len(unserved),
        named=[DeviceId(problem.devices[index]) for index in unserved[:MAX_NAMED]],
        overload=float(overload(after, placement.load).sum()),
    )
    return loss, trail.spent
