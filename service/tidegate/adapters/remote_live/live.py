"""Every question of `ports.LiveState`, put to the workers who know: one to the owner of a site, or all at once.

A list over all sites is complete or an error: half a fleet must not look like a whole one.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final

from tidegate.adapters.remote_live.asking import Asking, ask
from tidegate.adapters.remote_live.worker import Reach
from tidegate.contracts.ack import Ack
from tidegate.contracts.topics import INPUTS
from tidegate.contracts.topology import Topology
from tidegate.contracts.views import Balance, DeviceView, Explanation, GatewayView, Health, PartitionView, SiteView
from tidegate.core.allocation.model import AllocationView
from tidegate.errors import DependencyError
from tidegate.ports import LiveState, Log

LAG_SECONDS: Final = 1.0
"""How long a worker may take to say what waits; the log knows too, only dearer, and the door must not stand still meanwhile."""


class RemoteLive:
    """Implements `ports.LiveState` over workers' answers. A new question takes one line: ask its site's owner, or everybody."""

    def __init__(self, asking: Asking, log: Log, own: LiveState) -> None:
        self._asking = asking
        self._log = log
        self._own = own

    def health(self) -> Health:
        """How this process is. It is ready without workers, too, for readings and facts want none; `reasons` name who is away."""
        own = self._own.health()
        return Health(own.alive, own.ready, [*own.reasons, *self.missing()])

    def missing(self) -> list[str]:
        """Whose live state nobody answers for, in words; by the last look."""
        partitions = ", ".join(map(str, self.unanswered()))
        return [f"no worker answers for partition {partitions}", *self._asking.crew.roll.silent.values()] if partitions else []

    def unanswered(self) -> list[int]:
        """The partitions whose live state nobody answers for; by the last look."""
        return sorted(set(range(self._log.partitions)) - self._asking.crew.roll.owners.keys())

    def count_unanswered(self) -> int:
        """How many they are."""
        return len(self.unanswered())

    def bundles(self) -> Mapping[str, str]:
        """What the workers serve with; what is loaded here until one was heard."""
        return self._asking.crew.roll.bundles or self._own.bundles()

    async def lag(self) -> Mapping[str, int]:
        """Records not yet taken, by input topic: by the workers' word, and by the log's where a worker has none."""
        owners = self._asking.crew.roll.owners
        said = await asyncio.gather(*map(self._lag_of, set(owners.values())))
        heard = {worker for worker, lag in said if lag is not None}
        unheard = [index for index in range(self._log.partitions) if owners.get(index) not in heard]
        total: Counter[str] = Counter()
        for lag in [*(lag or {} for _, lag in said), *[await self._lag_on_log(index) for index in unheard]]:
            total.update(lag)
        return dict(total)

    async def balance(self) -> Balance:
        """Where every reading went, summed over workers."""
        parts = [asdict(part) for part in await self._asking.all(LiveState.balance)]
        return Balance(**{name: sum(part[name] for part in parts) for name in asdict(Balance())})

    async def partitions(self, *, digest: bool) -> Sequence[PartitionView]:
        """What every worker works, by partition; a partition that nobody answers for says so."""
        said = {each.partition: each for part in await self._asking.heard(LiveState.partitions, digest=digest) for each in part}
        lost = {index: PartitionView(index, reasons=["no worker answers for it"]) for index in range(self._log.partitions)}
        return [view for _, view in sorted((lost | said).items())]

    async def sites(self) -> Sequence[SiteView]:
        """Every site, by id."""
        return sorted(await self._asking.joined(LiveState.sites), key=lambda view: view.site)

    async def topology(self, site: str) -> Topology | None:
        """The site's topology in force."""
        return await self._asking.owner(site, LiveState.topology, site)

    async def allocation(self, site: str) -> AllocationView:
        """What questions about the site's allocation are answered from."""
        return await self._asking.owner(site, LiveState.allocation, site)

    async def gateways(self, site: str) -> Sequence[GatewayView]:
        """The gateways of the site's topology, in its order."""
        return await self._asking.owner(site, LiveState.gateways, site)

    async def words(self, site: str) -> Sequence[Ack]:
        """The last ack about each device's present assignment."""
        return await self._asking.owner(site, LiveState.words, site)

    async def device_views(self, site: str | None) -> Sequence[DeviceView]:
        """The devices of `site`, or of every site."""
        if site is None:
            return await self._asking.joined(LiveState.device_views, site)
        return await self._asking.owner(site, LiveState.device_views, site)

    async def device(self, site: str, device: str) -> DeviceView | None:
        """One device."""
        return await self._asking.owner(site, LiveState.device, site, device)

    async def explain(self, site: str, device: str) -> Explanation | None:
        """Why this device alarms, or why not."""
        return await self._asking.owner(site, LiveState.explain, site, device)

    async def _lag_of(self, worker: Reach) -> tuple[Reach, Mapping[str, int] | None]:
        """What waits before `worker`; None where it does not say."""
        try:
            async with asyncio.timeout(LAG_SECONDS):
                return worker, await ask(worker, LiveState.lag)
        except (DependencyError, TimeoutError):
            return worker, None

    async def _lag_on_log(self, partition: int) -> Mapping[str, int]:
        positions = await self._log.positions(partition)
        ends = {topic: await self._log.end_offset(topic, partition) for topic in INPUTS}
        return {topic: max(0, end - positions.get(topic, 0)) for topic, end in ends.items()}
