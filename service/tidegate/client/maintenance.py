"""Maintenance windows: when no anomaly is to open, because somebody is at work."""

from typing import Final

from tidegate.client.commands import keyed
from tidegate.client.listing import Listing
from tidegate.client.route import Route
from tidegate.client.wire import Wire
from tidegate.contracts.maintenance import MaintenanceView
from tidegate.contracts.paging import Page
from tidegate.contracts.rest import CommandReceipt, MaintenanceRequest, Order

_LIST: Final = Route("GET", "/v1/sites/{site}/maintenance")
_DECLARE: Final = Route("POST", "/v1/sites/{site}/maintenance")
_CANCEL: Final = Route("DELETE", "/v1/sites/{site}/maintenance/{window}")


class Maintenance:
    """`/v1/sites/{site}/maintenance`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self, site: str, *, at_ms: int | None = None) -> Listing[MaintenanceView]:
        """The windows of a site by id, or only those in force at `at_ms`; past and cancelled ones as far as they are kept."""
        return Listing(self._wire, _LIST, Page[MaintenanceView], {"site": site}, query={"at_ms": at_ms})

    async def declare(self, site: str, window: MaintenanceRequest, *, key: str | None = None) -> CommandReceipt:
        """Declare a window, or put another in place of the one with its id."""
        return await self._wire.ask(_DECLARE, CommandReceipt, {"site": site}, body=window, headers=keyed(key))

    async def cancel(self, site: str, window: str, *, order: Order | None = None, key: str | None = None) -> CommandReceipt:
        """Cancel a window."""
        wanted = order or Order()
        query = {"reason": wanted.reason or None, "issued_by": wanted.issued_by}
        names = {"site": site, "window": window}
        return await self._wire.ask(_CANCEL, CommandReceipt, names, query=query, headers=keyed(key))
