"""The whole fleet: sites, their gateways, and every device as a cell that says how it is."""

from typing import Final

from nicegui import ui

from tidegate.client import RequestRefusedError
from tidegate.console import fleet_markup as draw
from tidegate.console.attention import attention
from tidegate.console.markup import Markup
from tidegate.console.rows import Rows
from tidegate.console.survey import SiteMap, map_of
from tidegate.console.visit import Visit
from tidegate.contracts.views import SiteView

MOST_MAPS: Final = 4
"""Sites whose maps are all shown; where there are more, one is chosen."""


async def build(visit: Visit) -> None:
    """Draw the page, and keep it up to date."""
    page = _Fleet(visit)
    await page.refresh()
    visit.keep(page.refresh)


class _Fleet:
    """What is drawn, by what it was drawn from: a part that has not changed is not sent again."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        with ui.element("div").classes("content fleet").props("id=content"):
            self._strip = ui.html("").classes("strip")
            self._attention = ui.html("", tag="ul").classes("attention").props('aria-label="What to look at"')
            self._notice = ui.html("", tag="p").classes("notice").props('role="status"')
            self._sites = ui.html("", tag="nav").props('aria-label="Sites"').classes("chips")
            self._maps = ui.element("div").classes("maps")
            ui.html(draw.legend(), tag="footer").classes("legend")
        self._shown: dict[str, _Map] = {}

    async def refresh(self) -> None:
        answer = await self._visit.sites()
        sites = list(answer.value or [])
        self._strip.set_content(draw.strip(sites))
        self._attention.set_content(draw.attention(await attention(self._visit)) if sites else "")
        self._notice.set_content(_notice(sites, answer.error))
        chosen = self._chosen(sites)
        self._sites.set_content(draw.choices(sites, chosen) if len(sites) > MOST_MAPS else "")
        for gone in set(self._shown) - {str(site.site) for site in chosen}:
            self._shown.pop(gone).delete()
        for site in chosen:
            await self._map(site)

    def _chosen(self, sites: list[SiteView]) -> list[SiteView]:
        asked = self._visit.query.get("site")
        if asked is None and len(sites) <= MOST_MAPS:
            return sites
        return [site for site in sites if site.site == asked] or sites[:1]

    async def _map(self, site: SiteView) -> None:
        answer = await map_of(self._visit.board, site)
        name = str(site.site)
        if name not in self._shown:
            with self._maps:
                self._shown[name] = _Map()
        if answer.value is not None:
            self._shown[name].show(answer.value)
        else:
            self._shown[name].complain(f"{name}: {answer.error}")


class _Map:
    """One site's map: its head, and a card for each gateway."""

    def __init__(self) -> None:
        self._section = ui.element("section").classes("site")
        with self._section:
            self._head = ui.html("", tag="header")
            self._cards = Rows("div", "article")
            self._cards.element.classes("gateways")

    def show(self, site_map: SiteMap) -> None:
        self._head.set_content(draw.site_head(site_map))
        name = str(site_map.site.site)
        self._cards.show([(gateway.name or "", draw.card(name, gateway)) for gateway in site_map.gateways])

    def complain(self, text: str) -> None:
        self._head.set_content(Markup('<p class="complaint">{}</p>').format(text))

    def delete(self) -> None:
        self._section.delete()


def _notice(sites: list[SiteView], error: Exception | None) -> Markup:
    if isinstance(error, RequestRefusedError):
        return Markup("{}").format(str(error))
    if error is not None:
        return Markup("The service does not answer: {}. What is shown is as it was before.").format(str(error))
    if not sites:
        return Markup(
            "No site yet. A site appears with its first reading or topology; <code>tidegate simulate</code> makes up a fleet."
        )
    return Markup("")
