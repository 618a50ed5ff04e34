"""One device: how it is, what was expected of it, why it alarms or does not, what it will need, and what was found before."""

from functools import partial
from typing import Final

from nicegui import ui

from tidegate.client import RequestRefusedError
from tidegate.console import anomaly_markup, device_markup
from tidegate.console.charts import DeviceChart, ForecastChart
from tidegate.console.markup import Markup, address
from tidegate.console.rows import Rows
from tidegate.console.trace import Trace, record
from tidegate.console.visit import Visit
from tidegate.contracts.stream import FactKind

_ANOMALIES: Final = 15


async def build(visit: Visit) -> None:
    """Draw the page, and keep it up to date."""
    site, device = visit.query.get("site", ""), visit.query.get("device", "")
    with ui.element("div").classes("content split wide-right").props("id=content"):
        if not site or not device:
            ui.html(Markup('<p class="notice">The address names no device. Choose one on the map, or find it by its name.</p>'))
            return
        page = _Device(visit, site, device)
    await page.refresh()
    visit.keep(page.refresh)


class _Device:
    def __init__(self, visit: Visit, site: str, device: str) -> None:
        self._visit = visit
        self._trace = Trace(site, device)
        with ui.element("div").classes("side"):
            self._state = ui.html("", tag="section").classes("panel")
            self._assignment = ui.html("", tag="section").classes("panel")
            with ui.element("section").classes("panel"):
                ui.html(Markup("<h2>Its anomalies</h2>"))
                self._anomalies = Rows()
                self._none = ui.html("", tag="p").classes("dim")
        with ui.element("div").classes("side"):
            with ui.element("section").classes("panel").props('aria-label="Expected and observed"'):
                ui.html(device_markup.CHART_KEY)
                self._chart = DeviceChart()
            self._why = ui.html("", tag="section").classes("panel")
            with ui.element("section").classes("panel"):
                ui.html(Markup("<h2>What it will need</h2>"))
                self._forecast = ForecastChart()

    async def refresh(self) -> None:
        board, client = self._visit.board, self._visit.board.client
        site, device = self._trace.device
        answer = await record(board, self._trace)
        self._state.set_content(device_markup.state(site, device, answer.value, answer.error))
        if answer.value is not None:
            self._why.set_content(device_markup.why(answer.value))
            self._chart.show(self._trace)
        await self._show_allocation(site, device)
        found = await board.ask(
            f"anomalies of:{site}:{device}",
            partial(client.anomalies.list(site=site, device=device).first, _ANOMALIES),
            seconds=10,
            touched_by=(FactKind.ANOMALY,),
        )
        rows = [
            (each.id, anomaly_markup.row(each, address("anomalies", anomaly=each.id), chosen=False)) for each in found.value or ()
        ]
        self._anomalies.show(rows)
        self._none.set_content("" if rows else "None that is still kept.")

    async def _show_allocation(self, site: str, device: str) -> None:
        board, client = self._visit.board, self._visit.board.client
        assignments = await board.ask(
            f"grants:{site}", client.assignments.of_site(site).all, seconds=30, touched_by=(FactKind.ASSIGNMENT,)
        )
        mine = next((each for each in assignments.value or () if each.device == device), None)
        self._assignment.set_content(device_markup.assignment(mine))
        forecast = await board.ask(f"forecast:{site}:{device}", lambda: client.devices.forecast(site, device), seconds=5)
        missing = isinstance(forecast.error, RequestRefusedError)
        self._forecast.show(None if missing else forecast.value, mine.grant if mine else {})
