"""Requests to the service in this process, without a socket, as if the visitor's browser had sent them. Streams both ways.

httpx's own ASGI transport gives an answer only once it has ended, which the stream of facts never does.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import httpx
from starlette.types import ASGIApp, Message, Scope

_MESSAGES: Final = 16
"""Parts of an answer that may wait to be read; then the service waits, as it does for a slow socket."""


class InProcess(httpx.AsyncBaseTransport):
    """Carries requests to `app`. `address` is the visitor's: rates and the audit are about them, and not about us."""

    def __init__(self, app: ASGIApp, address: str) -> None:
        self._app = app
        self._address = address

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, as soon as it begins.

        Raises:
            httpx.TransportError: the service gave none, or none in time.
        """
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": request.url.scheme,
            "path": request.url.path,
            "raw_path": request.url.raw_path.partition(b"?")[0],
            "query_string": request.url.query,
            "server": (request.url.host, request.url.port),
            "client": (self._address, 0),
            "root_path": "",
        }
        patience = request.extensions.get("timeout", {}).get("read")
        exchange = _Exchange(request, patience)
        exchange.begin(self._app, scope, await request.aread())
        return await exchange.answer()


class _Exchange(httpx.AsyncByteStream):
    """One request and its answer; closing it ends the service's work on it."""

    def __init__(self, request: httpx.Request, patience_seconds: float | None) -> None:
        self._request = request
        self._patience_seconds = patience_seconds
        self._messages: asyncio.Queue[Message] = asyncio.Queue(_MESSAGES)
        self._left = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self, app: ASGIApp, scope: Scope, body: bytes) -> None:
        self._task = asyncio.create_task(self._serve(app, scope, body), name="console-request")

    async def answer(self) -> httpx.Response:
        try:
            start = await self._next()
        except BaseException:
            await self.aclose()
            raise
        return httpx.Response(start["status"], headers=list(start.get("headers", [])), stream=self, request=self._request)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._next()
            more = message.get("more_body", False)
            if message.get("body"):
                yield message["body"]

    async def aclose(self) -> None:
        self._left.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _serve(self, app: ASGIApp, scope: Scope, body: bytes) -> None:
        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            if unread:
                return unread.pop()
            await self._left.wait()
            return {"type": "http.disconnect"}

        try:
            await app(scope, receive, self._messages.put)
        except Exception as error:  # the reader is told; the service has logged it
            await self._messages.put({"type": "failed", "error": error})

    async def _next(self) -> Message:
        try:
            async with asyncio.timeout(self._patience_seconds):
                message = await self._messages.get()
        except TimeoutError as error:
            raise httpx.ReadTimeout("no answer in time", request=self._request) from error
        if message["type"] == "failed":
            raise httpx.ReadError(f"the service failed: {message['error']}", request=self._request)
        return message
