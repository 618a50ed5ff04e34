"""Questions about a site's allocation: what they are answered from, and by whom."""

from dataclasses import replace

from tidegate.api.answers import found
from tidegate.api.dependencies import Door
from tidegate.contracts.ids import DeviceId, SiteId
from tidegate.contracts.studies import Headroom
from tidegate.core.allocation.model import AllocationView
from tidegate.errors import DependencyError
from tidegate.ports import Adviser


def adviser_of(door: Door) -> Adviser:
    """Who answers.

    Raises:
        DependencyError: nobody does in this process.
    """
    if door.ports.adviser is None:
        raise DependencyError("this process answers no questions about plans", advice="ask one with the api role")
    return door.ports.adviser


async def view_of(site: SiteId, door: Door) -> AllocationView:
    """How the allocation of `site` stands.

    Raises:
        NotFoundError: it has no topology.
        DependencyError: its worker cannot say now.
    """
    view = await door.ports.live.allocation(site)
    found(view.request, f"topology of site {site!r}")
    return view


def check_device(device: DeviceId, view: AllocationView) -> None:
    """See that the topology of `view` has `device`.

    Raises:
        NotFoundError: it has not.
    """
    known = view.request is not None and any(each.id == device for each in view.request.topology.devices)
    found(known or None, f"device {device!r} in the topology of site {view.site!r}")


async def headroom_of(site: SiteId, door: Door) -> Headroom:
    """N-1 of `site`, at most some seconds old. Raises as the adviser and `view_of`."""

    async def compute() -> Headroom:
        answer = await adviser_of(door).headroom(await view_of(site, door))
        return replace(answer, computed_at_ms=door.ports.clock.now_ms())

    return await door.headrooms.answer(site, compute)
