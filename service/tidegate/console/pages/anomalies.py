"""What was found, the newest first, and one of them with why: to be acknowledged, and labelled by whoever knows better."""

import asyncio
from functools import partial
from typing import Final

from nicegui import ui

from tidegate.console import anomaly_markup as draw
from tidegate.console.acting import act, confirm
from tidegate.console.attention import MOST_ITEMS
from tidegate.console.charts import DeviceChart
from tidegate.console.markup import Markup, address
from tidegate.console.rows import Rows
from tidegate.console.trace import Trace, recall, record
from tidegate.console.visit import Visit
from tidegate.console.wording import as_of
from tidegate.contracts.annotation import AnomalyLabel, AnomalyView, IncidentView
from tidegate.contracts.anomaly import Anomaly, Severity
from tidegate.contracts.command import CommandKind
from tidegate.contracts.stream import FactKind

_SHOWN: Final = 60
"""Anomalies in the list; older ones are found through the device or by REST."""

_INCIDENTS: Final = 12
_NOTHING: Final = "Nothing found that fits: an anomaly shows up here as soon as it opens"


async def build(visit: Visit) -> None:
    """Draw the page, and keep it up to date."""
    page = _Anomalies(visit)
    await page.refresh()
    visit.keep(page.refresh)


class _Anomalies:
    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._wanted: dict[str, str | None] = {name: visit.query.get(name) for name in ("site", "severity", "open")}
        with ui.element("div").classes("content split").props("id=content"):
            with ui.element("section").classes("panel list").props('aria-label="Anomalies"'):
                self._filters = ui.html("", tag="nav").classes("chips").props('aria-label="Filters"')
                self._notice = ui.html("", tag="p").classes("dim")
                self._rows = Rows()
            with ui.element("div").classes("side"):
                self._details = _Details(visit)
                with ui.element("section").classes("panel").props('aria-label="Incidents"'):
                    ui.html(Markup("<h2>Incidents</h2>"))
                    self._incidents = Rows("ul")
                    self._no_incident = ui.html("", tag="p").classes("dim")

    async def refresh(self) -> None:
        site = self._wanted["site"]
        scopes: list[str | None] = [site] if site else await self._visit.scopes()
        anomalies, told = await self._newest(scopes)
        chosen = self._visit.query.get("anomaly") or (anomalies[0].id if anomalies else None)
        sites = [str(site.site) for site in (await self._visit.sites()).value or ()]
        self._filters.set_content(self._chips(sites))
        self._rows.show([(each.id, draw.row(each, self._link(each), chosen=each.id == chosen)) for each in anomalies])
        self._notice.set_content(Markup("{}").format(told))
        await self._show_incidents(scopes)
        await self._details.show(chosen)

    async def _newest(self, scopes: list[str | None]) -> tuple[list[AnomalyView], str]:
        board, listed = self._visit.board, self._visit.board.client.anomalies.list
        severity = Severity(self._wanted["severity"]) if self._wanted["severity"] in set(Severity) else None
        is_open = True if self._wanted["open"] == "1" else None
        answers = await asyncio.gather(
            *(
                board.ask(
                    f"anomalies:{scope}:{severity}:{is_open}",
                    partial(listed(site=scope, severity=severity, is_open=is_open).page, limit=_SHOWN),
                    seconds=5,
                    touched_by=(FactKind.ANOMALY, FactKind.OUTCOME),
                )
                for scope in scopes
            )
        )
        pages = [answer.value for answer in answers if answer.value is not None]
        found = [anomaly for page in pages for anomaly in page.items]
        newest = sorted(found, key=lambda each: (-each.opened_at_ms, each.id))[:_SHOWN]
        errors = [answer.error for answer in answers if answer.error is not None]
        if errors:
            return newest, f"Not up to date: {errors[0]}"
        fresh = as_of(max((page.as_of.time_ms or 0 for page in pages), default=0) or None)
        return newest, f"{'The newest are shown' if newest else _NOTHING}; {fresh}."

    async def _show_incidents(self, scopes: list[str | None]) -> None:
        board, listed = self._visit.board, self._visit.board.client.incidents.list
        answers = await asyncio.gather(
            *(
                board.ask(
                    f"incidents:{scope}",
                    partial(listed(site=scope).first, MOST_ITEMS),
                    seconds=5,
                    touched_by=(FactKind.INCIDENT, FactKind.OUTCOME),
                )
                for scope in scopes
            )
        )
        found: list[IncidentView] = [incident for answer in answers for incident in answer.value or ()]
        newest = sorted(found, key=lambda each: (-each.opened_at_ms, each.id))[:_INCIDENTS]
        self._incidents.show([(each.id, draw.incident_row(each)) for each in newest])
        self._no_incident.set_content("" if newest else "None: no common cause was found of several anomalies.")

    def _chips(self, sites: list[str]) -> Markup:
        everything: list[tuple[str, str | None]] = [("every severity", None)]
        severities = everything + [(str(severity), str(severity)) for severity in Severity]
        groups = [
            draw.chips(self._wanted, "open", [("all", None), ("open", "1")]),
            draw.chips(self._wanted, "severity", severities),
        ]
        if 1 < len(sites) <= 12:
            groups.append(draw.chips(self._wanted, "site", [("every site", None), *((site, site) for site in sites)]))
        return Markup("<span class='gap'></span>").join(groups)

    def _link(self, anomaly: Anomaly) -> str:
        return address("anomalies", **self._wanted, anomaly=anomaly.id)


class _Details:
    """One anomaly, with a chart of its device around it."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._shown: Anomaly | None = None
        self._panel = ui.element("section").classes("panel").props('aria-label="The anomaly"')
        with self._panel:
            self._actions = ui.element("div").classes("actions")
            self._text = ui.html("")
            self._chart = DeviceChart()
            self._facts = ui.html("")
        with self._actions:
            self._acknowledge = ui.button("Acknowledge", icon="done", on_click=self._ask_acknowledge).props(
                "unelevated dense no-caps"
            )
            with ui.dropdown_button("Label", icon="sell", auto_close=True).props("outline dense no-caps") as self._labels:
                for label in AnomalyLabel:
                    ui.item(label.replace("-", " "), on_click=partial(self._ask_label, label))
        self._panel.set_visibility(False)
        self._trace: Trace | None = None

    async def show(self, identifier: str | None) -> None:
        if identifier is None:
            return
        board = self._visit.board
        answer = await board.ask(
            f"anomaly:{identifier}",
            lambda: board.client.anomalies.get(identifier),
            seconds=5,
            touched_by=(FactKind.ANOMALY, FactKind.OUTCOME),
        )
        self._panel.set_visibility(True)
        if answer.value is None:
            self._text.set_content(Markup('<p class="complaint">{}</p>').format(str(answer.error)))
            self._actions.set_visibility(False)
            return
        anomaly: Anomaly = answer.value
        self._shown = anomaly
        self._actions.set_visibility(self._visit.may_operate(anomaly.site))
        self._text.set_content(draw.details(anomaly))
        self._facts.set_content(draw.facts(anomaly))
        if self._trace is None or self._trace.device != (anomaly.site, anomaly.device):
            self._trace = Trace(anomaly.site, anomaly.device)
        closed_ms = anomaly.closed_at_ms or anomaly.event_time_ms
        if anomaly.is_open:
            await record(board, self._trace)
        await recall(board, self._trace, anomaly.opened_at_ms, closed_ms)
        self._chart.show(self._trace, mark=(anomaly.opened_at_ms, closed_ms))

    def _ask_acknowledge(self) -> None:
        anomaly = self._shown
        if anomaly is None:
            return

        async def do(reason: str) -> None:
            await act(
                self._visit, anomaly.site, CommandKind.ACKNOWLEDGE_ANOMALY, "Acknowledged.", anomaly_id=anomaly.id, reason=reason
            )

        what = Markup("<p>Say that you look after the anomaly of <b>{}</b>. Nothing else changes.</p>").format(anomaly.device)
        confirm("Acknowledge", what, "Acknowledge", do)

    def _ask_label(self, label: AnomalyLabel) -> None:
        anomaly = self._shown
        if anomaly is None:
            return

        async def do(reason: str) -> None:
            await act(
                self._visit,
                anomaly.site,
                CommandKind.LABEL_ANOMALY,
                f"Labelled {label}.",
                anomaly_id=anomaly.id,
                label=label,
                reason=reason,
            )

        word = label.replace("-", " ")
        what = Markup("<p>Say that the anomaly of <b>{}</b> was: <b>{}</b>. It counts when profiles are tuned.</p>").format(
            anomaly.device, word
        )
        confirm("Label", what, f"It was: {word}", do)
