"""`/v1/sites` and `/v1/gateways`: what is planned together, and the desired state that gateways reconcile."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response

from tidegate.api import examples
from tidegate.api.answers import as_json, example_of, found
from tidegate.api.dependencies import Here
from tidegate.api.etags import IfNoneMatch, names
from tidegate.api.freshness import when_caught_up
from tidegate.api.params import GatewayPath, Paging, SiteFilter, SitePath
from tidegate.api.waiting import page_tag, when_changed
from tidegate.contracts.access import Role
from tidegate.contracts.paging import Page
from tidegate.contracts.plan import Assignment
from tidegate.contracts.views import SiteView
from tidegate.errors import InputError

router = APIRouter(tags=["sites"])

WaitSeconds = Annotated[int, Query(ge=0, le=60, description="How long to wait for another answer than the one you have.")]

Fresh = Annotated[
    bool,
    Query(description="The answer has everything that was committed when this was asked, or is 503: a lease may count on it."),
]


@router.get("/v1/sites", response_model=list[SiteView], responses=example_of([examples.SITE]))
async def list_sites(door: Here) -> Response:
    """List every site that a reading or a topology was seen of, and that the caller may see."""
    sites = await door.ports.live.sites()
    return as_json([site for site in sites if door.caller.principal.may(Role.READER, site.site)])


@router.get("/v1/sites/{site}", response_model=SiteView, responses=example_of(examples.SITE))
async def get_site(site: SitePath, door: Here) -> Response:
    """Get one site in numbers, with what holds its plans back."""
    views = [view for view in await door.ports.live.sites() if view.site == site]
    return as_json(found(next(iter(views), None), f"site {site!r}"))


@router.get("/v1/sites/{site}/assignments", response_model=Page[Assignment], responses=example_of(examples.ASSIGNMENTS))
async def list_site_assignments(site: SitePath, page: Paging, door: Here) -> Response:
    """List which gateway serves each device of a site, with what, since which plan."""
    return as_json(await door.ports.views.assignments(page, site=site))


@router.get(
    "/v1/gateways/{gateway}/assignments",
    response_model=Page[Assignment],
    responses={**example_of(examples.ASSIGNMENTS), HTTPStatus.NOT_MODIFIED.value: {"description": "You have it already."}},
)
async def list_gateway_assignments(
    gateway: GatewayPath,
    page: Paging,
    door: Here,
    site: SiteFilter = None,
    wait_seconds: WaitSeconds = 0,
    fresh: Fresh = False,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """List the devices a gateway shall serve, and those coming to it: what a gateway polls to reconcile.

    Give `site` where gateway ids repeat, and with `fresh`. With the ETag of the last answer in `If-None-Match`, the answer comes
    when it is another one, or 304 after `wait_seconds`.
    """

    if fresh and site is None:
        raise InputError("fresh needs site", advice="give site=<the gateway's site>")
    if fresh and site is not None:
        await when_caught_up(door, site)

    async def ask() -> Page[Assignment]:
        return await door.ports.views.assignments(page, site=site, gateway=gateway)

    if if_none_match is None or not wait_seconds:
        found_here = await ask()
    else:
        found_here = await when_changed(door, gateway, ask, if_none_match, wait_seconds)
    etag = page_tag(found_here)
    if if_none_match is not None and names(if_none_match, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"etag": etag})
    return as_json(found_here, headers={"etag": etag})
