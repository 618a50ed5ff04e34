"""Undo: a plan that returns the devices of an applied one to where they were, as far as that is still theirs and possible.

A device goes back only while its epoch is the one that the plan gave it, and only over the same hard rules as any move: a
gateway that is silent, closed or full takes nobody back either. Who was served nowhere before keeps its service.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from tidegate.contracts.command import Command
from tidegate.contracts.ids import DeviceId, PlanId
from tidegate.contracts.plan import DecisionStatus, Kept, KeptBy, Move, Plan, Trigger
from tidegate.core.allocation.applied import Applied, Former
from tidegate.core.allocation.approval import missed
from tidegate.core.allocation.arrays import NOWHERE
from tidegate.core.allocation.carry_out import carry_out
from tidegate.core.allocation.digest import plan_digest
from tidegate.core.allocation.evaluate import evaluate, misplaced
from tidegate.core.allocation.life import Life, in_short
from tidegate.core.allocation.lifecycle import is_under_way
from tidegate.core.allocation.model import Terms
from tidegate.core.allocation.placement import Placement
from tidegate.core.allocation.reasons import stuck
from tidegate.core.allocation.recheck import Walk
from tidegate.core.allocation.result import AllocationResult
from tidegate.core.allocation.site import Site
from tidegate.core.allocation.standing import problem_now
from tidegate.core.identity import fact_id
from tidegate.errors import CommandRefused

SOLVER: Final = "undo/1"
"""Name and version of how the moves were found; a plan's digest binds it."""

_ROUNDS: Final = 3
"""Times that devices without room are tried again after others have left; the reverse of a plan's order rarely needs a second."""


def undo(site: Site, command: Command, terms: Terms) -> AllocationResult:
    """Propose the plan that undoes the one `command` names, and carry it out where no approval is needed.

    What cannot be returned is listed in the plan. With nothing to return it is proposed and refused, to say why. A plan that is
    still carried out in waves is halted first, and what it has moved returned.

    Raises:
        CommandRefused: no such plan is among the last applied ones, nothing of it is left, or the site is frozen.
    """
    if site.frozen:
        raise CommandRefused(f"site {site.id!r} is frozen: no plan is carried out", advice="thaw it first")
    result = AllocationResult()
    life = Life(site, terms.now_ms, result, command.issued_by, command.id)
    if is_under_way(site, command.plan_id):
        life.halt("undone on the way", int(terms.settings.cooldown_seconds * 1000))
    record = _applied(site, command)
    plan = undo_plan(site, record, PlanId(fact_id("plan", site.id, terms.now_ms, command.id)), terms)
    if record.undone_by is not None and all(kept.by is KeptBy.SUPERSEDED for kept in plan.kept) and not plan.moves:
        raise CommandRefused(f"plan {record.plan} was undone by plan {record.undone_by}", advice="nothing of it is left to undo")
    waits = missed(plan, terms.settings, terms.now_ms) if plan.moves else None
    life.propose(plan, f"; waits: {waits}" if waits else "", idle=not plan.moves)
    if not plan.moves:
        life.close(DecisionStatus.REFUSED, f"nothing to carry out: {in_short(plan.kept)}")
    elif waits is None:
        carry_out(life, plan, terms.settings)
    return result


def _applied(site: Site, command: Command) -> Applied:
    record = site.applied.get(command.plan_id)
    if record is not None:
        return record
    if site.open is not None and site.open.plan.id == command.plan_id:
        raise CommandRefused(f"plan {command.plan_id} is not applied, it waits for approval", advice="refuse it instead")
    raise CommandRefused(
        f"plan {command.plan_id!r} is not among the last {len(site.applied.export())} applied plans of site {site.id!r}",
        advice="list the applied plans: GET /v1/decisions?status=applied",
    )


def undo_plan(site: Site, record: Applied, name: PlanId, terms: Terms) -> Plan:
    """The plan that undoes `record` on `site` as it stands, digest included; changes nothing."""
    problem = problem_now(site, terms.settings, terms.now_ms)
    walk = Walk(problem)
    kept = _not_ours(site, record)
    gone = {each.device for each in kept}
    moves, blocked = _returned(walk, site, [former for former in reversed(record.formers) if former.device not in gone], record)
    placement = Placement(problem)
    placement.gateway, placement.load = walk.gateway, walk.load
    plan = Plan(
        id=name,
        site=site.id,
        trigger=Trigger.UNDO,
        requested_at_ms=terms.now_ms,
        expires_at_ms=terms.expires_at_ms,
        topology_revision=site.topology.revision,
        settings_digest=terms.settings_digest,
        solver=SOLVER,
        steps=0,
        random_state=terms.settings.random_state,
        moves=moves,
        unserved=[stuck(placement, int(device)) for device in np.flatnonzero(walk.gateway == NOWHERE)],
        before=evaluate(problem, problem.start),
        after=evaluate(problem, walk.gateway),
        misplaced=[stuck(placement, int(device)) for device in np.flatnonzero(misplaced(problem, walk.gateway))],
        undoes=record.plan,
        kept=kept + blocked,
    )
    return replace(plan, digest=plan_digest(plan))


def _not_ours(site: Site, record: Applied) -> list[Kept]:
    """Devices that something else has moved since."""
    kept = []
    for former in record.formers:
        now = site.assignments.get(former.device)
        if now is None:
            kept.append(Kept(former.device, KeptBy.SUPERSEDED, f"it has left the topology (revision {site.topology.revision})"))
        elif (epoch := site.bound(former.device)[1]) != former.epoch:
            by = f"plan {now.plan_id} has moved it" if now.plan_id is not None else "a new topology has moved it"
            by = by if epoch > former.epoch else "its hand-over was called off"
            kept.append(Kept(former.device, KeptBy.SUPERSEDED, f"{by} since: epoch {epoch}, not {former.epoch}"))
    return kept


def _returned(walk: Walk, site: Site, formers: Sequence[Former], record: Applied) -> tuple[list[Move], list[Kept]]:
    """Moves back in an order that can be carried out, and who cannot go back."""
    moves: list[Move] = []
    obstacles: dict[DeviceId, str] = {}
    waiting = list(formers)
    for _ in range(_ROUNDS):
        obstacles, left = {}, []
        for former in waiting:
            move = _move_back(site, former, record)
            obstacle = "it was served nowhere before" if former.gateway is None else walk.attempt(move)
            if obstacle is None:
                moves.append(move)
            else:
                obstacles[former.device] = obstacle
                left.append(former)
        if len(left) == len(waiting):
            break
        waiting = left
    return moves, [Kept(device, KeptBy.BLOCKED, text) for device, text in obstacles.items()]


def _move_back(site: Site, former: Former, record: Applied) -> Move:
    return Move(
        device=former.device,
        source=site.bound(former.device)[0],
        target=former.gateway,
        epoch=former.epoch,
        grant=former.grant,
        reason=f"returns to {former.gateway}, where it was before plan {record.plan}",
    )
