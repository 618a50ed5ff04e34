"""`/v1/sites/{site}/maintenance`: windows in which no anomaly opens, because somebody is at work."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from tidegate.api import examples_detection as examples
from tidegate.api.answers import as_json, example_of
from tidegate.api.bodies import json_body
from tidegate.api.dependencies import Here
from tidegate.api.listing import page_of
from tidegate.api.openapi import body_of
from tidegate.api.ordering import answer
from tidegate.api.params import Paging, SitePath, WindowPath
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.ids import MAX_INTEGER
from tidegate.contracts.maintenance import MaintenanceView, MaintenanceWindow, WindowId
from tidegate.contracts.paging import Page, SortKey
from tidegate.contracts.rest import CommandReceipt, MaintenanceRequest

router = APIRouter(tags=["maintenance"])

AtFilter = Annotated[int | None, Query(ge=0, le=MAX_INTEGER, description="Only windows in force then, Unix milliseconds.")]
CancelledBy = Annotated[str, Query(max_length=128, description="Who cancels; the credential's owner where access is controlled.")]
Why = Annotated[str, Query(max_length=1000, description="Why.")]


@router.get("/v1/sites/{site}/maintenance", response_model=Page[MaintenanceView], responses=example_of(examples.MAINTENANCE_PAGE))
async def list_maintenance(site: SitePath, page: Paging, door: Here, at_ms: AtFilter = None) -> Response:
    """List a site's windows by id: coming, current, past and cancelled, as far as they are kept."""
    windows = await door.ports.views.maintenance(site)
    wanted = [view for view in windows if at_ms is None or view.in_force(at_ms)]
    return as_json(page_of(wanted, page, _key, door.ports.clock.now_ms()))


@router.post(
    "/v1/sites/{site}/maintenance",
    status_code=HTTPStatus.ACCEPTED,
    response_model=CommandReceipt,
    responses=example_of(examples.DECLARED, HTTPStatus.ACCEPTED, "The window is durable on the log."),
    openapi_extra=body_of([MaintenanceRequest], {"window": examples.MAINTENANCE_BODY}),
)
async def declare_maintenance(site: SitePath, request: Request, door: Here) -> Response:
    """Declare a window, or put another in place of the one with this id.

    What opened within it already is retracted: a window may be declared after the fact.
    """
    async with json_body(request, door) as body:
        asked = decode(body, MaintenanceRequest)
    identifier = door.ports.new_command_id()
    window = MaintenanceWindow(
        asked.id or WindowId(identifier),
        asked.from_ms,
        asked.until_ms,
        asked.reason,
        asked.devices,
        asked.gateway,
        asked.weekly_until_ms,
    )
    command = Command(identifier, site, CommandKind.DECLARE_MAINTENANCE, asked.issued_by, asked.reason, window=window)
    return await answer(command, door)


@router.delete(
    "/v1/sites/{site}/maintenance/{window}",
    status_code=HTTPStatus.ACCEPTED,
    response_model=CommandReceipt,
    responses=example_of(examples.CANCELLED, HTTPStatus.ACCEPTED, "The cancellation is durable on the log."),
)
async def cancel_maintenance(
    site: SitePath, window: WindowPath, door: Here, issued_by: CancelledBy = "anonymous", reason: Why = ""
) -> Response:
    """Cancel a window: anomalies open again from the next reading on. What it took back stays retracted."""
    command = Command(door.ports.new_command_id(), site, CommandKind.CANCEL_MAINTENANCE, issued_by, reason, window_id=window)
    return await answer(command, door)


def _key(view: MaintenanceView) -> SortKey:
    return (view.window.id, "")
