"""What a browser may do with a page of the console: load from us alone, run our scripts alone, be framed by nobody.

NiceGUI compiles templates in the browser and sends it code over the socket, which needs `unsafe-eval`. The scripts of a page run
by a nonce: neither a script that an identifier smuggled in, nor an event handler, nor a `javascript:` address would run.
"""

import secrets
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval' 'nonce-{nonce}'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


class Guarded:
    """ASGI middleware that puts the policy on every answer, and its nonce on every script of a page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything but HTTP passes through."""
        await self._app(scope, receive, _Answer(send).send if scope["type"] == "http" else send)


class _Answer:
    """Sends an answer on; a page in one piece, for its scripts are to be found.

    NiceGUI escapes every `<` of what it shows, so that each `<script` in a page is its own or ours.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._nonce = secrets.token_urlsafe(16)
        self._start: Message = {}
        self._page: bytearray | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message["headers"]))
            headers["content-security-policy"] = _POLICY.format(nonce=self._nonce)
            # With no-referrer, as the door has it, a browser hides also from us where a form comes from.
            headers["referrer-policy"] = "same-origin"
            self._start = {**message, "headers": headers.raw}
            if headers.get("content-type", "").startswith("text/html"):
                self._page = bytearray()
            else:
                await self._send(self._start)
        elif self._page is None:
            await self._send(message)
        else:
            self._page += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_page(bytes(self._page))

    async def _send_page(self, page: bytes) -> None:
        page = page.replace(b"<script", b'<script nonce="%b"' % self._nonce.encode())
        headers = MutableHeaders(raw=self._start["headers"])
        headers["content-length"] = str(len(page))
        await self._send({**self._start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": page})
