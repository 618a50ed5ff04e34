"""The socket and the server behind it."""

import contextlib
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import uvicorn

from tidegate.adapters.heads import BoundedHeads
from tidegate.errors import ConfigurationError


def listen(host: str, port: int) -> socket.socket:
    """A socket that already takes connections; they wait until the server runs.

    Raises:
        ConfigurationError: the address cannot be used, or is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # whoever comes early waits in the queue, and is not refused
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"cannot listen on {host} port {port}: {error.strerror}",
            advice="choose another with TIDEGATE_API__PORT, or 0 for a free one",
        ) from error
    listener.set_inheritable(True)
    return listener


def server_of(app: Any, trusted_proxies: Sequence[str]) -> uvicorn.Server:
    """uvicorn with `app`, to be run on a socket of `listen`; it believes `trusted_proxies` about addresses, and nobody else."""
    config = uvicorn.Config(
        app,
        http=BoundedHeads,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=3,
        server_header=False,
        ws="websockets-sansio",  # the one that warns of nothing
        # uvicorn believes X-Forwarded-For of loopback by itself; an address in the audit must not be anybody's to choose.
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
    )
    return _Server(config)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: one place decides the order in which things stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
