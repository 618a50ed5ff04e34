"""`/v1/commands`: what operators and programs ask of a site, and what became of it."""

from http import HTTPStatus
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from tidegate.api import examples
from tidegate.api.answers import as_json, example_of, found
from tidegate.api.bodies import json_body
from tidegate.api.commanding import issue, parse_command
from tidegate.api.dependencies import Here
from tidegate.api.openapi import COMMAND_REQUEST, body_of
from tidegate.api.params import CommandPath
from tidegate.contracts.rest import CommandReceipt
from tidegate.contracts.views import CommandView

router = APIRouter(tags=["commands"])


@router.post(
    "/v1/commands",
    status_code=HTTPStatus.ACCEPTED,
    response_model=CommandReceipt,
    responses=example_of(examples.COMMAND_RECEIPT, HTTPStatus.ACCEPTED, "Durable on the log; the outcome follows."),
    openapi_extra=body_of([COMMAND_REQUEST], examples.COMMAND_BODIES),
)
async def post_command(request: Request, door: Here) -> Response:
    """Ask something of a site. With an `id` of your own a repeat has no second effect; without one the server makes it.

    202 means durable, not carried out: whether the present state allows it is decided in order with everything else.
    """
    async with json_body(request, door) as body:
        receipt = await issue(parse_command(body, door.ports.new_command_id()), door.ports)
    return as_json(receipt, HTTPStatus.ACCEPTED, {"location": quote(receipt.outcome)})


@router.get("/v1/commands/{command}", response_model=CommandView, responses=example_of(examples.COMMAND))
async def get_command(command: CommandPath, door: Here) -> Response:
    """Get a command and what became of it: pending, accepted, or refused with a reason."""
    view = await door.ports.views.command(command) or door.ports.recent.view(command)
    return as_json(found(view, f"command {command!r}"))
