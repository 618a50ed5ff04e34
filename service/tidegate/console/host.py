"""NiceGUI in this process: one, however many services there are, and awake while one of them has visitors."""

from contextlib import AsyncExitStack
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from nicegui import app as nicegui_app
from nicegui import run, ui
from starlette.types import ASGIApp

from tidegate.console.policy import Guarded

_RECONNECT_SECONDS: Final = 15.0
"""How long a page that lost its connection is kept for it: a laptop's lid, a weak network."""


class Host:
    """NiceGUI's application, started with the first `join` and stopped with the last `leave`."""

    def __init__(self, application: FastAPI) -> None:
        self._application = application
        self._users = 0
        self._life = AsyncExitStack()
        self.app: ASGIApp = Guarded(application)

    async def join(self) -> None:
        """Be awake for one service more."""
        self._users += 1
        if self._users == 1:
            # The server runs without ASGI's lifespan, for it stops in an order of its own; these are NiceGUI's start and stop.
            await self._life.enter_async_context(self._application.router.lifespan_context(self._application))

    async def leave(self) -> None:
        """Be awake for one service less."""
        self._users -= 1
        if self._users == 0:
            await self._life.aclose()


@cache
def the_host() -> Host:
    """NiceGUI with the console's pages, made once."""
    from tidegate.console.pages import register  # noqa: PLC0415 pages are drawn by NiceGUI; importing them loads it

    run.process_pool_start_method = "spawn"  # never used by us, and not to be warned about
    application = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    nicegui_app.add_static_files("/assets", Path(str(files("tidegate.console") / "assets")))
    register()
    ui.run_with(
        application,
        title="Tidegate",
        favicon=str(files("tidegate.console") / "assets" / "favicon.svg"),
        dark=None,
        language="en-US",
        binding_refresh_interval=None,
        reconnect_timeout=_RECONNECT_SECONDS,
        gzip_middleware_factory=None,
        tailwind=False,
        show_welcome_message=False,
    )
    return Host(application)
