"""The door over the log in memory, with a worker's live state that a test fills by hand."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn

from histories import fresh_history
from support.live_by_hand import LiveByHand
from tidegate.adapters.adviser import InlineAdviser
from tidegate.adapters.history import Follower, SqlViews
from tidegate.adapters.memory import ManualClock, MemoryAudit, MemoryKeys, MemoryLog, NullMetrics
from tidegate.api.access.authenticator import AccessControl
from tidegate.api.app import create_app
from tidegate.api.dependencies import ApiDependencies, ApiLimits
from tidegate.api.feed import Feed
from tidegate.contracts.codec import encode
from tidegate.contracts.partitioner import partition_of
from tidegate.ports import Outgoing

PARTITIONS = 3


@dataclass
class Counted:
    """`HttpMetrics` that remembers what it was told."""

    requests: list[tuple[str, str, int]] = field(default_factory=list)

    def http_request(self, route: str, method: str, status: int, seconds: float) -> None:
        assert seconds >= 0
        self.requests.append((route, method, status))

    def render(self) -> bytes:
        return b"# HELP tidegate_up\n"


@dataclass
class House:
    """One door with everything behind it within reach of the test."""

    log: MemoryLog
    live: LiveByHand
    clock: ManualClock
    metrics: Counted
    feed: Feed
    follower: Follower
    views: SqlViews
    app: Any
    client: httpx.AsyncClient
    keys: MemoryKeys
    audit: MemoryAudit

    async def publish(self, topic: str, site: str, fact: object, key: str | None = None) -> None:
        """Commit a fact as the worker would and let the read model read it."""
        record = Outgoing(topic, partition_of(site, PARTITIONS), (key or site).encode(), encode(fact))
        await self.log.append([record])
        await self.follow()

    async def follow(self) -> None:
        while await self.follower.catch_up() + await self.feed.catch_up():
            pass

    async def has_listeners(self, count: int) -> None:
        """Return once so many listen to the stream."""
        for _ in range(2000):
            if self.feed.listeners == count:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{self.feed.listeners} listen, expected {count}")

    async def records(self, topic: str) -> list[Any]:
        found: list[Any] = []
        for partition in range(PARTITIONS):
            found += await self.log.read(topic, partition, 0, max_records=10_000, max_bytes=1 << 30)
        return found


@pytest.fixture
def limits() -> ApiLimits:
    """Small enough to run into; a test module may override it."""
    return ApiLimits(max_body_bytes=256 * 1024, max_pending_records=100)


@pytest.fixture
def access() -> Callable[[MemoryKeys, ManualClock], AccessControl]:
    """Off, as on loopback; a test module may override it."""
    return lambda keys, clock: AccessControl()


@pytest_asyncio.fixture
async def house(limits: ApiLimits, access: Any, tmp_path: Path) -> AsyncIterator[House]:
    clock = ManualClock()
    log = MemoryLog(PARTITIONS, clock=clock)
    live, metrics, feed = LiveByHand(), Counted(), Feed(log)
    history = fresh_history(tmp_path)
    follower, views = Follower(log, history, NullMetrics()), SqlViews(history, PARTITIONS)
    keys, audit = MemoryKeys(), MemoryAudit()
    ports = ApiDependencies(
        log,
        views,
        live,
        metrics,
        clock,
        feed,
        limits,
        access=access(keys, clock),
        keys=keys,
        audit=audit,
        adviser=InlineAdviser(),
    )
    app = create_app(ports)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
        yield House(log, live, clock, metrics, feed, follower, views, app, client, keys, audit)
    await history.close()


class _QuietServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


@contextlib.asynccontextmanager
async def on_a_socket(app: Any) -> AsyncIterator[str]:
    """The application on a real socket; yields its address."""
    server = _QuietServer(uvicorn.Config(app, log_config=None, lifespan="off"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        server.force_exit = True
        await serving


@pytest_asyncio.fixture
async def url(house: Any) -> AsyncIterator[str]:
    async with on_a_socket(house.app) as address:
        yield address


@pytest.fixture
def socket_for() -> Any:
    return on_a_socket
