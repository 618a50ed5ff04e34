"""Plans asked for, and questions about plans that nobody will carry out: what if, why not, what if a gateway dies."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from tidegate.api import examples_allocation
from tidegate.api.advising import adviser_of, check_device, headroom_of, view_of
from tidegate.api.answers import as_json, example_of
from tidegate.api.bodies import json_body
from tidegate.api.dependencies import Here
from tidegate.api.openapi import body_of
from tidegate.api.ordering import obey
from tidegate.api.params import DevicePath, SitePath
from tidegate.contracts.codec import decode
from tidegate.contracts.command import CommandKind
from tidegate.contracts.ids import MAX_ID_LENGTH, GatewayId
from tidegate.contracts.rest import CommandReceipt, Order
from tidegate.contracts.studies import CapacityAdvice, Changes, Headroom, Proposal, Study, WhyNot

router = APIRouter(tags=["plans"])

GatewayAsked = Annotated[GatewayId | None, Query(max_length=MAX_ID_LENGTH, description="Only this gateway; each when left out.")]


@router.post(
    "/v1/sites/{site}/plans",
    status_code=HTTPStatus.OK,
    response_model=Study,
    responses={
        **example_of(examples_allocation.STUDY, HTTPStatus.OK, "A dry run: the plan, and nothing was changed."),
        **example_of(
            examples_allocation.PLAN_RECEIPT,
            HTTPStatus.ACCEPTED,
            "Durable on the log; its outcome names the plan (`plan_id`), then to be found at `/v1/decisions/{plan_id}`.",
            CommandReceipt,
        ),
    },
    openapi_extra=body_of([Proposal], examples_allocation.PROPOSALS),
)
async def propose_plan(site: SitePath, request: Request, door: Here) -> Response:
    """Plan for a site as it stands. A dry run unless `dry_run` is false; then it is the command `request-plan`.

    A dry run's plan cannot be approved: ask for a real one, look at it, and approve that by its digest.
    """
    async with json_body(request, door) as body:
        asked = decode(body, Proposal)
    if not asked.dry_run:
        return await obey(door, Order(asked.reason, asked.issued_by), site, CommandKind.REQUEST_PLAN)
    return as_json(await adviser_of(door).study(await view_of(site, door), Changes()))


@router.post(
    "/v1/sites/{site}/what-if",
    response_model=Study,
    responses=example_of(examples_allocation.STUDY),
    openapi_extra=body_of([Changes], examples_allocation.CHANGES),
)
async def ask_what_if(site: SitePath, request: Request, door: Here) -> Response:
    """Plan for a site as it would be: gateways failed, gone, drained or added, other capacities, more demand, more devices."""
    async with json_body(request, door) as body:
        changes = decode(body, Changes)
    return as_json(await adviser_of(door).study(await view_of(site, door), changes))


@router.get("/v1/sites/{site}/headroom", response_model=Headroom, responses=example_of(examples_allocation.HEADROOM))
async def get_headroom(site: SitePath, door: Here) -> Response:
    """Get who would stay without service if a gateway, or a failure domain, died now. Computed at most every ten seconds."""
    return as_json(await headroom_of(site, door))


@router.get(
    "/v1/sites/{site}/capacity-advice", response_model=CapacityAdvice, responses=example_of(examples_allocation.CAPACITY_ADVICE)
)
async def get_capacity_advice(site: SitePath, door: Here) -> Response:
    """Get what to add where so that everybody is served, also after the loss of any gateway or failure domain."""
    return as_json(await adviser_of(door).advice(await view_of(site, door)))


@router.get("/v1/sites/{site}/devices/{device}/why-not", response_model=WhyNot, responses=example_of(examples_allocation.WHY_NOT))
async def ask_why_not(site: SitePath, device: DevicePath, door: Here, gateway: GatewayAsked = None) -> Response:
    """Explain why a device is not at another gateway: which hard rule refuses, or what the move is worth and what keeps it."""
    view = await view_of(site, door)
    check_device(device, view)
    return as_json(await adviser_of(door).why_not(view, device, gateway))
