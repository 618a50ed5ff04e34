"""`/v1/sites/{site}/topology`: a site's gateways and devices, read and replaced as a whole."""

import asyncio
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response

from tidegate.api import examples, examples_allocation
from tidegate.api.answers import as_json, example_of, found
from tidegate.api.bodies import json_body
from tidegate.api.commanding import issue
from tidegate.api.dependencies import Here
from tidegate.api.etags import IfMatch, IfNoneMatch, names, tag_of
from tidegate.api.openapi import also_anything, body_of
from tidegate.api.params import Paging, SitePath
from tidegate.api.replacing import replaced_revision, topology_of
from tidegate.api.reporting import report_on
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.ids import MAX_INTEGER
from tidegate.contracts.paging import Page
from tidegate.contracts.rest import TopologyBody, TopologyReceipt
from tidegate.contracts.topology import Topology
from tidegate.contracts.topology_report import TopologyReport
from tidegate.contracts.views import TopologyRevision

router = APIRouter(tags=["topology"])

Why = Annotated[str, Query(max_length=1000, description="Why; it stays with the command.")]
RevisionPath = Annotated[int, Path(ge=0, le=MAX_INTEGER, description="Revision number.", examples=[3])]
Who = Annotated[str, Query(max_length=200, description="Who asks, where access control is off.")]


@router.get("/v1/sites/{site}/topology", response_model=Topology, responses=example_of(examples.TOPOLOGY))
async def get_topology(site: SitePath, door: Here, if_none_match: IfNoneMatch = None) -> Response:
    """Get the topology in force. Its ETag is its revision; 304 when that is the one you have."""
    topology = found(await door.ports.live.topology(site), f"topology of site {site!r}")
    etag = tag_of(topology.revision)
    if if_none_match is not None and names(if_none_match, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"etag": etag})
    return as_json(topology, headers={"etag": etag})


@router.get(
    "/v1/sites/{site}/topology/revisions",
    response_model=Page[TopologyRevision],
    responses=example_of(examples_allocation.TOPOLOGY_REVISIONS),
)
async def list_topology_revisions(site: SitePath, page: Paging, door: Here) -> Response:
    """List the topologies that came into force at a site, the last revision first: when, by whom, and why."""
    return as_json(await door.ports.views.topologies(page, site))


@router.get("/v1/sites/{site}/topology/revisions/{revision}", response_model=Topology, responses=example_of(examples.TOPOLOGY))
async def get_topology_revision(site: SitePath, revision: RevisionPath, door: Here) -> Response:
    """Get a topology that came into force, whole."""
    return as_json(found(await door.ports.views.topology(site, revision), f"topology revision {revision} of site {site!r}"))


@router.post(
    "/v1/sites/{site}/topology/validate",
    response_model=TopologyReport,
    responses=example_of(examples_allocation.TOPOLOGY_REPORT),
    openapi_extra=also_anything(body_of([TopologyBody], {"topology": examples_allocation.TOPOLOGY_BODY})),
)
async def validate_topology(site: SitePath, request: Request, door: Here) -> Response:
    """Look a topology over without setting it: every problem and every doubt with its place, and what would change."""
    async with json_body(request, door) as body:
        now = await door.ports.live.allocation(site)
        return as_json(await asyncio.to_thread(report_on, body, now))


@router.put(
    "/v1/sites/{site}/topology",
    status_code=HTTPStatus.ACCEPTED,
    response_model=TopologyReceipt,
    responses=example_of(examples_allocation.TOPOLOGY_RECEIPT, HTTPStatus.ACCEPTED, "Durable on the log; the outcome follows."),
    openapi_extra=body_of([TopologyBody], {"topology": examples_allocation.TOPOLOGY_BODY}),
)
async def put_topology(
    site: SitePath, request: Request, door: Here, if_match: IfMatch = None, reason: Why = "", issued_by: Who = "anonymous"
) -> Response:
    """Replace a site's topology: the command `set-topology`. A device that is known keeps its gateway while that exists.

    Without a `revision` it is the one in force plus one, and where there is one `If-Match` has to name it (428 without, 412
    when another is in force). Of two changes made for one revision the second is refused, here or in its outcome.
    """
    async with json_body(request, door) as body:
        asked = await asyncio.to_thread(decode, body, TopologyBody)
    in_force = await door.ports.live.topology(site)
    topology = topology_of(asked, site, in_force)
    replaces = replaced_revision(asked, in_force, if_match)
    command = Command(
        id=door.ports.new_command_id(),
        site=site,
        kind=CommandKind.SET_TOPOLOGY,
        issued_by=issued_by,
        reason=reason,
        topology=topology,
        if_revision=replaces,
    )
    receipt = await issue(command, door.ports)
    answer = TopologyReceipt(receipt.id, receipt.site, receipt.kind, receipt.outcome, topology.revision)
    return as_json(answer, HTTPStatus.ACCEPTED, {"location": quote(receipt.outcome)})
