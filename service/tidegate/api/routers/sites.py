"""`/v1/sites` and `/v1/gateways`: what is planned together, and the desired state that gateways reconcile."""

from fastapi import APIRouter, Response

from tidegate.api import examples
from tidegate.api.answers import as_json, example_of, found
from tidegate.api.dependencies import Here
from tidegate.api.params import GatewayPath, Paging, SiteFilter, SitePath
from tidegate.contracts.access import Role
from tidegate.contracts.paging import Page
from tidegate.contracts.plan import Assignment
from tidegate.contracts.views import SiteView

router = APIRouter(tags=["sites"])


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


@router.get("/v1/gateways/{gateway}/assignments", response_model=Page[Assignment], responses=example_of(examples.ASSIGNMENTS))
async def list_gateway_assignments(gateway: GatewayPath, page: Paging, door: Here, site: SiteFilter = None) -> Response:
    """List the devices a gateway shall serve: what a gateway polls to reconcile. Give `site` where gateway ids repeat."""
    return as_json(await door.ports.views.assignments(page, site=site, gateway=gateway))
