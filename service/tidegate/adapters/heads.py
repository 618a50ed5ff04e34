"""uvicorn's HTTP/1.1 with bounds on the head of a request, which it lacks: a stranger could fill the memory with one header.

The body is the door's to bound; before it knows of a request, its line and headers have been gathered here.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tidegate.contracts.codec import encode
from tidegate.contracts.problem import ProblemDetails

MAX_HEAD_BYTES: Final = 64 * 1024
"""Bytes of request line and headers, beyond the first read from the socket. Proxies commonly bound them to 8 to 32 KiB."""

HEAD_SECONDS: Final = 30.0
"""Seconds for the head to arrive: as long as a body may take."""

_TOO_LARGE: Final = ProblemDetails(
    type="urn:tidegate:problem:head-too-large",
    title="Request Header Fields Too Large",
    status=431,
    detail=f"request line and headers have more than {MAX_HEAD_BYTES} bytes",
    code="head-too-large",
    advice="send smaller headers; a key has 85 characters",
)


class BoundedHeads(HttpToolsProtocol):
    """One connection. Ends it when a head grows too large, or does not arrive."""

    _head_bytes: int | None = None
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Expect a first request."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, and count it while a head goes on that began before it."""
        before = self._head_bytes
        super().data_received(data)
        if before is not None and self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._head_bytes = 0
        if self._patience is None:
            self._wait_for_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._head_bytes = None
        self._stop_waiting()
        super().on_headers_complete()

    def _refuse(self) -> None:
        body = encode(_TOO_LARGE)
        head = f"HTTP/1.1 431 {_TOO_LARGE.title}\r\ncontent-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()

    def _wait_for_head(self) -> None:
        self._patience = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
