"""An operator's orders to a site and its gateways, each a small POST that becomes a command."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response

from tidegate.api import examples, examples_allocation
from tidegate.api.answers import example_of
from tidegate.api.dependencies import Here
from tidegate.api.openapi import body_of
from tidegate.api.ordering import obey, order_in, replacement_in
from tidegate.api.params import GatewayPath, SitePath
from tidegate.contracts.command import CommandKind
from tidegate.contracts.rest import CommandReceipt, Order, Replacement

router = APIRouter(tags=["orders"])


def _order(path: str, body: Any = None) -> Callable[[Any], Any]:
    return router.post(
        f"/v1/sites/{{site}}/{path}",
        status_code=HTTPStatus.ACCEPTED,
        response_model=CommandReceipt,
        responses=example_of(examples.COMMAND_RECEIPT, HTTPStatus.ACCEPTED, "Durable on the log; the outcome follows."),
        openapi_extra=body_of([Order], {"order": examples_allocation.ORDER}) if body is None else body,
    )


@_order("gateways/{gateway}/drain")
async def drain_gateway(site: SitePath, gateway: GatewayPath, request: Request, door: Here) -> Response:
    """Empty a gateway and give it no more devices, for maintenance. Devices that fit nowhere else stay, served."""
    return await obey(door, await order_in(request, door), site, CommandKind.DRAIN, gateway=gateway)


@_order("gateways/{gateway}/replace", body_of([Replacement], {"replacement": examples_allocation.REPLACEMENT}))
async def replace_gateway(site: SitePath, gateway: GatewayPath, request: Request, door: Here) -> Response:
    """Empty a gateway into its successor: devices that reach it go there while it has room, the others where they fit best."""
    asked = await replacement_in(request, door)
    order = Order(asked.reason, asked.issued_by)
    return await obey(door, order, site, CommandKind.REPLACE, gateway=gateway, successor=asked.successor)


@_order("gateways/{gateway}/decommission")
async def decommission_gateway(site: SitePath, gateway: GatewayPath, request: Request, door: Here) -> Response:
    """Empty a gateway and close it for good. A decision says when it serves nobody any more and can be taken away."""
    return await obey(door, await order_in(request, door), site, CommandKind.DECOMMISSION, gateway=gateway)


@_order("gateways/{gateway}/recommission")
async def recommission_gateway(site: SitePath, gateway: GatewayPath, request: Request, door: Here) -> Response:
    """Take a decommissioned gateway back into use."""
    return await obey(door, await order_in(request, door), site, CommandKind.RECOMMISSION, gateway=gateway)


@_order("gateways/{gateway}/cordon")
async def cordon_gateway(site: SitePath, gateway: GatewayPath, request: Request, door: Here) -> Response:
    """Give a gateway no more devices; those that it has stay."""
    return await obey(door, await order_in(request, door), site, CommandKind.CORDON, gateway=gateway)


@_order("gateways/{gateway}/uncordon")
async def uncordon_gateway(site: SitePath, gateway: GatewayPath, request: Request, door: Here) -> Response:
    """Trust a gateway again: takes back drain, replace and cordon, and the wait after its past deaths."""
    return await obey(door, await order_in(request, door), site, CommandKind.UNCORDON, gateway=gateway)


@_order("freeze")
async def freeze_site(site: SitePath, request: Request, door: Here) -> Response:
    """Carry out no plan at a site. Plans are still made, and wait."""
    return await obey(door, await order_in(request, door), site, CommandKind.FREEZE)


@_order("thaw")
async def thaw_site(site: SitePath, request: Request, door: Here) -> Response:
    """Carry out plans again."""
    return await obey(door, await order_in(request, door), site, CommandKind.THAW)


@_order("stop")
async def stop_site(site: SitePath, request: Request, door: Here) -> Response:
    """Stop allocation at a site, the kill switch: no plan is made or carried out, the open one is closed, nobody moves."""
    return await obey(door, await order_in(request, door), site, CommandKind.STOP_ALLOCATION)


@_order("resume")
async def resume_site(site: SitePath, request: Request, door: Here) -> Response:
    """Take the kill switch back."""
    return await obey(door, await order_in(request, door), site, CommandKind.RESUME_ALLOCATION)
