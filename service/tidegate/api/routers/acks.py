"""`/v1/acks` and what came of them: gateways without Kafka say here what they did with their assignments."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from tidegate.api import examples
from tidegate.api.acking import take_acks
from tidegate.api.answers import as_json, example_of
from tidegate.api.bodies import json_body
from tidegate.api.dependencies import Here
from tidegate.api.listing import page_of
from tidegate.api.openapi import body_of
from tidegate.api.params import Paging, SitePath
from tidegate.contracts import topics
from tidegate.contracts.access import Role
from tidegate.contracts.ack import Ack
from tidegate.contracts.codec import encode
from tidegate.contracts.paging import Page
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.rest import AcksReceipt
from tidegate.contracts.views import GatewayView
from tidegate.ports import Outgoing

router = APIRouter(tags=["acks"])


@router.post(
    "/v1/acks",
    status_code=HTTPStatus.ACCEPTED,
    response_model=AcksReceipt,
    responses=example_of(examples.ACKS_RECEIPT, HTTPStatus.ACCEPTED, "Durable on the log."),
    openapi_extra=body_of([Ack, list[Ack]], examples.ACK_BODIES),
)
async def post_acks(request: Request, door: Here) -> Response:
    """Send an ack, or a list of up to 1,000 of one site: heartbeats, and what became of assignments.

    202 means durable. One that names a gateway, device or epoch that the site does not know becomes a dead letter; a repeat,
    and one about an epoch that is over, has no effect.
    """
    async with json_body(request, door) as body:
        acks = take_acks(body)
        door.caller.demand(Role.PRODUCER, acks[0].site)
        await door.backlog.admit(topics.ACKS, len(acks))
        site = acks[0].site
        partition = partition_of(site, door.ports.log.partitions)
        offsets = await door.ports.append([Outgoing(topics.ACKS, partition, site.encode(), encode(ack)) for ack in acks])
    return as_json(AcksReceipt(len(acks), site, partition, offsets[0]), HTTPStatus.ACCEPTED)


@router.get("/v1/sites/{site}/acks", response_model=Page[Ack], responses=example_of(examples.ACKS))
async def list_acks(site: SitePath, page: Paging, door: Here) -> Response:
    """List the last ack about each device's present assignment; devices that nothing was said of are left out."""
    words = await door.ports.live.words(site)
    return as_json(page_of(words, page, lambda ack: (ack.site, ack.device or ""), door.ports.clock.now_ms()))


@router.get("/v1/sites/{site}/gateways", response_model=list[GatewayView], responses=example_of([examples.GATEWAY]))
async def list_gateways(site: SitePath, door: Here) -> Response:
    """List the gateways of a site's topology as they stand, with their last heartbeat; empty without a topology."""
    return as_json(await door.ports.live.gateways(site))
