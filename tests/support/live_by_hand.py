"""A worker's live state that a test fills by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tidegate.contracts import topics
from tidegate.contracts.ack import Ack
from tidegate.contracts.topology import Topology
from tidegate.contracts.views import Balance, DeviceView, Explanation, GatewayView, Health, PartitionView, SiteView
from tidegate.core.allocation.model import AllocationView


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

    async def device(self, site: str, device: str) -> DeviceView | None:
        known = {(view.site, view.device): view for view in await self.device_views(site)}
        return known.get((site, device))

    async def explain(self, site: str, device: str) -> Explanation | None:
        self._check()
        return self.explanations.get((site, device))

    def _check(self) -> None:
        if self.broken is not None:
            raise self.broken
