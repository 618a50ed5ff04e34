"""The door over the log in memory, with a worker's live state that a test fills by hand."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn

from histories import fresh_history
from tidegate.adapters.adviser import InlineAdviser
from tidegate.adapters.history import Follower, SqlViews
from tidegate.adapters.memory import ManualClock, MemoryAudit, MemoryKeys, MemoryLog, NullMetrics
from tidegate.api.access.authenticator import AccessControl
from tidegate.api.app import create_app
from tidegate.api.dependencies import ApiDependencies, ApiLimits
from tidegate.api.feed import Feed
from tidegate.contracts import topics
from tidegate.contracts.ack import Ack
from tidegate.contracts.codec import encode
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.topology import Topology
from tidegate.contracts.views import Balance, DeviceView, Explanation, GatewayView, Health, PartitionView, SiteView
from tidegate.core.allocation.model import AllocationView
from tidegate.ports import Outgoing

PARTITIONS = 3


@dataclass
class LiveByHand:
    """`ports.LiveState` whose knowledge is set by the test; `broken` makes every question fail."""

    devices: list[DeviceView] = field(default_factory=list)
    explanations: dict[tuple[str, str], Explanation] = field(default_factory=dict)
    gateway_views: list[GatewayView] = field(default_factory=list)
    acks: list[Ack] = field(default_factory=list)
    topologies: dict[str, Topology] = field(default_factory=dict)
    allocations: dict[str, AllocationView] = field(default_factory=dict)
    site_views: list[SiteView] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=lambda: {topics.TELEMETRY: 0})
    counted: Balance = field(default_factory=Balance)
    state: Health = field(default_factory=lambda: Health(alive=True, ready=True))
    broken: Exception | None = None

    def health(self) -> Health:
        return self.state

    def bundles(self) -> Mapping[str, str]:
        return {"universal/1.0.0": "3f9ab2"}

    async def partitions(self, *, digest: bool) -> Sequence[PartitionView]:
        return [PartitionView(0, 7, "0a1b" if digest else None), PartitionView(2)]

    async def lag(self) -> Mapping[str, int]:
        self._check()
        return self.waiting

    async def balance(self) -> Balance:
        self._check()
        return self.counted

    async def sites(self) -> Sequence[SiteView]:
        self._check()
        return self.site_views

    async def topology(self, site: str) -> Topology | None:
        return self.topologies.get(site)

    async def allocation(self, site: str) -> AllocationView:
        self._check()
        return self.allocations.get(site, AllocationView(site, 0, None))

    async def gateways(self, site: str) -> Sequence[GatewayView]:
        return [view for view in self.gateway_views if view.site == site]

    async def words(self, site: str) -> Sequence[Ack]:
        return [ack for ack in self.acks if ack.site == site]

    async def device_views(self, site: str | None) -> Sequence[DeviceView]:
        self._check()
        return [view for view in self.devices if site is None or view.site == site]

    async def explain(self, site: str, device: str) -> Explanation | None:
        self._check()
        return self.explanations.get((site, device))

    def _check(self) -> None:
        if self.broken is not None:
            raise self.broken


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
