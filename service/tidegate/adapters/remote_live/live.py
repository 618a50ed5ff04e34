"""Every question of `ports.LiveState`, put to the workers who know: one to the owner of a site, or all at once.

A list over all sites is complete or an error: half a fleet must not look like a whole one.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from tidegate.adapters.remote_live.crew import Crew
from tidegate.adapters.remote_live.worker import Reach
from tidegate.contracts.ack import Ack
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.topics import INPUTS
from tidegate.contracts.topology import Topology
from tidegate.contracts.views import Balance, DeviceView, Explanation, GatewayView, Health, PartitionView, SiteView
from tidegate.core.allocation.model import AllocationView
from tidegate.errors import DependencyError
from tidegate.ports import LiveState, Log

P = ParamSpec("P")
T = TypeVar("T")

Asked = Callable[Concatenate[LiveState, P], Awaitable[T]]
"""A question as `LiveState` has it: `LiveState.topology`."""

LAG_SECONDS: Final = 1.0
"""How long a worker may take to say what waits; the log knows too, only dearer, and the door must not stand still meanwhile."""


class RemoteLive:
    """Implements `ports.LiveState` over a crew. A new question takes one line: ask the owner of its site, or everybody."""

    def __init__(self, crew: Crew, log: Log, own: LiveState) -> None:
        self._crew = crew
        self._log = log
        self._own = own

    def health(self) -> Health:
        """How this process is. It is ready without workers, too, for readings and facts want none; `reasons` name who is away."""
        own = self._own.health()
        return Health(own.alive, own.ready, [*own.reasons, *self.missing()])

    def missing(self) -> list[str]:
        """Whose live state nobody answers for, in words; by the last look."""
        partitions = ", ".join(map(str, self.unanswered()))
        return [f"no worker answers for partition {partitions}", *self._crew.roll.silent.values()] if partitions else []

    def unanswered(self) -> list[int]:
        """The partitions whose live state nobody answers for; by the last look."""
        return sorted(set(range(self._log.partitions)) - self._crew.roll.owners.keys())

    def count_unanswered(self) -> int:
        """How many they are."""
        return len(self.unanswered())

    def bundles(self) -> Mapping[str, str]:
        """What the workers serve with; what is loaded here until one was heard."""
        return self._crew.roll.bundles or self._own.bundles()

    async def lag(self) -> Mapping[str, int]:
        """Records not yet taken, by input topic: by the workers' word, and by the log's where a worker has none."""
        owners = self._crew.roll.owners
        said = await asyncio.gather(*map(self._lag_of, set(owners.values())))
        heard = {worker for worker, lag in said if lag is not None}
        unheard = [index for index in range(self._log.partitions) if owners.get(index) not in heard]
        total: Counter[str] = Counter()
        for lag in [*(lag or {} for _, lag in said), *[await self._lag_on_log(index) for index in unheard]]:
            total.update(lag)
        return dict(total)

    async def balance(self) -> Balance:
        """Where every reading went, summed over workers."""
        parts = [asdict(part) for part in await self._of_all(LiveState.balance)]
        return Balance(**{name: sum(part[name] for part in parts) for name in asdict(Balance())})

    async def partitions(self, *, digest: bool) -> Sequence[PartitionView]:
        """What every worker works, by partition; a partition that nobody answers for says so."""
        said = {each.partition: each for part in await self._of_heard(LiveState.partitions, digest=digest) for each in part}
        lost = {index: PartitionView(index, reasons=["no worker answers for it"]) for index in range(self._log.partitions)}
        return [view for _, view in sorted((lost | said).items())]

    async def sites(self) -> Sequence[SiteView]:
        """Every site, by id."""
        return sorted(await self._joined(LiveState.sites), key=lambda view: view.site)

    async def topology(self, site: str) -> Topology | None:
        """The site's topology in force."""
        return await self._of_owner(site, LiveState.topology, site)

    async def allocation(self, site: str) -> AllocationView:
        """What questions about the site's allocation are answered from."""
        return await self._of_owner(site, LiveState.allocation, site)

    async def gateways(self, site: str) -> Sequence[GatewayView]:
        """The gateways of the site's topology, in its order."""
        return await self._of_owner(site, LiveState.gateways, site)

    async def words(self, site: str) -> Sequence[Ack]:
        """The last ack about each device's present assignment."""
        return await self._of_owner(site, LiveState.words, site)

    async def device_views(self, site: str | None) -> Sequence[DeviceView]:
        """The devices of `site`, or of every site."""
        if site is None:
            return await self._joined(LiveState.device_views, site)
        return await self._of_owner(site, LiveState.device_views, site)

    async def explain(self, site: str, device: str) -> Explanation | None:
        """Why this device alarms, or why not."""
        return await self._of_owner(site, LiveState.explain, site, device)

    async def _of_owner(self, site: str, asked: Asked[P, T], *given: P.args, **named: P.kwargs) -> T:
        """Ask the owner of `site`; whoever has taken it over, when that one cannot say."""
        partition = partition_of(site, self._log.partitions)
        owner = await self._crew.owner(partition)
        try:
            return await _ask(owner, asked, *given, **named)
        except DependencyError:
            successor = await self._crew.owner(partition, besides=owner)
            if successor is owner:
                raise
            return await _ask(successor, asked, *given, **named)

    async def _of_all(self, asked: Asked[P, T], *given: P.args, **named: P.kwargs) -> list[T]:
        """Ask every worker, once each partition has one."""
        owners = {await self._crew.owner(partition) for partition in range(self._log.partitions)}
        return await asyncio.gather(*(_ask(owner, asked, *given, **named) for owner in owners))

    async def _of_heard(self, asked: Asked[P, T], *given: P.args, **named: P.kwargs) -> list[T]:
        """Ask every worker, and leave out who does not answer."""
        await self._crew.look()
        workers = [standing.worker for standing in self._crew.roll.standings]
        said = await asyncio.gather(*(_ask(each, asked, *given, **named) for each in workers), return_exceptions=True)
        return [each for each in said if not isinstance(each, BaseException)]

    async def _joined(self, asked: Asked[P, Sequence[T]], *given: P.args, **named: P.kwargs) -> list[T]:
        return [item for part in await self._of_all(asked, *given, **named) for item in part]

    async def _lag_of(self, worker: Reach) -> tuple[Reach, Mapping[str, int] | None]:
        """What waits before `worker`; None where it does not say."""
        try:
            async with asyncio.timeout(LAG_SECONDS):
                return worker, await _ask(worker, LiveState.lag)
        except (DependencyError, TimeoutError):
            return worker, None

    async def _lag_on_log(self, partition: int) -> Mapping[str, int]:
        positions = await self._log.positions(partition)
        ends = {topic: await self._log.end_offset(topic, partition) for topic in INPUTS}
        return {topic: max(0, end - positions.get(topic, 0)) for topic, end in ends.items()}


async def _ask(worker: Reach, asked: Asked[P, T], *given: P.args, **named: P.kwargs) -> T:
    name = asked.__name__
    answer: Any = await worker.ask(name, *given, **named)
    found: T = answer
    return found
