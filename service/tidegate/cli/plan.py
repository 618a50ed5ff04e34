"""`tidegate plan`: proposals of the planner, and what a person decides about them."""

from typing import Annotated, Final

import typer

from tidegate.cli.asking import (
    COMMAND_EXITS,
    DOOR,
    EXITS,
    NOBODY,
    By,
    Json,
    Key,
    Limit,
    OnlySite,
    Site,
    Token,
    Url,
    Wait,
    Why,
    ask,
    command,
)
from tidegate.cli.output import say, show, table
from tidegate.cli.times import shown_time
from tidegate.cli.wording import counted, effect
from tidegate.contracts.plan import DecisionStatus, Move
from tidegate.contracts.rest import Order
from tidegate.contracts.views import DecisionHistory, DecisionView

app = typer.Typer(no_args_is_help=True, help="Plans: propose, look at, approve, refuse, undo.")

Plan = Annotated[str, typer.Argument(help="Plan id.", show_default=False)]

_LIST: Final = "Example: `tidegate plan list --site plant-7 --status proposed`" + EXITS
_SHOW: Final = "Example: `tidegate plan show plan-4f1d2c`" + EXITS
_PROPOSE: Final = "Example: `tidegate plan propose plant-7 --reason 'before the night shift'`" + COMMAND_EXITS
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
    by: By = NOBODY,
    reason: Why = "",
    key: Key = None,
    wait: Wait = True,
    url: Url = DOOR,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Ask the planner of a site for a plan; it proposes, and nothing moves before somebody approves."""
    command(url, token, as_json, wait, lambda client: client.plans.propose(site, Order(reason, by), key=key))


@app.command(epilog=_APPROVE)
def approve(
    plan: Plan,
    digest: Annotated[str, typer.Argument(help="Digest of the plan you have seen; `show` has it.", show_default=False)],
    by: By = NOBODY,
    reason: Why = "",
    key: Key = None,
    wait: Wait = True,
    url: Url = DOOR,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Approve exactly the plan you have seen, by its digest; it is carried out then."""
    command(url, token, as_json, wait, lambda client: client.plans.approve(plan, digest, issued_by=by, reason=reason, key=key))


@app.command(epilog=_REFUSE)
def refuse(
    plan: Plan,
    by: By = NOBODY,
    reason: Why = "",
    key: Key = None,
    wait: Wait = True,
    url: Url = DOOR,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Refuse a plan that is proposed; it is not carried out."""
    command(url, token, as_json, wait, lambda client: client.plans.refuse(plan, Order(reason, by), key=key))


@app.command(epilog=_UNDO)
def undo(
    plan: Plan,
    by: By = NOBODY,
    reason: Why = "",
    key: Key = None,
    wait: Wait = True,
    url: Url = DOOR,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Return each device of an applied plan to where it was, where nothing newer has moved it since."""
    command(url, token, as_json, wait, lambda client: client.plans.undo(plan, Order(reason, by), key=key))


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
