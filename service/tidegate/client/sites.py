"""Sites: what is planned together, and who serves whom."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from tidegate.client.listing import Listing
from tidegate.client.route import Route
from tidegate.client.wire import Wire
from tidegate.contracts.paging import MAX_PAGE, Page
from tidegate.contracts.plan import Assignment
from tidegate.contracts.topology import Topology
from tidegate.contracts.views import GatewayView, SiteView

_LIST: Final = Route("GET", "/v1/sites")
_GET: Final = Route("GET", "/v1/sites/{site}")
_TOPOLOGY: Final = Route("GET", "/v1/sites/{site}/topology")
_GATEWAYS: Final = Route("GET", "/v1/sites/{site}/gateways")
_OF_SITE: Final = Route("GET", "/v1/sites/{site}/assignments")
_OF_GATEWAY: Final = Route("GET", "/v1/gateways/{gateway}/assignments")

# Named here: inside the class, `list` is a method.
_SITES = list[SiteView]
_GATEWAY_VIEWS = list[GatewayView]


class Sites:
    """`/v1/sites`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def list(self) -> Sequence[SiteView]:
        """Every site that a reading or a topology was seen of."""
        return await self._wire.ask(_LIST, _SITES)

    async def get(self, site: str) -> SiteView:
        """One site in numbers, with what holds its plans back."""
        return await self._wire.ask(_GET, SiteView, {"site": site})

    async def topology(self, site: str) -> Topology:
        """The topology in force; `topologies` replaces it."""
        return await self._wire.ask(_TOPOLOGY, Topology, {"site": site})

    async def gateways(self, site: str) -> Sequence[GatewayView]:
        """The gateways of a site's topology as they stand; empty without a topology."""
        return await self._wire.ask(_GATEWAYS, _GATEWAY_VIEWS, {"site": site})


class Assignments:
    """Desired state: which gateway serves which device, with what."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def of_site(self, site: str) -> Listing[Assignment]:
        """Who serves each device of a site, by device."""
        return Listing(self._wire, _OF_SITE, Page[Assignment], {"site": site})

    def of_gateway(self, gateway: str, *, site: str | None = None, fresh: bool = False) -> Listing[Assignment]:
        """The devices a gateway shall serve; give `site` where gateway ids repeat, and with `fresh` (see `when_changed`)."""
        query = {"site": site, "fresh": fresh or None}
        return Listing(self._wire, _OF_GATEWAY, Page[Assignment], {"gateway": gateway}, query)

    async def when_changed(
        self, gateway: str, seen: str = "", *, site: str | None = None, wait_seconds: int = 5, fresh: bool = False
    ) -> tuple[Page[Assignment], str] | None:
        """The first page of what a gateway shall serve, and its tag, once that is not `seen`; None when it stayed so.

        `wait_seconds` (60 at most) has to be less than the client's own timeout. `fresh`: it has everything that was committed
        when it was asked for; needs `site`.
        """
        query = {"site": site, "wait_seconds": wait_seconds, "limit": MAX_PAGE, "fresh": fresh or None}
        headers = {"if-none-match": seen} if seen else {}
        also = frozenset({HTTPStatus.NOT_MODIFIED.value})
        answer = await self._wire.send(_OF_GATEWAY, {"gateway": gateway}, query=query, headers=headers, also=also)
        if answer.status_code == HTTPStatus.NOT_MODIFIED:
            return None
        return self._wire.read(answer, Page[Assignment]), answer.headers.get("etag", "")
