"""The outermost layer of every request: path as sent, security headers, one measurement, and no exception left over."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import quote

import structlog
from starlette.requests import ClientDisconnect

from tidegate.api.dependencies import HttpMetrics
from tidegate.api.problems import internal_problem, respond
from tidegate.ports import Clock

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADERS: Final = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer"))
"""On every answer: no content sniffing, no stale state from a cache, no ids in a Referer; no CORS: no other origin may read."""

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods counted by name; clients can invent others, and a metric label must come from a closed set."""

ABANDONED: Final = 499
"""Status counted when the client left before the answer began (nginx's convention)."""

_log = structlog.get_logger()


class Edge:
    """ASGI middleware around everything else."""

    def __init__(self, app: Application, metrics: HttpMetrics, clock: Clock) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything but HTTP passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["path"] = _path_as_sent(scope)
        answer = _Answer(send)
        started = self._clock.monotonic()
        try:
            await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            pass  # nobody is left to answer; counted as abandoned
        except Exception:
            _log.exception("request_failed", method=scope["method"], route=_route(scope))
            if answer.status is not None:
                raise  # half an answer is out; closing the connection is the only way left to say so
            await respond(internal_problem())(scope, receive, answer.send)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.http_request(_route(scope), method, answer.status or ABANDONED, self._clock.monotonic() - started)


class _Answer:
    """Sends an answer on with our headers, and remembers its status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            message["headers"] = [*message.get("headers", ()), *HEADERS]
        await self._send(message)


def _path_as_sent(scope: Scope) -> str:
    """The path before percent-decoding, so that routing tells an encoded slash from a separator."""
    raw: bytes | None = scope.get("raw_path")
    return quote(scope["path"]) if raw is None else raw.partition(b"?")[0].decode("latin-1")


def _route(scope: Scope) -> str:
    """The template that matched; never the path itself, which holds ids."""
    return str(getattr(scope.get("route"), "path", "unmatched"))
