"""`tidegate site`: sites, their topology, and what an operator asks of them."""

from typing import Annotated, Final

import typer

from tidegate.cli import site_maintenance, site_topology
from tidegate.cli.asking import DOOR, EXITS, Json, Limit, Site, Token, Url, ask
from tidegate.cli.ordering import COMMAND_EXITS, Given, Giving, gives_order
from tidegate.cli.output import say, show, table
from tidegate.cli.wording import states
from tidegate.client import TidegateClient
from tidegate.contracts.plan import Assignment
from tidegate.contracts.studies import CapacityAdvice, Headroom, Loss
from tidegate.contracts.views import GatewayView, SiteView

app = typer.Typer(no_args_is_help=True, help="Sites: topology, orders to gateways, freeze and kill switch, who serves whom.")
app.add_typer(site_topology.app, name="topology")
app.add_typer(site_maintenance.app, name="maintenance")

Gateway = Annotated[str, typer.Argument(help="Gateway id.", show_default=False)]

_REPLACE: Final = f"Example: `tidegate site replace plant-7 gw-a gw-b --reason 'new hardware'`{COMMAND_EXITS}"
_LIST: Final = "Example: `tidegate site list --json`" + EXITS
_SHOW: Final = "Example: `tidegate site show plant-7`" + EXITS
_HEADROOM: Final = "Example: `tidegate site headroom plant-7`" + EXITS
_ADVICE: Final = "Example: `tidegate site capacity-advice plant-7`" + EXITS
_LOSS_HEADS: Final = ("gateways", "failure domain", "devices", "moved", "unserved", "outcome", "short", "overload")
_ASSIGNMENTS: Final = "Example: `tidegate site assignments plant-7 --gateway gw-a`" + EXITS


@app.command(name="list", epilog=_LIST)
def list_sites(url: Url = DOOR, token: Token = None, as_json: Json = False) -> None:
    """List every site that a reading or a topology was seen of."""
    sites = ask(url, token, lambda client: client.sites.list())
    show(sites, as_json, lambda: table(_SITE_HEADS, map(_site_row, sites), "site"))


@app.command(name="show", epilog=_SHOW)
def show_site(site: Site, url: Url = DOOR, token: Token = None, as_json: Json = False) -> None:
    """Show a site in numbers, what holds its plans back, and its gateways as they stand."""
    view, gateways = ask(url, token, lambda client: _site(client, site))
    show({"site": view, "gateways": gateways}, as_json, lambda: _draw(view, gateways))


@app.command(epilog=_ASSIGNMENTS)
def assignments(
    site: Site,
    gateway: Annotated[str | None, typer.Option(help="Only what this gateway serves.")] = None,
    limit: Limit = 1000,
    url: Url = DOOR,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """List which gateway serves each device, with what, since which plan."""

    async def asking(client: TidegateClient) -> list[Assignment]:
        every = client.assignments
        return await (every.of_site(site) if gateway is None else every.of_gateway(gateway, site=site)).first(limit)

    found = ask(url, token, asking)
    show(found, as_json, lambda: table(_ASSIGNMENT_HEADS, map(_assignment_row, found), "assignment"))


@app.command(epilog=_HEADROOM)
def headroom(site: Site, url: Url = DOOR, token: Token = None, as_json: Json = False) -> None:
    """Say who would stay without service if a gateway, or a failure domain, died now; the worst first."""
    found = ask(url, token, lambda client: client.studies.headroom(site))
    show(found, as_json, lambda: _losses(found))


@app.command(name="capacity-advice", epilog=_ADVICE)
def capacity_advice(site: Site, url: Url = DOOR, token: Token = None, as_json: Json = False) -> None:
    """Say what to add where so that everybody is served, also after the loss of any gateway or failure domain."""
    found = ask(url, token, lambda client: client.studies.capacity_advice(site))
    show(found, as_json, lambda: _advice(found))


def _advice(found: CapacityAdvice) -> None:
    if found.growth is not None:
        say(f"full at the latest when demand is {found.growth:.3g} times today's")
    for filling in found.fillings:
        line = f"{filling.resource} grows by {filling.per_day:.3g} a day and fills up in about {filling.days:.0f} days"
        say(f"{line} ({filling.soonest:.0f} to {filling.latest:.0f}, by {found.days_watched} days)")
    if not found.fillings:
        say("days until full: no growth is sure" if found.days_watched else "days until full: not enough days seen yet")
    say(f"without a place: {found.unserved:,} now, {found.unserved_then:,} with the additions")
    say(f"losses that leave somebody out: {found.losses:,} now, {found.losses_then:,} with the additions")
    if found.losses_not_computed:
        say(f"losses not computed: {found.losses_not_computed:,}")
    for name, devices in found.censored.items():
        say(f"at least: {devices:,} devices use all the {name} they are given, and may need more")
    rows = [(each.gateway, name, f"{amount:g}") for each in found.additions for name, amount in each.resources.items()]
    table(("gateway", "resource", "add"), rows, "addition")


def _losses(found: Headroom) -> None:
    say(f"without service now: {found.unserved_now:,}")
    for each in found.not_computed:
        say(f"not computed: {each}")
    table(_LOSS_HEADS, map(_loss_row, found.losses), "loss")


def _loss_row(each: Loss) -> tuple[object, ...]:
    short = ", ".join(f"{name} {amount:g}" for name, amount in each.short.items())
    numbers = each.devices, each.moved, each.unserved
    return ", ".join(each.gateways), each.failure_domain, *numbers, each.outcome.value, short, f"{each.overload:g}"


def _order(name: str, text: str) -> None:
    """Add the command `name`, which gives a gateway the order of that name."""

    @app.command(name=name, help=text, epilog=f"Example: `tidegate site {name} plant-7 gw-a --reason firmware`{COMMAND_EXITS}")
    @gives_order
    def give(given: Given, site: Site, gateway: Gateway) -> Giving:
        return lambda client: getattr(client.orders, name)(site, gateway, given.order, key=given.key)


def _switch(name: str, text: str) -> None:
    """Add the command `name`, which turns something on or off at a whole site."""

    @app.command(name=name, help=text, epilog=f"Example: `tidegate site {name} plant-7 --reason 'stock taking'`{COMMAND_EXITS}")
    @gives_order
    def give(given: Given, site: Site) -> Giving:
        return lambda client: getattr(client.orders, name)(site, given.order, key=given.key)


_order("drain", "Move every device off a gateway, and give it no new ones.")


@app.command(name="replace", epilog=_REPLACE)
@gives_order
def replace(
    given: Given,
    site: Site,
    gateway: Gateway,
    successor: Annotated[str, typer.Argument(help="The gateway that takes its devices.", show_default=False)],
) -> Giving:
    """Move every device off a gateway to its successor, those that cannot go there elsewhere, and give it no new ones."""
    return lambda client: client.orders.replace(site, gateway, successor, given.order, key=given.key)


_order("decommission", "Move every device off a gateway and close it for good; a decision says when it is empty.")
_order("recommission", "Take a decommissioned gateway back into use.")
_order("cordon", "Give a gateway no new devices; those it serves stay.")
_order("uncordon", "Take back drain, replace or cordon.")
_switch("freeze", "Move nothing at a site until thaw, but for what is broken.")
_switch("thaw", "Take back freeze.")
_switch("stop", "The kill switch: decide nothing about allocation at a site until resume.")
_switch("resume", "Take back stop.")

_SITE_HEADS: Final = ("site", "topology", "gateways", "devices", "holds")
_GATEWAY_HEADS: Final = ("gateway", "devices", "at their limit", "granted less", "health", "orders")
_ASSIGNMENT_HEADS: Final = ("device", "gateway", "epoch", "phase", "plan", "grant", "reason")


async def _site(client: TidegateClient, site: str) -> tuple[SiteView, list[GatewayView]]:
    return await client.sites.get(site), list(await client.sites.gateways(site))


def _site_row(view: SiteView) -> tuple[object, ...]:
    return view.site, view.topology_revision, view.gateways, states(view.devices), "; ".join(view.holds) or None


def _draw(view: SiteView, gateways: list[GatewayView]) -> None:
    say(f"site      {view.site}")
    say(f"topology  {'none' if view.topology_revision is None else f'revision {view.topology_revision}'}")
    say(f"devices   {states(view.devices)}")
    for hold in view.holds:
        say(f"holds     {hold}")
    if view.unplaced:
        say(f"unplaced  {', '.join(view.unplaced)}")
    table(_GATEWAY_HEADS, map(_gateway_row, gateways), "gateway")


def _gateway_row(view: GatewayView) -> tuple[object, ...]:
    given = {
        "drain": view.draining and view.replaced_by is None and not view.decommissioned,
        f"replaced by {view.replaced_by}": view.replaced_by is not None,
        f"decommissioned{', empty' if view.empty_since_ms is not None else ''}": view.decommissioned,
        "cordon": view.cordoned,
    }
    orders = [name for name, stands in given.items() if stands]
    health = "silent" if view.silent else view.suspected_of or None
    return view.gateway, view.devices, view.censored, view.short, health, ", ".join(orders) or None


def _assignment_row(each: Assignment) -> tuple[object, ...]:
    grant = ", ".join(f"{name} {amount:g}" for name, amount in sorted(each.grant.items()))
    return each.device, each.gateway, each.epoch, each.phase, each.plan_id, grant, each.reason
