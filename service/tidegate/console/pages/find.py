"""From a part of a device's name to its page. One match leads there at once; several are listed."""

from functools import partial
from typing import Final

from nicegui import ui

from tidegate.console.markup import Markup, address, device_link, joined
from tidegate.console.survey import MOST_DEVICES
from tidegate.console.visit import Visit
from tidegate.contracts.views import DeviceView

_MOST_MATCHES: Final = 100


async def build(visit: Visit) -> None:
    """Look through the devices of every site the visitor may see."""
    wanted = visit.query.get("device", "").strip()
    found: list[DeviceView] = []
    for site in (await visit.sites()).value or ():
        answer = await visit.board.ask(f"devices:{site.site}", partial(_devices, visit, str(site.site)), seconds=10)
        found += [view for view in answer.value or () if wanted.casefold() in view.device.casefold()]
    exact = [view for view in found if view.device == wanted] or found
    if wanted and len(exact) == 1:
        ui.navigate.to(address("device", site=exact[0].site, device=exact[0].device))
        return
    _list(wanted, found)


async def _devices(visit: Visit, site: str) -> list[DeviceView]:
    return await visit.board.client.devices.list(site=site).first(MOST_DEVICES)


def _list(wanted: str, found: list[DeviceView]) -> None:
    items = joined(
        Markup('<li>{} <span class="dim">{} · {}</span></li>').format(device_link(view.site, view.device), view.site, view.state)
        for view in found[:_MOST_MATCHES]
    )
    left = len(found) - _MOST_MATCHES
    more = Markup('<p class="dim">and {} more: say more of the name</p>').format(f"{left:,}") if left > 0 else Markup("")
    with ui.element("div").classes("content").props("id=content"):
        ui.html(
            Markup("<h2>{} devices with “{}” in their name</h2><ul>{}</ul>{}").format(f"{len(found):,}", wanted, items, more),
            tag="section",
        ).classes("panel")
