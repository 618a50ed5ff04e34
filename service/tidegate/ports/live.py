"""What workers know right now."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from tidegate.contracts.ack import Ack
from tidegate.contracts.topology import Topology
from tidegate.contracts.views import (
    Balance,
    DeviceView,
    Explanation,
    GatewayView,
    Health,
    PartitionView,
    SiteView,
)
from tidegate.core.allocation.model import AllocationView


class LiveState(Protocol):
    """What the workers of this process, or those it can ask, know right now of the partitions they work. Changes nothing.

    Every method is a question that another process can be asked by name (`questions`): its arguments and its answer are plain
    values of the contracts, and whatever is about one site has a parameter `site`.

    Every call but `health` and `bundles` waits for the batch at hand, some milliseconds, because a state is looked at only
    between two batches.

    Raises:
        DependencyError: the partition asked about is still being restored, or worked by a process that does not answer.
    """

    def health(self) -> Health:
        """Whether the worker lives and makes progress."""
        ...

    async def lag(self) -> Mapping[str, int]:
        """Records committed to each input topic and not yet taken in, over all partitions this worker owns."""
        ...

    async def balance(self) -> Balance:
        """Where every reading went, summed over partitions."""
        ...

    async def partitions(self, *, digest: bool) -> Sequence[PartitionView]:
        """The partitions this process works, by number; also those that it is restoring. A digest takes a pass over the state."""
        ...

    def bundles(self) -> Mapping[str, str]:
        """Name/version of each loaded bundle and its digest."""
        ...

    async def sites(self) -> Sequence[SiteView]:
        """Every site a reading or a topology was seen of, sorted by id."""
        ...

    async def topology(self, site: str) -> Topology | None:
        """The site's topology in force; None when none was set or the site is unknown."""
        ...

    async def allocation(self, site: str) -> AllocationView:
        """What questions about the site's allocation are answered from; without a request where it has no topology."""
        ...

    async def gateways(self, site: str) -> Sequence[GatewayView]:
        """The gateways of the site's topology, in its order; empty without one."""
        ...

    async def words(self, site: str) -> Sequence[Ack]:
        """The last ack about each device's present assignment, by device."""
        ...

    async def device_views(self, site: str | None) -> Sequence[DeviceView]:
        """The devices of `site`, or of every site, in any order; empty for an unknown site."""
        ...

    async def device(self, site: str, device: str) -> DeviceView | None:
        """One device; None when it was never heard of."""
        ...

    async def explain(self, site: str, device: str) -> Explanation | None:
        """Why this device alarms, or why not; None when it was never heard of."""
        ...
