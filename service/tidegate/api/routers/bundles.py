"""`/v1/bundles`: models on disk, who is served by each, whether one may be served, and putting one to work."""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import APIRouter, Path, Request, Response
from pydantic import AfterValidator

from tidegate.api import examples_configuration as examples
from tidegate.api.answers import as_json, example_of, found
from tidegate.api.bodies import json_body
from tidegate.api.commanding import issue
from tidegate.api.dependencies import Here
from tidegate.api.openapi import body_of
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration_views import Activation, BundleView, Verification
from tidegate.contracts.rest import CommandReceipt

router = APIRouter(tags=["bundles"])

NamePath = Annotated[str, Path(description="Name of a bundle.", examples=["universal"]), AfterValidator(unquote)]
VersionPath = Annotated[str, Path(description="Its version.", examples=["1"]), AfterValidator(unquote)]


@router.get("/v1/bundles", response_model=list[BundleView], responses=example_of([examples.BUNDLE]))
async def list_bundles(door: Here) -> Response:
    """List every bundle in the configured folders, with the devices it serves and how many of them are warm."""
    return as_json(await door.ports.configuring.bundles())


@router.post("/v1/bundles/{name}/{version}/verify", response_model=Verification, responses=example_of(examples.VERIFICATION))
async def verify_bundle(name: NamePath, version: VersionPath, door: Here) -> Response:
    """Check files, graph and behaviour of a bundle, as at a start; says everything that differs."""
    return as_json(found(await door.ports.configuring.verify(name, version), f"bundle {name!r} version {version!r}"))


@router.post(
    "/v1/bundles/{name}/{version}/activate",
    status_code=HTTPStatus.ACCEPTED,
    response_model=CommandReceipt,
    responses=example_of(examples.ACTIVATION_RECEIPT, HTTPStatus.ACCEPTED, "Durable on the log; the outcome follows."),
    openapi_extra=body_of([Activation], {"activation": examples.ACTIVATION}),
)
async def activate_bundle(name: NamePath, version: VersionPath, request: Request, door: Here) -> Response:
    """Let a bundle serve one profile of one site: the command `activate-bundle`. Its devices start as `warming`.

    A worker refuses a bundle that it has not loaded, and lists those it has.
    """
    async with json_body(request, door) as body:
        asked = decode(body, Activation)
    command = Command(
        id=door.ports.new_command_id(),
        site=asked.site,
        kind=CommandKind.ACTIVATE_BUNDLE,
        issued_by=asked.issued_by,
        reason=asked.reason,
        profile=asked.profile,
        bundle=f"{name}/{version}",
    )
    receipt = await issue(command, door.ports)
    return as_json(receipt, HTTPStatus.ACCEPTED, {"location": quote(receipt.outcome)})
