"""One open page: whose eyes it has, and how it keeps itself up to date."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from fastapi import Request
from nicegui import Client, ui

from tidegate.console.board import Answer, Board
from tidegate.console.credential import credential_of
from tidegate.console.frame import frame
from tidegate.console.mount import BOARDS
from tidegate.contracts.access import EVERY_SITE, Role, WhoAmI, parse_grant
from tidegate.contracts.stream import FactKind
from tidegate.contracts.views import SiteView

LOOK_SECONDS: Final = 1.0
"""Between two looks of a page at its board; the board asks the service less often."""

_READ_MS: Final = 8000
"""For which an answer stays on the page, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page is built with. `query` is what its address asks for, decoded."""

    board: Board
    who: WhoAmI | None
    query: dict[str, str]
    client: Client

    @property
    def name(self) -> str:
        """Who acts."""
        return self.who.name if self.who is not None else "console"

    def may_operate(self, site: str) -> bool:
        """Whether commands about `site` are theirs to send; the service has the last word."""
        return self.who is None or any(parse_grant(grant).gives(Role.OPERATOR, site) for grant in self.who.grants)

    async def sites(self) -> Answer[Sequence[SiteView]]:
        """Every site that they may see."""
        return await self.board.ask("sites", self.board.client.sites.list, seconds=2, touched_by=(FactKind.ANOMALY,))

    async def scopes(self) -> list[str | None]:
        """What to ask lists for, one after the other: everything at once, or each site for those who may not see every one."""
        if self.who is None or any(parse_grant(grant).gives(Role.READER, EVERY_SITE) for grant in self.who.grants):
            return [None]
        return [str(site.site) for site in (await self.sites()).value or ()]

    def say(self, text: str, kind: Literal["positive", "negative", "warning", "info"]) -> None:
        """Tell the visitor, wherever on the page the question came from; that part may be gone by now."""
        with self.client:
            ui.notify(text, type=kind, position="bottom", timeout=_READ_MS, close_button="Close", multi_line=len(text) > 80)

    def keep(self, refresh: Callable[[], Awaitable[None]]) -> None:
        """Call `refresh` now and then for as long as the page is open."""
        ui.timer(LOOK_SECONDS, refresh)


Build = Callable[[Visit], Awaitable[None]]


async def identity(board: Board) -> Answer[WhoAmI]:
    """Whom the service takes the visitor for."""
    return await board.ask("who", board.client.access.whoami, seconds=10)


def page(path: str, title: str, build: Build) -> None:
    """Serve what `build` draws at `path`, inside the common frame, to visitors whose credential is good."""

    @ui.page(path, title=f"{title} · Tidegate")
    async def show(request: Request) -> None:
        board, leave = request.scope[BOARDS].look(credential_of(request), request.client.host if request.client else "")
        ui.context.client.on_delete(leave)
        who = await identity(board)
        visit = Visit(board, who.value, dict(request.query_params), ui.context.client)
        frame(visit, title, request.cookies.get("tidegate_theme"))
        await build(visit)
