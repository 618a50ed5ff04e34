"""What the workers of this process know right now, joined over its partitions: the REST door's look at the live state."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from tidegate.contracts.ack import Ack
from tidegate.contracts.ids import DeviceId, SiteId
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.topology import Topology
from tidegate.contracts.views import Balance, DeviceView, Explanation, GatewayView, Health, PartitionView, SiteView
from tidegate.core.allocation.model import AllocationView
from tidegate.core.partition import Partition
from tidegate.errors import DependencyError
from tidegate.pipeline.planning import WatchedPlanner
from tidegate.pipeline.worker import PartitionWorker
from tidegate.pipeline.workers import Workers
from tidegate.ports import Ages

T = TypeVar("T")

MOST_UNPLACED = 20
"""Devices outside the topology that a site's view names: enough to see what is missing."""


class LiveWorkers:
    """Implements `ports.LiveState` over the workers of one process: of the partitions that are its own now."""

    def __init__(self, workers: Workers, bundles: Mapping[str, str], planner: WatchedPlanner) -> None:
        self._workers = workers
        self._planner = planner
        self._bundles = dict(bundles)

    def health(self) -> Health:
        """Alive when every loop goes round and the planner answers, ready when every partition of ours makes progress."""
        stuck = self._planner.stuck()
        reasons = self._workers.not_ready() + ([] if stuck is None else [stuck])
        return Health(alive=stuck is None and self._workers.alive(), ready=not reasons, reasons=reasons)

    def ages(self) -> Ages:
        """How long ago what should happen all the time last did, the worst of the partitions that are ours."""
        worst = Ages.worst(worker.progress.ages() for worker in self._now())
        return replace(worst, plan_seconds=self._planner.seconds())

    async def partitions(self, *, digest: bool) -> Sequence[PartitionView]:
        """What this process works, by partition."""
        return [await self._partition(index, worker, digest) for index, worker in sorted(self._workers.working.items())]

    def bundles(self) -> Mapping[str, str]:
        """Name of each loaded bundle and its identity."""
        return self._bundles

    async def lag(self) -> Mapping[str, int]:
        """Records not yet taken, by input topic."""
        total: Counter[str] = Counter()
        for worker in self._now():
            total.update(await worker.lag())
        return dict(total)

    async def balance(self) -> Balance:
        """Where every reading went, summed over partitions."""
        parts = await self._all(lambda partition: partition.balance)
        return Balance(
            received=sum(part.received for part in parts),
            scored=sum(part.scored for part in parts),
            duplicate=sum(part.duplicate for part in parts),
            quarantined=sum(part.quarantined for part in parts),
            dead_lettered=sum(part.dead_lettered for part in parts),
        )

    async def sites(self) -> Sequence[SiteView]:
        """Every site that a reading or a topology was seen of, by id."""
        views = [view for part in await self._all(_site_views) for view in part]
        return sorted(views, key=lambda view: view.site)

    async def topology(self, site: str) -> Topology | None:
        """The site's topology in force."""
        return await self._owner(site).call(lambda partition: partition.allocator.topology(SiteId(site)))

    async def allocation(self, site: str) -> AllocationView:
        """What questions about the site's allocation are answered from."""
        return await self._owner(site).call(lambda partition: partition.allocation(SiteId(site)))

    async def gateways(self, site: str) -> Sequence[GatewayView]:
        """The gateways of the site's topology, in its order."""
        return await self._owner(site).call(lambda partition: partition.allocator.gateway_views(SiteId(site)))

    async def words(self, site: str) -> Sequence[Ack]:
        """The last ack about each device's present assignment."""
        return await self._owner(site).call(lambda partition: partition.allocator.words(SiteId(site)))

    async def device_views(self, site: str | None) -> Sequence[DeviceView]:
        """The devices of `site`, or of every site."""
        if site is not None:
            return await self._owner(site).call(
                lambda partition: _marked(partition, partition.detection.device_views(SiteId(site)))
            )
        parts = await self._all(lambda partition: _marked(partition, partition.detection.device_views()))
        return [view for part in parts for view in part]

    async def device(self, site: str, device: str) -> DeviceView | None:
        """One device."""
        return await self._owner(site).call(lambda partition: _device_view(partition, SiteId(site), DeviceId(device)))

    async def explain(self, site: str, device: str) -> Explanation | None:
        """Why this device alarms, or why not."""
        return await self._owner(site).call(lambda partition: _explanation(partition, SiteId(site), DeviceId(device)))

    async def _partition(self, index: int, worker: PartitionWorker, digest: bool) -> PartitionView:
        reasons = self._workers.held_up(index)
        try:
            return PartitionView(index, *await worker.standing(digest=digest), reasons)
        except DependencyError:
            return PartitionView(index, reasons=reasons)

    def _owner(self, site: str) -> PartitionWorker:
        return self._workers.worker(partition_of(site, self._workers.partitions))

    def _now(self) -> list[PartitionWorker]:
        return list(self._workers.working.values())  # a copy: partitions come and go while each is asked

    async def _all(self, look: Callable[[Partition], T]) -> list[T]:
        return [await worker.call(look) for worker in self._now()]


def _device_view(partition: Partition, site: SiteId, device: DeviceId) -> DeviceView | None:
    view = partition.detection.device_view(site, device)
    return None if view is None else _marked(partition, [view])[0]


def _explanation(partition: Partition, site: SiteId, device: DeviceId) -> Explanation | None:
    found = partition.detection.explain(site, device)
    return None if found is None else replace(found, device=_marked(partition, [found.device])[0])


def _marked(partition: Partition, views: Sequence[DeviceView]) -> list[DeviceView]:
    """`views` with what allocation knows of their samples."""
    censored = {site: partition.allocator.censored(site) for site in {view.site for view in views}}
    found = ((view, censored[view.site].get(view.device)) for view in views)
    return [view if names is None else replace(view, censored=names) for view, names in found]


def _site_views(partition: Partition) -> list[SiteView]:
    sites = set(partition.detection.sites()) | set(partition.allocator.sites())
    return [_site_view(partition, site) for site in sites]


def _site_view(partition: Partition, site: SiteId) -> SiteView:
    allocator = partition.allocator
    topology = allocator.topology(site)
    return SiteView(
        site=site,
        topology_revision=None if topology is None else topology.revision,
        gateways=0 if topology is None else len(topology.gateways),
        devices=partition.detection.state_counts(site),
        holds=allocator.holds(site),
        unplaced=allocator.unplaced(site)[:MOST_UNPLACED],
    )
