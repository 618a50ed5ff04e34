"""N-1: who would stay without service if a gateway, or all of a failure domain, died now, and whether that is proven.

Within one budget of steps for all losses together: first, for many losses side by side (`worlds`), whether there is room for the
devices as they come (`rehousing`). Where not, a bound on what any plan could do (`shortage`); of a crowd that it proves to be too
many, `triage` says how many, which is a few more than the planner's own search would leave out: 3 % after the loss of a quarter
of a site (measured). All others are searched as a plan would be.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from tidegate.contracts.ids import DeviceId, GatewayId
from tidegate.contracts.plan import Trigger
from tidegate.contracts.resources import Resources
from tidegate.contracts.studies import Headroom, Loss, LossOutcome
from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.allocation.construct import CROWD
from tidegate.core.allocation.evaluate import overload
from tidegate.core.allocation.model import AllocationView, PlanRequest, question_of
from tidegate.core.allocation.placement import Placement, loads
from tidegate.core.allocation.planner import search
from tidegate.core.allocation.problem import Problem, after_loss, problem_of
from tidegate.core.allocation.rehousing import homeless, sizes_of
from tidegate.core.allocation.shortage import ITERATIONS, surely_unserved
from tidegate.core.allocation.trail import DEVICES_PER_STEP, Trail
from tidegate.core.allocation.triage import triage
from tidegate.core.allocation.worlds import worlds_of

MAX_STEPS: Final = 100_000
"""Steps of the search over all losses: about five seconds (45 µs each, see `trail`)."""

MOST_TOGETHER: Final = 1 << 22
"""Loads of gateways (losses × gateways × resources) that are looked at together: 32 MiB."""

NO_LIMIT: Final = 1 << 62
"""Steps that are not counted: those of a first look."""

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
    """What each loss would leave unserved, worst first; looked at as `sweep` says.

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
    """Every loss that `max_steps` suffice for, and the names of the others: domains before gateways, the fullest first."""
    site, suffered, left_out, spent = _site_of(problem), list[Suffered](), list[str](), 0
    for batch in _batches(site, request):
        first = _first_look(site, batch) if spent < max_steps else []
        for number, lost in enumerate(batch):
            if spent >= max_steps:
                left_out.append(lost.domain or problem.gateways[lost.gateways[0]])
                continue
            found, steps = _loss(site, request, lost, first[number], max_steps - spent)
            suffered.append(found)
            spent += steps
    return suffered, left_out


@dataclass(frozen=True, slots=True)
class _Site:
    """What is the same for every loss: loads of now, the devices by gateway, their sizes, and gateways that are over capacity."""

    problem: Problem
    load: Float64
    residents: list[Int64]
    size: Float64
    over: Bool


def _site_of(problem: Problem) -> _Site:
    order = np.argsort(problem.start, kind="stable")
    ends = np.searchsorted(problem.start[order], np.arange(len(problem.gateways) + 1))
    load = loads(problem, problem.start)
    residents = [order[a:b] for a, b in pairwise(ends)]
    return _Site(problem, load, residents, sizes_of(problem), np.asarray(overload(problem, load).any(axis=1)))


def _batches(site: _Site, request: PlanRequest) -> Iterator[list[_Lost]]:
    """Each failure domain of several living gateways, then each living gateway; those of the most devices first.

    None of a batch has a gateway in common with another, and no batch is too large to be looked at together.
    """
    problem, domains = site.problem, defaultdict[str, list[int]](list)
    living = np.flatnonzero(~problem.dead).tolist()
    for index in living:
        domain = request.topology.gateways[index].failure_domain
        if domain is not None:
            domains[domain].append(index)
    together = [_Lost(name, members) for name, members in domains.items() if len(members) > 1]
    most = max(1, MOST_TOGETHER // max(1, problem.capacity.size))
    for losses in (together, [_Lost(None, [index]) for index in living]):
        losses.sort(key=lambda lost: -sum(len(site.residents[gateway]) for gateway in lost.gateways))
        yield from (losses[start : start + most] for start in range(0, len(losses), most))


def _first_look(site: _Site, batch: list[_Lost]) -> list[Int64]:
    """Of each loss the devices that a quick placing leaves out: for all if it can be, for as many as can be if not."""
    worlds = worlds_of(site.problem, site.load, [lost.gateways for lost in batch])
    left = np.bincount(worlds.of_device[homeless(worlds, site.size)], minlength=len(batch))
    found = [np.empty(0, np.int64)] * len(batch)
    failed = np.flatnonzero(left)
    if len(failed):
        worlds = worlds_of(site.problem, site.load, [batch[world].gateways for world in failed])
        placement = Placement(worlds.problem)
        placement.load = worlds.load
        tie_break = np.arange(len(worlds.problem.gateways))
        triage(placement, Trail(NO_LIMIT, NO_LIMIT), worlds.devices, tie_break)
        unserved = worlds.devices[placement.gateway[worlds.devices] == NOWHERE]
        for number, world in enumerate(failed):
            found[world] = unserved[worlds.of_device[unserved] == number]
    return found


def _loss(site: _Site, request: PlanRequest, lost: _Lost, unserved: Int64, max_steps: int) -> tuple[Suffered, int]:
    """What the loss comes to, of which a first look left `unserved`, and the steps that took."""
    problem, devices = site.problem, np.concatenate([site.residents[gateway] for gateway in lost.gateways])
    dead: Bool = np.zeros(len(problem.gateways), np.bool_)
    dead[lost.gateways] = True
    steps = 1 + len(devices) // DEVICES_PER_STEP
    if not len(unserved) and not site.over[~dead].any():
        return Suffered(_said(problem, lost, devices, unserved), lost.gateways, unserved), steps
    after, served = after_loss(problem, dead), np.flatnonzero(problem.start != NOWHERE)
    if len(unserved) >= CROWD and not site.over[~dead].any():
        surely = surely_unserved(after, served, len(unserved))
        steps += ITERATIONS * len(served) // DEVICES_PER_STEP
        if surely:
            return Suffered(_proven(_said(problem, lost, devices, unserved), surely), lost.gateways, unserved), steps
    settings = replace(request.settings, planner_steps=min(request.settings.planner_steps, max(1, max_steps)))
    placement, trail = search(after, Trigger.GATEWAY_DOWN, settings)
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
    return Suffered(_proven(found, surely), lost.gateways, unserved), steps + ITERATIONS * len(served) // DEVICES_PER_STEP


def _proven(loss: Loss, surely: int) -> Loss:
    outcome = LossOutcome.PROVEN_UNPLACEABLE if surely else LossOutcome.REPAIR_FAILED
    return replace(loss, outcome=outcome, surely_unserved=surely)


def _said(problem: Problem, lost: _Lost, devices: Int64, unserved: Int64) -> Loss:
    """A loss after which `devices` of the lost move and `unserved` are without a gateway."""
    return Loss(
        gateways=[GatewayId(problem.gateways[index]) for index in lost.gateways],
        failure_domain=lost.domain,
        devices=len(devices),
        moved=len(devices) - len(unserved),
        unserved=len(unserved),
        named=[DeviceId(problem.devices[index]) for index in unserved[:MAX_NAMED]],
        overload=0.0,
        short=_short(problem, unserved),
    )


def _short(problem: Problem, unserved: Int64) -> Resources:
    """What the unserved need together, by resource; empty when nobody is."""
    totals = problem.demand[unserved].sum(axis=0)
    return {name: float(total) for name, total in zip(problem.resources, totals, strict=True) if total > 0}
