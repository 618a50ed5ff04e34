"""An operator's orders to a site and its gateways."""

from typing import Final

from tidegate.client.commands import keyed
from tidegate.client.route import Route
from tidegate.client.wire import Wire
from tidegate.contracts.ids import GatewayId
from tidegate.contracts.rest import CommandReceipt, Order, Replacement

_DRAIN: Final = Route("POST", "/v1/sites/{site}/gateways/{gateway}/drain")
_REPLACE: Final = Route("POST", "/v1/sites/{site}/gateways/{gateway}/replace")
_DECOMMISSION: Final = Route("POST", "/v1/sites/{site}/gateways/{gateway}/decommission")
_RECOMMISSION: Final = Route("POST", "/v1/sites/{site}/gateways/{gateway}/recommission")
_CORDON: Final = Route("POST", "/v1/sites/{site}/gateways/{gateway}/cordon")
_UNCORDON: Final = Route("POST", "/v1/sites/{site}/gateways/{gateway}/uncordon")
_FREEZE: Final = Route("POST", "/v1/sites/{site}/freeze")
_THAW: Final = Route("POST", "/v1/sites/{site}/thaw")
_STOP: Final = Route("POST", "/v1/sites/{site}/stop")
_RESUME: Final = Route("POST", "/v1/sites/{site}/resume")

_NOBODY: Final = Order()


class Orders:
    """Each returns once the order is durable; `commands.wait_for_outcome` says what became of it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def drain(self, site: str, gateway: str, order: Order = _NOBODY, *, key: str | None = None) -> CommandReceipt:
        """Empty a gateway and give it no more devices."""
        return await self._give(_DRAIN, {"site": site, "gateway": gateway}, order, key)

    async def replace(
        self, site: str, gateway: str, successor: str, order: Order = _NOBODY, *, key: str | None = None
    ) -> CommandReceipt:
        """Empty a gateway into `successor`, as far as that can take its devices."""
        body = Replacement(GatewayId(successor), order.reason, order.issued_by)
        return await self._give(_REPLACE, {"site": site, "gateway": gateway}, body, key)

    async def decommission(self, site: str, gateway: str, order: Order = _NOBODY, *, key: str | None = None) -> CommandReceipt:
        """Empty a gateway and close it for good."""
        return await self._give(_DECOMMISSION, {"site": site, "gateway": gateway}, order, key)

    async def recommission(self, site: str, gateway: str, order: Order = _NOBODY, *, key: str | None = None) -> CommandReceipt:
        """Take a decommissioned gateway back into use."""
        return await self._give(_RECOMMISSION, {"site": site, "gateway": gateway}, order, key)

    async def cordon(self, site: str, gateway: str, order: Order = _NOBODY, *, key: str | None = None) -> CommandReceipt:
        """Give a gateway no more devices; those that it has stay."""
        return await self._give(_CORDON, {"site": site, "gateway": gateway}, order, key)

    async def uncordon(self, site: str, gateway: str, order: Order = _NOBODY, *, key: str | None = None) -> CommandReceipt:
        """Trust a gateway again."""
        return await self._give(_UNCORDON, {"site": site, "gateway": gateway}, order, key)

    async def freeze(self, site: str, order: Order = _NOBODY, *, key: str | None = None) -> CommandReceipt:
        """Carry out no plan at a site."""
        return await self._give(_FREEZE, {"site": site}, order, key)

    async def thaw(self, site: str, order: Order = _NOBODY, *, key: str | None = None) -> CommandReceipt:
        """Carry out plans again."""
        return await self._give(_THAW, {"site": site}, order, key)

    async def stop(self, site: str, order: Order = _NOBODY, *, key: str | None = None) -> CommandReceipt:
        """Stop allocation at a site, the kill switch."""
        return await self._give(_STOP, {"site": site}, order, key)

    async def resume(self, site: str, order: Order = _NOBODY, *, key: str | None = None) -> CommandReceipt:
        """Take the kill switch back."""
        return await self._give(_RESUME, {"site": site}, order, key)

    async def _give(self, route: Route, names: dict[str, str], order: Order | Replacement, key: str | None) -> CommandReceipt:
        return await self._wire.ask(route, CommandReceipt, names, body=order, headers=keyed(key))
