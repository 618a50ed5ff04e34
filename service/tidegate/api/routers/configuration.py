"""`/v1/configuration` and `/v1/sites/{site}/profiles`: what is in force, and profiles that are a site's own."""

import asyncio
from http import HTTPStatus
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from tidegate.api import examples_configuration as examples
from tidegate.api.answers import as_json, example_of
from tidegate.api.bodies import json_body
from tidegate.api.commanding import issue
from tidegate.api.dependencies import Door, Here
from tidegate.api.errors import PreconditionFailedError
from tidegate.api.etags import IfMatch, names, tag_of
from tidegate.api.openapi import body_of
from tidegate.api.params import SitePath
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration_views import ConfigurationView, ProfilesBody, ProfilesReceipt, SiteProfilesView
from tidegate.contracts.preview import ProfilesPreview
from tidegate.contracts.profile_diff import profiles_diff

router = APIRouter(tags=["configuration"])


@router.get("/v1/configuration", response_model=ConfigurationView, responses=example_of(examples.CONFIGURATION))
async def get_configuration(door: Here) -> Response:
    """Get every setting in force with its origin, what the core is configured with, and what sites have of their own.

    Of secrets it says only whether they are set.
    """
    return as_json(await door.ports.configuring.configuration())


@router.get("/v1/sites/{site}/profiles", response_model=SiteProfilesView, responses=example_of(examples.SITE_PROFILES))
async def get_profiles(site: SitePath, door: Here) -> Response:
    """Get the profiles in force at a site. The ETag is what `If-Match` wants when they are changed."""
    view = await door.ports.configuring.profiles(site)
    return as_json(view, headers={"etag": tag_of(view.digest)})


@router.put(
    "/v1/sites/{site}/profiles",
    status_code=HTTPStatus.ACCEPTED,
    response_model=ProfilesReceipt,
    responses=example_of(examples.PROFILES_RECEIPT, HTTPStatus.ACCEPTED, "Durable on the log; the outcome follows."),
    openapi_extra=body_of([ProfilesBody], {"profiles": examples.PROFILES_BODY}),
)
async def put_profiles(site: SitePath, request: Request, door: Here, if_match: IfMatch = None) -> Response:
    """Replace the profiles that a site has of its own: the command `configure-profiles`. An empty list takes them all back.

    Policy, ranges, intervals, lateness and demand change from one batch to the next. Devices of a profile with other metrics or
    another bundle start to learn anew; `diff.restarts` names those profiles. With `If-Match` it is refused when others are in
    force, here (412) or in its outcome.
    """
    asked = await _asked(request, door)
    view = await door.ports.configuring.profiles(site)
    if if_match is not None and not names(if_match, tag_of(view.digest)):
        raise PreconditionFailedError(
            f"profiles {view.digest} are in force, not {if_match[:100]}", advice="get them again and compare"
        )
    command = Command(
        id=door.ports.new_command_id(),
        site=site,
        kind=CommandKind.CONFIGURE_PROFILES,
        issued_by=asked.issued_by,
        reason=asked.reason,
        digest=None if if_match is None or if_match.strip() == "*" else view.digest,
        profiles=asked.profiles,
    )
    receipt = await issue(command, door.ports)
    everybodys = {each.name: each for each in view.profiles if each.name not in view.own}
    after = {**everybodys, **{each.name: each for each in asked.profiles}}
    diff = profiles_diff({each.name: each for each in view.profiles}, after)  # type: ignore[arg-type]  # names are texts
    answer = ProfilesReceipt(receipt.id, receipt.site, receipt.kind, receipt.outcome, diff)
    return as_json(answer, HTTPStatus.ACCEPTED, {"location": quote(receipt.outcome)})


@router.post(
    "/v1/sites/{site}/profiles/preview",
    response_model=ProfilesPreview,
    responses=example_of(examples.PREVIEW),
    openapi_extra=body_of([ProfilesBody], {"profiles": examples.PROFILES_BODY}),
)
async def preview_profiles(site: SitePath, request: Request, door: Here) -> Response:
    """Say which past anomalies would vanish and which would appear, had these been all that the site has of its own.

    Runs the readings that the log still keeps twice, aside; `reach` says how far back that goes. Takes up to a minute, and ends
    when the request is given up. One at a time.
    """
    asked = await _asked(request, door)
    return as_json(await door.ports.configuring.preview(site, asked.profiles))


async def _asked(request: Request, door: Door) -> ProfilesBody:
    async with json_body(request, door) as body:
        return await asyncio.to_thread(decode, body, ProfilesBody)
