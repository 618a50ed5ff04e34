"""What ASGI calls things, and what our layers tell each other about one request through its scope."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

REQUEST_ID: Final = "tidegate.request_id"
"""Key of the scope: what log lines, the audit and the answer call this request."""

CALLER: Final = "tidegate.caller"
"""Key of the scope: who makes this request."""

PROBLEM: Final = "tidegate.problem"
"""Key of the scope: the code of the problem that was answered with."""


class Answer:
    """Sends an answer on, and remembers its status; None until it began. Adds those of `headers` that it lacks."""

    def __init__(self, send: Send, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self._send = send
        self._headers = tuple(headers)
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        """Take one message of the application."""
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            given = list(message.get("headers", ()))
            names = {name.lower() for name, _ in given}
            message["headers"] = [*given, *(header for header in self._headers if header[0] not in names)]
        await self._send(message)
