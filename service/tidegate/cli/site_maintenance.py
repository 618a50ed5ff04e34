"""`tidegate site maintenance`: when no anomaly is to open, because somebody is at work."""

from typing import Annotated, Final

import typer

from tidegate.cli.asking import DOOR, EXITS, Json, Limit, Site, Token, Url, ask
from tidegate.cli.ordering import COMMAND_EXITS, Given, Giving, gives_order
from tidegate.cli.output import show, table
from tidegate.cli.times import given_time, later_time, shown_time
from tidegate.contracts.ids import DeviceId, GatewayId
from tidegate.contracts.maintenance import MaintenanceView, WindowId
from tidegate.contracts.rest import MaintenanceRequest

app = typer.Typer(no_args_is_help=True, help="Maintenance windows of a site: list, declare, cancel.")

_LIST: Final = "Example: `tidegate site maintenance list plant-7`" + EXITS
_DECLARE: Final = (
    "Example: `tidegate site maintenance declare plant-7 --until +2h --device pump-1 --reason 'bearing change'`" + COMMAND_EXITS
)
_CANCEL: Final = "Example: `tidegate site maintenance cancel plant-7 bearing-change`" + COMMAND_EXITS

_HEADS: Final = ("window", "from", "until", "devices", "weekly until", "declared by", "cancelled", "reason")


@app.command(name="list", epilog=_LIST)
def list_windows(
    site: Site,
    at: Annotated[str | None, typer.Option(help="Only those in force then: 2026-01-31T12:00:00Z, or 2h ago.")] = None,
    limit: Limit = 100,
    url: Url = DOOR,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """List the windows of a site; past and cancelled ones as far as they are kept."""
    found = ask(url, token, lambda client: client.maintenance.list(site, at_ms=given_time(at)).first(limit))
    show(found, as_json, lambda: table(_HEADS, map(_row, found), "window"))


@app.command(epilog=_DECLARE)
@gives_order
def declare(
    given: Given,
    site: Site,
    until: Annotated[str, typer.Option(help="When it ends: 2026-01-31T12:00:00Z, or +90m, +2h, +7d from now.")],
    start: Annotated[str, typer.Option("--from", help="When it begins; default now.")] = "+0s",
    window: Annotated[str | None, typer.Option("--id", help="Id of the window; one that is known is replaced.")] = None,
    device: Annotated[list[str] | None, typer.Option(help="A device it is for; repeat for several.")] = None,
    gateway: Annotated[str | None, typer.Option(help="The gateway whose devices it is for. Default: the whole site.")] = None,
    weekly_until: Annotated[str | None, typer.Option(help="It comes again every week until then.")] = None,
) -> Giving:
    """Let no anomaly open for some devices, a gateway's, or a whole site's, while somebody is at work there."""
    wanted = MaintenanceRequest(
        from_ms=later_time(start),
        until_ms=later_time(until),
        id=None if window is None else WindowId(window),
        reason=given.reason,
        devices=[DeviceId(each) for each in device or []],
        gateway=None if gateway is None else GatewayId(gateway),
        weekly_until_ms=None if weekly_until is None else later_time(weekly_until),
        issued_by=given.by,
    )
    return lambda client: client.maintenance.declare(site, wanted, key=given.key)


@app.command(epilog=_CANCEL)
@gives_order
def cancel(
    given: Given, site: Site, window: Annotated[str, typer.Argument(help="Id of the window.", show_default=False)]
) -> Giving:
    """Call a window off; anomalies open again from then on."""
    return lambda client: client.maintenance.cancel(site, window, order=given.order, key=given.key)


def _row(view: MaintenanceView) -> tuple[object, ...]:
    window = view.window
    whose = ", ".join(window.devices) or (f"of {window.gateway}" if window.gateway else "all")
    weekly = None if window.weekly_until_ms is None else shown_time(window.weekly_until_ms)
    cancelled = None if view.cancelled_at_ms is None else f"{shown_time(view.cancelled_at_ms)} by {view.cancelled_by}"
    return (
        window.id,
        shown_time(window.from_ms),
        shown_time(window.until_ms),
        whose,
        weekly,
        view.declared_by,
        cancelled,
        window.reason,
    )
