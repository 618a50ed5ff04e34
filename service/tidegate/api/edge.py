"""The outermost layer of every request: path as sent, security headers, one measurement, and no exception left over."""

import re
import secrets
from typing import Final
from urllib.parse import quote

import structlog
from starlette.requests import ClientDisconnect

from tidegate.api.asgi import REQUEST_ID, Answer, Application, Receive, Scope, Send
from tidegate.api.dependencies import HttpMetrics
from tidegate.api.problems import internal_problem, respond
from tidegate.ports import Clock

POLICY: Final = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""What an answer may load in a browser: nothing. A page that brings its own policy is left to it."""

CONSOLE: Final = "/console"

CONSOLE_POLICY: Final = (
    b"default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
    b"frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)
"""What pages of the console may load: from here alone. NiceGUI writes its scripts into the page, and Vue compiles its templates
in the browser, which no policy without these two words lets happen; what people typed is escaped before it gets there."""

HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""On every answer that does not bring its own: no content sniffing, no stale state from a cache, no ids in a Referer, no frame
around us, nothing embedded elsewhere. Not HSTS: whoever ends TLS in front of us says that."""

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._:/+=-]{1,64}")
"""Ids of requests that we take over from clients and proxies; any other would not be safe in a log line."""

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
        scope[REQUEST_ID] = _request_id(scope)
        answer = Answer(send, (*HEADERS, _policy(scope["path"]), (b"x-request-id", scope[REQUEST_ID].encode())))
        started = self._clock.monotonic()
        try:
            await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            pass  # nobody is left to answer; counted as abandoned
        except Exception:
            _log.exception("request_failed", method=scope["method"], route=_route(scope), request_id=scope[REQUEST_ID])
            if answer.status is not None:
                raise  # half an answer is out; closing the connection is the only way left to say so
            await respond(internal_problem())(scope, receive, answer.send)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.http_request(_route(scope), method, answer.status or ABANDONED, self._clock.monotonic() - started)


def _request_id(scope: Scope) -> str:
    """What the client or a proxy calls this request, or else 64 random bits."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode("ascii") if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _policy(path: str) -> tuple[bytes, bytes]:
    inside = path == CONSOLE or path.startswith(f"{CONSOLE}/")
    return b"content-security-policy", CONSOLE_POLICY if inside else POLICY


def _path_as_sent(scope: Scope) -> str:
    """The path before percent-decoding, so that routing tells an encoded slash from a separator."""
    raw: bytes | None = scope.get("raw_path")
    return quote(scope["path"]) if raw is None else raw.partition(b"?")[0].decode("latin-1")


def _route(scope: Scope) -> str:
    """The template that matched; never the path itself, which holds ids."""
    return str(getattr(scope.get("route"), "path", "unmatched"))
