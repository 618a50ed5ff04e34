"""The console as an ASGI application, to be mounted under `/console`. Loads what draws it with the first visit.

NiceGUI takes about a second and 20 MB to import, which a service that nobody looks at need not pay.
"""

import asyncio
from http import HTTPStatus
from importlib import import_module
from typing import Any, Final

from starlette.datastructures import URL
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from tidegate.console.boards import Boards
from tidegate.console.credential import credential_of, is_from_elsewhere, log_in, log_out, login_address

PATH: Final = "/console"

BOARDS: Final = "tidegate.console.boards"
"""Key of the scope: the boards of the service that a page is asked of. NiceGUI is one per process, services may be several."""

_HOST: Final = "tidegate.console.host"
_POSTS: Final = {"/login": log_in, "/logout": log_out}
_PAGES: Final = frozenset({"/", "/device", "/anomalies", "/plans", "/health", "/find"})
"""What is somebody's; the login form, styles and NiceGUI's own scripts are everybody's."""


class Console:
    """Serves the pages of the service `app`; `close` it before the service ends."""

    def __init__(self, app: ASGIApp) -> None:
        self._boards = Boards(app)
        self._loading = asyncio.Lock()
        self._host: Any = None
        self._serve = GZipMiddleware(self._guarded, minimum_size=1000)
        self.path = PATH
        """What measurements call its requests: their own paths hold ids, and those of NiceGUI are nobody's business."""

    def install(self, router: Router) -> None:
        """Serve it below `PATH` of `router`."""
        router.routes.append(Route(PATH, self._to_front))
        router.routes.append(Mount(PATH, app=self))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket; those that a page of another origin sent are refused."""
        scope["route"] = self
        connection = HTTPConnection(scope)
        if scope["type"] == "websocket":
            if is_from_elsewhere(connection):
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._guarded(scope, receive, send)
        elif is_from_elsewhere(connection):
            await Response("This came from another origin.", status_code=403, media_type="text/plain")(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    async def close(self) -> None:
        """End what pages have running; further requests are answered as those of a stranger."""
        await self._boards.close()
        if self._host is not None:
            host, self._host = self._host, None
            await host.leave()

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["type"] == "http" and scope["method"] == "POST" and path in _POSTS:
            request = Request(scope, receive)
            await (await _POSTS[path](request))(scope, receive, send)
            return
        if scope["type"] == "http" and scope["method"] in {"GET", "HEAD"} and path in _PAGES:
            refusal = await self._refusal(Request(scope))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        host = await self._loaded()
        await host.app({**scope, BOARDS: self._boards}, receive, send)

    async def _refusal(self, request: Request) -> Response | None:
        """What a visitor gets whose credential is not good: no page is drawn for them, and nothing loaded."""
        credential, address = credential_of(request), request.client.host if request.client else ""
        error = await self._boards.refusal(credential, address)
        if error is None:
            return None
        if error.status == HTTPStatus.UNAUTHORIZED:
            return RedirectResponse(login_address(request, refused=bool(credential)), status_code=HTTPStatus.SEE_OTHER)
        return Response(str(error), status_code=error.status, media_type="text/plain")

    async def _loaded(self) -> Any:
        async with self._loading:
            if self._host is None:
                module = await asyncio.to_thread(import_module, _HOST)
                host = module.the_host()
                await host.join()
                self._host = host
        return self._host

    async def _to_front(self, request: Request) -> Response:
        return RedirectResponse(str(URL(f"{request.scope.get('root_path', '')}{PATH}/")))
