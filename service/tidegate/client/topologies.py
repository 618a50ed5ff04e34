"""Topologies: a site's gateways and devices, replaced as a whole."""

from typing import Final

from tidegate.client.commands import keyed
from tidegate.client.listing import Listing
from tidegate.client.route import Route
from tidegate.client.wire import Wire
from tidegate.contracts.paging import Page
from tidegate.contracts.rest import Order, TopologyBody, TopologyReceipt
from tidegate.contracts.topology import Topology
from tidegate.contracts.topology_report import TopologyReport
from tidegate.contracts.views import TopologyRevision

_PUT: Final = Route("PUT", "/v1/sites/{site}/topology")
_REVISIONS: Final = Route("GET", "/v1/sites/{site}/topology/revisions")
_REVISION: Final = Route("GET", "/v1/sites/{site}/topology/revisions/{revision}")
_VALIDATE: Final = Route("POST", "/v1/sites/{site}/topology/validate", harmless_twice=True)


class Topologies:
    """`/v1/sites/{site}/topology`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def revisions(self, site: str) -> Listing[TopologyRevision]:
        """The topologies that came into force, the last revision first."""
        return Listing(self._wire, _REVISIONS, Page[TopologyRevision], {"site": site})

    async def revision(self, site: str, revision: int) -> Topology:
        """A topology that came into force, whole."""
        return await self._wire.ask(_REVISION, Topology, {"site": site, "revision": str(revision)})

    async def validate(self, site: str, topology: TopologyBody) -> TopologyReport:
        """What is wrong or doubtful about `topology`, and what it would change; changes nothing."""
        return await self._wire.ask(_VALIDATE, TopologyReport, {"site": site}, body=topology)

    async def put(
        self,
        site: str,
        topology: TopologyBody,
        *,
        replaces: int | None = None,
        order: Order | None = None,
        key: str | None = None,
    ) -> TopologyReceipt:
        """Replace the topology at revision `replaces`; None for a site without one, or where `topology` names a revision."""
        wanted = order or Order()
        condition = {} if replaces is None else {"if-match": f'"{replaces}"'}
        query = {"reason": wanted.reason or None, "issued_by": wanted.issued_by}
        return await self._wire.ask(
            _PUT, TopologyReceipt, {"site": site}, query=query, body=topology, headers=keyed(key) | condition
        )
