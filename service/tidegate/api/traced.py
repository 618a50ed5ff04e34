"""A span around every request, for whoever follows one through log, batch and decision. Only there where traces are on."""

from tidegate.api.asgi import Answer, Application, Receive, Scope, Send
from tidegate.ports.tracing import TRACEPARENT, Tracing


class Traced:
    """ASGI middleware; continues the caller's trace where its `traceparent` says there is one."""

    def __init__(self, app: Application, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything but HTTP passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == TRACEPARENT.encode()), b"")
        answer = Answer(send)
        with self._tracing.span("request", parent=given.decode("latin-1")) as span:
            try:
                await self._app(scope, receive, answer.send)
            finally:
                # The template, never the path: ids are none of the collector's business, and names come from a closed set.
                span.call(f"{scope['method']} {getattr(scope.get('route'), 'path', 'unmatched')}")
                span.note("answered", {"status": str(answer.status or "none")})
