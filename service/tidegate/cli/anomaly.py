"""`tidegate anomaly`: what detection says, and why."""

from collections.abc import Iterator
from typing import Annotated, Final

import typer

from tidegate.cli.asking import DOOR, EXITS, Json, Limit, OnlySite, Site, Token, Url, ask
from tidegate.cli.ordering import COMMAND_EXITS, NOBODY, By, Given, Giving, Key, Wait, command, gives_order
from tidegate.cli.output import say_all, show, table
from tidegate.cli.times import given_time, shown_time
from tidegate.cli.wording import because, number
from tidegate.contracts.annotation import AnomalyLabel
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, Severity
from tidegate.contracts.views import Explanation, MetricPart

app = typer.Typer(no_args_is_help=True, help="Anomalies: list, look at, acknowledge, label, ask why or why not.")

Identifier = Annotated[str, typer.Argument(help="Anomaly id.", show_default=False)]
Device = Annotated[str, typer.Argument(help="Device id.", show_default=False)]

_LIST: Final = "Example: `tidegate anomaly list --site plant-7 --open --severity high`" + EXITS
_SHOW: Final = "Example: `tidegate anomaly show anomaly-7be0a1`" + EXITS
_ACK: Final = "Example: `tidegate anomaly ack anomaly-7be0a1 --by anna --reason 'on my way'`" + COMMAND_EXITS
_LABEL: Final = "Example: `tidegate anomaly label anomaly-7be0a1 false-alarm --by anna`" + COMMAND_EXITS
_EXPLAIN: Final = "Example: `tidegate anomaly explain plant-7 pump-1`" + EXITS

_HEADS: Final = ("anomaly", "site", "device", "severity", "status", "opened", "closed", "because")


@app.command(name="list", epilog=_LIST)
def list_anomalies(
    site: OnlySite = None,
    device: Annotated[str | None, typer.Option(help="Only this device.")] = None,
    status: Annotated[AnomalyStatus | None, typer.Option(help="Only those whose latest fact says this.")] = None,
    severity: Annotated[Severity | None, typer.Option(help="Only this severity.")] = None,
    is_open: Annotated[bool | None, typer.Option("--open/--closed", help="Only those going on, or only others.")] = None,
    limit: Limit = 20,
    url: Url = DOOR,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """List the latest version of each anomaly, the last opened first."""
    found = ask(
        url,
        token,
        lambda client: client.anomalies.list(site=site, device=device, status=status, severity=severity, is_open=is_open).first(
            limit
        ),
    )
    show(found, as_json, lambda: table(_HEADS, map(_row, found), "anomaly"))


@app.command(name="show", epilog=_SHOW)
def show_anomaly(anomaly: Identifier, url: Url = DOOR, token: Token = None, as_json: Json = False) -> None:
    """Show one anomaly with every reason: what was observed, and what was expected."""
    found = ask(url, token, lambda client: client.anomalies.get(anomaly))
    show(found, as_json, lambda: say_all(_page(found)))


@app.command(epilog=_ACK)
@gives_order
def ack(given: Given, anomaly: Identifier) -> Giving:
    """Say that somebody looks after an anomaly."""
    return lambda client: client.anomalies.acknowledge(anomaly, issued_by=given.by, reason=given.reason, key=given.key)


@app.command(epilog=_LABEL)
def label(
    anomaly: Identifier,
    what: Annotated[AnomalyLabel, typer.Argument(help="What it was.", show_default=False)],
    note: Annotated[str, typer.Option(help="What else there is to say.")] = "",
    by: By = NOBODY,
    key: Key = None,
    wait: Wait = True,
    url: Url = DOOR,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Say what an anomaly was. Your later label takes the place of your earlier one; it changes no threshold.

    While it is open, true-alarm keeps it from being accepted as the new normal, and new-trend accepts it.
    """
    command(url, token, as_json, wait, lambda client: client.anomalies.label(anomaly, what, issued_by=by, note=note, key=key))


@app.command(epilog=_EXPLAIN)
def explain(
    site: Site,
    device: Device,
    at: Annotated[str | None, typer.Option(help="About a time that is over: 2026-01-31T12:00:00Z, or 2h ago.")] = None,
    url: Url = DOOR,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Explain why a device alarms, or why it does not and what it would take."""
    at_ms = given_time(at)
    found = ask(
        url,
        token,
        lambda client: (
            client.devices.explain(site, device) if at_ms is None else client.devices.explain_then(site, device, at_ms)
        ),
    )
    show(found, as_json, lambda: say_all(_explanation(found)))


def _row(each: Anomaly) -> tuple[object, ...]:
    closed = None if each.closed_at_ms is None else shown_time(each.closed_at_ms)
    return each.id, each.site, each.device, each.severity, each.status, shown_time(each.opened_at_ms), closed, because(each)


def _page(each: Anomaly) -> Iterator[str]:
    yield f"anomaly   {each.id} version {each.version}, {each.status}"
    yield f"device    {each.device} of site {each.site}, profile {each.profile}, gateway {each.gateway or 'not known'}"
    yield f"opened    {shown_time(each.opened_at_ms)}"
    yield f"closed    {'not yet' if each.closed_at_ms is None else shown_time(each.closed_at_ms)}"
    yield f"severity  {each.severity}, score {each.score:.6f}, −log10 p {number(each.neg_log10_p)}"
    yield f"trust     {number(each.confidence)} (confidence, 0 to 1)"
    named = f" {each.class_name}" if each.class_name else ""
    yield f"kind      {each.fault_kind}{named}, device {each.device_state}"
    if each.how_often:
        yield f"rarity    so much of it comes {each.how_often}"
    for reason in each.reasons:
        share = "" if reason.share is None else f", {reason.share:.0%} of the score"
        yield f"because   {reason.text} ({reason.stream}, −log10 p {number(reason.neg_log10_p)}{share})"
    yield f"bundle    {each.bundle}, policy {each.policy}"
    if each.incident is not None:
        yield f"incident  {each.incident}"


def _explanation(found: Explanation) -> Iterator[str]:
    device = found.device
    yield f"device    {device.device} of site {device.site}, {device.state}, last reading {shown_time(device.last_event_time_ms)}"
    alarm = f"alarms, anomaly {device.anomaly}" if found.alarming else "does not alarm"
    yield f"verdict   {alarm}: −log10 p {number(device.neg_log10_p)}, threshold {number(found.threshold)}"
    if found.how_often:
        yield f"rarity    the device comes to such a score {found.how_often}"
    for reason in found.streams:
        yield f"stream    {reason.stream}: {reason.text} (−log10 p {number(reason.neg_log10_p)})"
    for part in found.parts:
        yield f"part      {_part(part)}"
    for rule in found.suppressed_by:
        yield f"held by   {rule}"
    yield f"to fire   {found.would_fire}"
    yield f"bundle    {found.bundle}, policy {found.policy}"


def _part(part: MetricPart) -> str:
    """A metric's share in the score, and the next values of it that would alarm."""
    words = [f"{part.metric or 'missed readings'}: {part.share:.0%} of the score"]
    if part.without is not None:
        words.append(f"−log10 p {number(part.without)} without it")
    sides = [("at most", part.fires_below), ("at least", part.fires_above)]
    fires = [f"{side} {value:.8g}" for side, value in sides if value is not None]
    return "; ".join([*words, *([f"a next value of {' or '.join(fires)} alarms"] if fires else [])])
