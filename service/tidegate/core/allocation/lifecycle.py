"""What commands and time do to a plan: submit, approve, refuse, expire."""

from typing import Final

from tidegate.contracts.command import Command
from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.ids import PlanId
from tidegate.contracts.plan import DecisionStatus, Plan, Trigger
from tidegate.core.allocation.approval import missed
from tidegate.core.allocation.carry_out import carry_out
from tidegate.core.allocation.digest import plan_digest
from tidegate.core.allocation.life import Life, left_over
from tidegate.core.allocation.result import AllocationResult
from tidegate.core.allocation.site import Site
from tidegate.core.allocation.waves import is_relief, is_rescue
from tidegate.errors import CommandRefused, InputError

PATIENCE_MS: Final = 45_000
"""Milliseconds of ticks that an answer is waited for: half as long again as the planner's process may take by default."""


def submit(site: Site, command: Command, settings: AllocationSettings, now_ms: int) -> AllocationResult:
    """Take the planner's answer to the request in flight; propose it, and carry it out where no approval is needed.

    A plan without moves says nothing unless somebody asked, or something stays wrong that no move can mend.

    Raises:
        CommandRefused: not the request in flight, not what was asked, expired, or its digest does not match its content.
    """
    plan = _answer(site, command, now_ms)
    site.in_flight = None
    result = AllocationResult()
    life, proposing = Life(site, now_ms, result), Life(site, now_ms, result, command.issued_by, command.id)
    idle = _idle(site, plan, now_ms)
    if idle is not None:
        if left_over(plan) or plan.trigger is Trigger.OPERATOR:
            proposing.propose(plan, idle=True)
            life.close(DecisionStatus.REFUSED, idle)
        return result
    waits = missed(plan, settings, now_ms)
    proposing.propose(plan, f"; waits: {waits}" if waits else "")
    if waits is None and not site.frozen:
        carry_out(life, plan, settings)
    return result


def _idle(site: Site, plan: Plan, now_ms: int) -> str | None:
    """Why `plan` will not be carried out, whoever approves it; None when it may be."""
    if not plan.moves:
        return f"nothing to carry out{left_over(plan)}"
    calm = site.calm(now_ms)
    presses = plan.trigger in site.pressing and (is_rescue(plan) or is_relief(plan))
    if calm is None or presses or plan.trigger is Trigger.OPERATOR:
        return None
    return f"{calm}, and this one brings service to nobody"


def approve(site: Site, command: Command, settings: AllocationSettings, now_ms: int) -> AllocationResult:
    """Carry out the open plan that `command` names by id and digest; a plan that no longer holds is refused, with the difference.

    Raises:
        CommandRefused: no such plan is open, its digest is another, it has expired, or the site is frozen.
    """
    plan = _open_plan(site, command)
    if command.digest != plan.digest:
        raise CommandRefused(
            f"digest {command.digest!r} is not that of plan {plan.id}, {plan.digest!r}", advice="read the plan again"
        )
    if now_ms > plan.expires_at_ms:
        raise CommandRefused(f"plan {plan.id} expired at {plan.expires_at_ms}, it is {now_ms}", advice="ask for a new plan")
    if site.frozen:
        raise CommandRefused(f"site {site.id!r} is frozen: no plan is carried out", advice="thaw it first")
    life = Life(site, now_ms, AllocationResult(), command.issued_by, command.id)
    carry_out(life, plan, settings)
    return life.result


def refuse(site: Site, command: Command, settings: AllocationSettings, now_ms: int) -> AllocationResult:
    """Close the open plan that `command` names, or halt it where it is carried out in waves.

    Raises:
        CommandRefused: no such plan is open or under way.
    """
    life = Life(site, now_ms, AllocationResult(), command.issued_by, command.id)
    if is_under_way(site, command.plan_id):
        life.halt(command.reason or "halted by command", int(settings.cooldown_seconds * 1000))
        return life.result
    _open_plan(site, command)
    life.close(DecisionStatus.REFUSED, command.reason or "refused by command")
    return life.result


def expire(site: Site, now_ms: int, result: AllocationResult) -> None:
    """Close what is past its time: the open plan, and without a fact a request that the planner did not answer.

    A planner that died is asked again after `PATIENCE_MS`; its late answer, should there be one, is refused.
    """
    if site.open is not None and now_ms > site.open.plan.expires_at_ms:
        Life(site, now_ms, result).close(DecisionStatus.EXPIRED, "not approved in time")
    request = site.in_flight
    if request is not None and now_ms > min(request.expires_at_ms, request.requested_at_ms + PATIENCE_MS):
        site.in_flight = None
        site.ask_again(request.trigger)


def _answer(site: Site, command: Command, now_ms: int) -> Plan:
    """The plan of `command`, checked to be the answer to the request in flight."""
    plan, request = command.plan, site.in_flight
    if plan is None:
        raise InputError("command submit-plan needs plan")
    if request is None or request.id != plan.id:
        asked = "none" if request is None else request.id
        raise CommandRefused(f"plan {plan.id} answers no request in flight (in flight: {asked})")
    for name in ("trigger", "requested_at_ms", "expires_at_ms", "topology_revision", "settings_digest"):
        if getattr(plan, name) != getattr(request, name):
            raise CommandRefused(f"plan {plan.id}: {name} is {getattr(plan, name)!r}, asked was {getattr(request, name)!r}")
    if plan.digest != plan_digest(plan):
        raise CommandRefused(f"plan {plan.id}: digest {plan.digest!r} is not that of its content, {plan_digest(plan)!r}")
    if now_ms > plan.expires_at_ms:
        raise CommandRefused(f"plan {plan.id} expired at {plan.expires_at_ms}, it is {now_ms}")
    return plan


def is_under_way(site: Site, plan: PlanId | None) -> bool:
    """Whether `plan` is being carried out in waves, the watch over the last included."""
    return site.rollout is not None and site.rollout.plan.id == plan


def _open_plan(site: Site, command: Command) -> Plan:
    if is_under_way(site, command.plan_id):
        raise CommandRefused(f"plan {command.plan_id} is approved, and carried out in waves", advice="look at its decisions")
    if site.open is None or site.open.plan.id != command.plan_id:
        open_id = "none" if site.open is None else site.open.plan.id
        raise CommandRefused(f"plan {command.plan_id!r} is not open (open: {open_id})", advice="list the decisions")
    return site.open.plan
