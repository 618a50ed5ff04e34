"""A summary as a screen full of terminal, at any width from 80 columns up. Draws; asks nobody anything."""

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tidegate.cli.wording import because, clock_time, effect, incident_line, printable, rate
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, DeviceState, Incident, IncidentStatus, Severity
from tidegate.contracts.plan import DecisionStatus
from tidegate.contracts.rest import Summary
from tidegate.contracts.views import DecisionView

_SEVERITY: Final = {Severity.LOW: "cyan", Severity.MEDIUM: "yellow", Severity.HIGH: "red", Severity.CRITICAL: "bold red"}
_STATE: Final = {DeviceState.OK: "green", DeviceState.WARMING: "cyan", DeviceState.PARTIAL: "yellow", DeviceState.STALE: "red"}
_STATUS: Final = {
    DecisionStatus.PROPOSED: "cyan",
    DecisionStatus.APPROVED: "cyan",
    DecisionStatus.ROLLING_OUT: "cyan",
    DecisionStatus.APPLIED: "green",
    DecisionStatus.HALTED: "red",
    DecisionStatus.REFUSED: "yellow",
    DecisionStatus.EXPIRED: "dim",
}

_FIXED_LINES: Final = 16
"""Lines the screen needs besides rows of facts: header 5, borders and column heads 9, footer 2."""


_WIDE: Final = 100
"""Columns from which a decision's site is shown; below, before → after needs the room."""


def draw(summary: Summary, url: str, size: tuple[int, int], notice: str = "") -> RenderableType:
    """The screen for `summary`; `size` is columns and lines of the terminal, `notice` replaces the footer's hint."""
    width, height = size
    rows = max(height - _FIXED_LINES, 5)
    incidents = max(rows // 5, 1)
    facts = max((rows - incidents) // 2, 2)
    return Group(
        _header(summary, url),
        _boxed("anomalies", _anomalies(summary.anomalies[:facts])),
        _boxed("incidents", _incidents(summary.incidents[:incidents])),
        _boxed("decisions", _decisions(summary.decisions[:facts], wide=width >= _WIDE)),
        _footer(url, notice),
    )


def _header(summary: Summary, url: str) -> Panel:
    flow = Text.assemble(
        ("readings  ", "dim"),
        (f"{rate(summary.readings_per_second)}/s", "bold"),
        f"   {summary.balance.received:,} in all   ",
        ("waiting ", "dim"),
        (f"{summary.pending:,}", "bold" if summary.pending < 1000 else "bold yellow"),
        "   ",
        ("sites ", "dim"),
        f"{summary.sites:,}",
    )
    title = Text.assemble((f" Tidegate {summary.version} ", "bold"), (f"{url} ", "dim"))
    lines = Group(flow, _states(summary.devices), _balance(summary))
    return Panel(lines, title=title, title_align="left", subtitle=_uptime(summary), subtitle_align="right", box=box.ROUNDED)


def _states(devices: dict[DeviceState, int]) -> Text:
    line = Text.assemble(("devices   ", "dim"))
    for state in DeviceState:
        line.append(f"{state} ", "dim").append(f"{devices.get(state, 0):,}   ", _STATE[state])
    return line


def _balance(summary: Summary) -> Text:
    balance = summary.balance
    line = Text.assemble(("balance   ", "dim"))
    for name in ("scored", "duplicate", "quarantined", "dead_lettered"):
        line.append(f"{name.replace('_', '-')} ", "dim").append(f"{getattr(balance, name):,}   ")
    return line


def _uptime(summary: Summary) -> Text:
    minutes, seconds = divmod(int(summary.uptime_seconds), 60)
    bundles = ", ".join(sorted(summary.bundles)) or "no bundle"
    return Text(f" {bundles} · up {minutes // 60}:{minutes % 60:02}:{seconds:02} ", "dim")


def _anomalies(anomalies: Sequence[Anomaly]) -> Table | None:
    if not anomalies:
        return None
    table = _table(("time", 8), ("device", 22), ("severity", 9), ("why", None))
    for anomaly in anomalies:
        over = "" if anomaly.is_open else "retracted" if anomaly.status is AnomalyStatus.RETRACTED else "closed"
        table.add_row(
            clock_time(anomaly.opened_at_ms),
            printable(f"{anomaly.site}/{anomaly.device}"),
            Text(over or anomaly.severity.value, "dim" if over else _SEVERITY[anomaly.severity]),
            because(anomaly),
            style="dim" if over else "",
        )
    return table


def _incidents(incidents: Sequence[Incident]) -> Table | None:
    if not incidents:
        return None
    table = _table(("time", 8), ("devices", 7), ("what", None))
    for incident in incidents:
        closed = incident.status is IncidentStatus.CLOSED
        words = f"closed · {incident_line(incident)}" if closed else incident_line(incident)
        table.add_row(clock_time(incident.opened_at_ms), f"{incident.device_count:,}", words, style="dim" if closed else "red")
    return table


def _decisions(decisions: Sequence[DecisionView], *, wide: bool) -> Table | None:
    if not decisions:
        return None
    site = [("site", 16)] if wide else []
    table = _table(("time", 8), ("status", 8), ("trigger", 17), *site, ("moves", 5), ("before → after", None))
    for decision in decisions:
        table.add_row(
            clock_time(decision.decided_at_ms),
            Text(decision.status.value, _STATUS[decision.status]),
            decision.trigger.value,
            *([printable(decision.site)] if wide else []),
            f"{decision.move_count:,}",
            effect(decision) or printable(decision.reason),
        )
    return table


def _table(*columns: tuple[str, int | None]) -> Table:
    table = Table(box=None, expand=True, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    for name, width in columns:
        table.add_column(name, width=width, no_wrap=True, overflow="ellipsis", ratio=None if width else 1)
    return table


def _boxed(title: str, table: Table | None) -> Panel:
    content: RenderableType = table if table is not None else Text("none yet", "dim")
    return Panel(content, title=Text(f" {title} ", "bold"), title_align="left", box=box.ROUNDED, border_style="dim")


def _footer(url: str, notice: str) -> Text:
    hint = Text(printable(notice), "yellow") if notice else Text("Ctrl-C stops", "dim")
    return Text.assemble((" console ", "dim"), f"{url}/console/", ("   API docs ", "dim"), f"{url}/docs", "\n ", hint)
