"""Whether the service keeps up: readiness with reasons, flow, lag, what was not understood, partitions, bundles."""

from typing import Final

from nicegui import ui

from tidegate.console.markup import Markup, joined
from tidegate.console.visit import Visit
from tidegate.console.wording import duration, moment, rate
from tidegate.contracts.rest import Summary
from tidegate.contracts.views import Health, PartitionView

_BALANCE: Final = ("received", "scored", "duplicate", "quarantined", "dead_lettered")


async def build(visit: Visit) -> None:
    """Draw the page, and keep it up to date."""
    board, client = visit.board, visit.board.client
    with ui.element("div").classes("content columns").props("id=content"):
        ready, flow, lag, bundles, partitions = (ui.html("", tag="section").classes("panel") for _ in range(5))

    async def refresh() -> None:
        health = await board.ask("ready", client.operation.readiness, seconds=2)
        summary = await board.ask("summary", client.operation.summary, seconds=1)
        worked = await board.ask("partitions", client.operation.partitions, seconds=3)
        ready.set_content(_panel("Readiness", _readiness(health.value), health.error))
        flow.set_content(_panel("Flow", _flow(summary.value), summary.error))
        lag.set_content(_panel("Waiting to be taken in", _lag(summary.value), summary.error))
        bundles.set_content(_panel("Bundles", _bundles(summary.value), summary.error))
        partitions.set_content(_panel("Partitions of this process", _partitions(worked.value), worked.error))

    await refresh()
    visit.keep(refresh)


def _panel(title: str, body: Markup, error: Exception | None) -> Markup:
    complaint = Markup('<p class="complaint">{}</p>').format(str(error)) if error else Markup("")
    return Markup("<h2>{}</h2>{}{}").format(title, complaint, body)


def _readiness(health: Health | None) -> Markup:
    if health is None:
        return Markup("")
    if health.ready:
        return Markup('<p class="verdict good">Ready: every partition is restored, and makes progress or has nothing to do.</p>')
    reasons = joined(Markup("<li>{}</li>").format(reason) for reason in health.reasons)
    return Markup('<p class="verdict bad">Not ready.</p><ul>{}</ul>').format(reasons)


def _flow(summary: Summary | None) -> Markup:
    if summary is None:
        return Markup("")
    rows = [("readings a second", rate(summary.readings_per_second)), ("up for", duration(summary.uptime_seconds))]
    rows += [(name.replace("_", "-"), f"{getattr(summary.balance, name):,}") for name in _BALANCE]
    rows += [("newest fact in the read model", moment(summary.as_of.time_ms) + " UTC"), ("version", summary.version)]
    return _table(rows)


def _lag(summary: Summary | None) -> Markup:
    if summary is None:
        return Markup("")
    return _table([(topic, f"{count:,}") for topic, count in summary.lag.items()] or [("nothing is read", "–")])


def _bundles(summary: Summary | None) -> Markup:
    return _table(list(summary.bundles.items())) if summary else Markup("")


def _partitions(partitions: list[PartitionView] | None) -> Markup:
    if not partitions:
        return Markup('<p class="dim">This process works none.</p>') if partitions is not None else Markup("")
    return _table(
        [
            (f"partition {view.partition}", "; ".join(view.reasons) or f"well, {view.sequence or 0:,} batches journaled")
            for view in partitions
        ]
    )


def _table(rows: list[tuple[str, str]]) -> Markup:
    cells = joined(Markup("<tr><th scope='row'>{}</th><td>{}</td></tr>").format(name, value) for name, value in rows)
    return Markup("<table>{}</table>").format(cells)
