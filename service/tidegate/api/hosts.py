"""Under which names the door is asked, where nobody is asked who they are.

A page in somebody's browser can point a name of its own at a loopback address and then talk to us as if it were our own page
("DNS rebinding"). Its requests carry that name in `Host`, which no page can change. An address in place of a name cannot be
pointed elsewhere.
"""

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from tidegate.api.asgi import Application, Receive, Scope, Send
from tidegate.api.errors import HostUnknownError
from tidegate.api.problems import answer_to

LOCAL = frozenset({"localhost"})


class Hosts:
    """ASGI middleware that refuses requests to a name that is neither an address, `localhost`, nor one of `names`."""

    def __init__(self, app: Application, names: Collection[str]) -> None:
        self._app = app
        self._names = LOCAL | {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with 421; sockets are closed."""
        if scope["type"] not in {"http", "websocket"} or self._is_ours(_host_of(scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            error = HostUnknownError(
                f"this service is not called {_host_of(scope)[:80]!r}",
                advice="ask it by its address, or add the name to api.hosts",
            )
            await answer_to(error)(scope, receive, send)

    def _is_ours(self, host: str) -> bool:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return host in self._names or host == ""  # HTTP/1.0 has no Host, and no browser speaks it
        return True


def _host_of(scope: Scope) -> str:
    """The name that the request was made to, without its port, in lower case; empty for none."""
    given = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    try:
        return (urlsplit(f"//{given}").hostname or "").rstrip(".")
    except ValueError:
        return given.lower()
