"""`tidegate plan`: proposals of the planner, and what a person decides about them."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer

from tidegate.cli.asking import DOOR, EXITS, Json, Limit, OnlySite, Site, Token, Url, ask
from tidegate.cli.ordering import COMMAND_EXITS, NOBODY, By, Given, Giving, Key, Wait, Why, command, gives_order
from tidegate.cli.output import say, show, table
from tidegate.cli.site_topology import read_document
from tidegate.cli.times import shown_time
from tidegate.cli.wording import changes_between, counted, effect, number
from tidegate.contracts.codec import from_builtins
from tidegate.contracts.ids import GatewayId
from tidegate.contracts.plan import DecisionStatus, Move
from tidegate.contracts.rest import Order
from tidegate.contracts.studies import Changes, Study, WhyNot, WhyNotThere
from tidegate.contracts.views import DecisionHistory, DecisionView

app = typer.Typer(no_args_is_help=True, help="Plans: propose, ask what if and why not, approve, refuse, undo.")

Plan = Annotated[str, typer.Argument(help="Plan id.", show_default=False)]

_LIST: Final = "Example: `tidegate plan list --site plant-7 --status proposed`" + EXITS
_SHOW: Final = "Example: `tidegate plan show plan-4f1d2c`" + EXITS
_PROPOSE: Final = (
    "Example: `tidegate plan propose plant-7`, or `tidegate plan propose plant-7 --for-real --reason 'before the night shift'`"
    + COMMAND_EXITS
)
_WHAT_IF: Final = "Example: `tidegate plan what-if plant-7 --fail gw-a --scale 1.2`" + EXITS
_WHY_NOT: Final = "Example: `tidegate plan why-not plant-7 pump-1 --gateway gw-b`" + EXITS
_APPROVE: Final = "Example: `tidegate plan approve plan-4f1d2c 9f2c61d0a4b7e8135c6f7a90b1d2e3f4`" + COMMAND_EXITS
_REFUSE: Final = "Example: `tidegate plan refuse plan-4f1d2c --reason 'pump-1 stays'`" + COMMAND_EXITS

_UNDO: Final = "Example: `tidegate plan undo plan-4f1d2c --reason 'gw-b is slower than thought'`" + COMMAND_EXITS

_HEADS: Final = ("plan", "site", "status", "trigger", "proposed", "moves", "unserved", "effect")
_MOVES: Final = ("device", "from", "to", "reason")


@app.command(name="list", epilog=_LIST)
def list_plans(
    site: OnlySite = None,
    status: Annotated[DecisionStatus | None, typer.Option(help="Only plans whose latest fact says this.")] = None,
    limit: Limit = 20,
    url: Url = DOOR,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """List plans as their latest fact left them, the last proposed first."""
    found = ask(url, token, lambda client: client.plans.list(site=site, status=status).first(limit))
    show(found, as_json, lambda: table(_HEADS, map(_row, found), "plan"))


@app.command(name="show", epilog=_SHOW)
def show_plan(plan: Plan, url: Url = DOOR, token: Token = None, as_json: Json = False) -> None:
    """Show a plan with its digest, every move and its reason, and each fact of its life."""
    history = ask(url, token, lambda client: client.plans.get(plan))
    show(history, as_json, lambda: _draw(history))


@app.command(epilog=_PROPOSE)
def propose(
    site: Site,
    dry_run: Annotated[
        bool, typer.Option("--dry-run/--for-real", help="Only look at the plan, or have the worker make it.")
    ] = True,
    by: By = NOBODY,
    reason: Why = "",
    key: Key = None,
    wait: Wait = True,
    url: Url = DOOR,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Show the plan that would be made for a site now; with --for-real ask its worker to make it, for somebody to approve."""
    if not dry_run:
        command(url, token, as_json, wait, lambda client: client.plans.propose(site, Order(reason, by), key=key))
        return
    study = ask(url, token, lambda client: client.studies.dry_run(site))
    show(study, as_json, lambda: _draw_study(study))


@app.command(name="what-if", epilog=_WHAT_IF)
def what_if(
    site: Site,
    fail: Annotated[list[str] | None, typer.Option(help="A gateway that dies; repeat for several.")] = None,
    drain: Annotated[list[str] | None, typer.Option(help="A gateway that is emptied; repeat for several.")] = None,
    cordon: Annotated[list[str] | None, typer.Option(help="A gateway that gets no more devices; repeat for several.")] = None,
    replaced: Annotated[
        list[str] | None, typer.Option("--replace", help="`OLD=NEW`: a gateway and its successor; repeat for several.")
    ] = None,
    scale: Annotated[float, typer.Option(min=0, help="Factor of every device's demand.")] = 1.0,
    file: Annotated[Path | None, typer.Option(help="Changes as JSON or YAML, with everything that REST takes.")] = None,
    url: Url = DOOR,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Show the plan that would be made if something were different. Changes nothing."""
    changes = Changes() if file is None else from_builtins(read_document(file), Changes)
    changes = replace(
        changes,
        fail=[*changes.fail, *map(GatewayId, fail or [])],
        drain=[*changes.drain, *map(GatewayId, drain or [])],
        cordon=[*changes.cordon, *map(GatewayId, cordon or [])],
        replace=changes.replace | _successors(replaced or []),
        scale=changes.scale * scale,
    )
    study = ask(url, token, lambda client: client.studies.what_if(site, changes))
    show(study, as_json, lambda: _draw_study(study))


def _successors(pairs: list[str]) -> dict[GatewayId, GatewayId]:
    """Gateways and their successors, of pairs as `OLD=NEW`."""
    split = [pair.split("=") for pair in pairs]
    if not all(len(names) == 2 and all(names) for names in split):
        raise typer.BadParameter("write OLD=NEW, such as gw-a=gw-b", param_hint="--replace")
    return {GatewayId(old): GatewayId(new) for old, new in split}


@app.command(name="why-not", epilog=_WHY_NOT)
def why_not(
    site: Site,
    device: Annotated[str, typer.Argument(help="Device id.", show_default=False)],
    gateway: Annotated[str | None, typer.Option(help="Only this gateway.")] = None,
    url: Url = DOOR,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Say why a device is not served by another gateway: what forbids it, or what keeps the planner from it."""
    found = ask(url, token, lambda client: client.studies.why_not(site, device, gateway))
    show(found, as_json, lambda: _draw_why_not(found))


@app.command(epilog=_APPROVE)
@gives_order
def approve(
    given: Given,
    plan: Plan,
    digest: Annotated[str, typer.Argument(help="Digest of the plan you have seen; `show` has it.", show_default=False)],
) -> Giving:
    """Approve exactly the plan you have seen, by its digest; it is carried out then."""
    return lambda client: client.plans.approve(plan, digest, issued_by=given.by, reason=given.reason, key=given.key)


@app.command(epilog=_REFUSE)
@gives_order
def refuse(given: Given, plan: Plan) -> Giving:
    """Refuse a plan that is proposed: it is not carried out. One that is carried out in waves is halted."""
    return lambda client: client.plans.refuse(plan, given.order, key=given.key)


@app.command(epilog=_UNDO)
@gives_order
def undo(given: Given, plan: Plan) -> Giving:
    """Return each device of an applied plan to where it was, where nothing newer has moved it since."""
    return lambda client: client.plans.undo(plan, given.order, key=given.key)


def _row(view: DecisionView) -> tuple[object, ...]:
    time = shown_time(view.proposed_at_ms)
    return view.plan_id, view.site, view.status, view.trigger, time, view.move_count, view.unserved_count, effect(view)


def _draw(history: DecisionHistory) -> None:
    view = history.decision
    say(f"plan      {view.plan_id} of site {view.site}, {view.trigger}")
    say(f"digest    {view.digest}")
    say(f"effect    {counted(view.move_count, 'move')}, {counted(view.unserved_count, 'device')} unserved: {effect(view)}")
    for fact in history.facts:
        say(f"{fact.status:<9} {shown_time(fact.decided_at_ms)} by {fact.decided_by}: {fact.reason}")
    if history.plan is not None:
        table(_MOVES, map(_move, history.plan.moves), "move")


def _move(move: Move) -> tuple[object, ...]:
    return move.device, move.source, move.target, move.reason


def _draw_study(study: Study) -> None:
    say(f"now       {changes_between(study.now, study.plan.before)}")
    say(f"plan      {counted(len(study.plan.moves), 'move')}: {changes_between(study.plan.before, study.plan.after)}")
    for hold in study.holds:
        say(f"holds     {hold}")
    for each in study.plan.unserved:
        say(f"unserved  {each.device}: {each.reason}")
    table(_MOVES, map(_move, study.plan.moves), "move")


def _draw_why_not(found: WhyNot) -> None:
    say(f"{found.device} is served by {found.assigned_to or 'nobody'}")
    for hold in found.holds:
        say(f"holds     {hold}")
    table(("gateway", "may it", "gains", "kept by"), map(_reason_row, found.gateways), "gateway")


def _reason_row(each: WhyNotThere) -> tuple[object, ...]:
    may = "is there" if each.is_there else each.refusal or "yes"
    gains = ", ".join(f"{name} {number(value)}" for name, value in each.gains.items() if value)
    return each.gateway, may, gains or None, "; ".join(each.kept_by) or None
