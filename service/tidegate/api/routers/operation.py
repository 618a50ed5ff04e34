"""`/healthz`, `/readyz`, `/v1/partitions`, `/metrics`: for whoever keeps the service running."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse

from tidegate.api import examples
from tidegate.api.answers import as_json, example_of
from tidegate.api.dependencies import Here
from tidegate.contracts.views import Health, PartitionView

router = APIRouter(tags=["operation"])

WithDigest = Annotated[bool, Query(description="Also each state's digest: a pass over the whole state, between two batches.")]

_UNWELL = example_of(examples.NOT_READY, HTTPStatus.SERVICE_UNAVAILABLE, "Not so; `reasons` say why.", Health)


@router.get("/healthz", response_model=Health, responses={**example_of(examples.HEALTHY), **_UNWELL})
async def get_liveness(door: Here) -> Response:
    """Say whether the process works at all; if not, restarting it may help."""
    health = door.ports.live.health()
    return as_json(health, HTTPStatus.OK if health.alive else HTTPStatus.SERVICE_UNAVAILABLE)


@router.get("/readyz", response_model=Health, responses={**example_of(examples.HEALTHY), **_UNWELL})
async def get_readiness(door: Here) -> Response:
    """Say whether the service makes progress: its partitions are restored, and their position moves or nothing waits."""
    health = door.ports.live.health()
    return as_json(health, HTTPStatus.OK if health.ready else HTTPStatus.SERVICE_UNAVAILABLE)


@router.get("/v1/partitions", response_model=list[PartitionView], responses=example_of(examples.PARTITIONS))
async def list_partitions(door: Here, digest: WithDigest = False) -> Response:
    """List the partitions that this process works, with how far each is and what holds it up."""
    return as_json(await door.ports.live.partitions(digest=digest))


@router.get("/metrics", response_class=PlainTextResponse)
async def get_metrics(door: Here) -> Response:
    """Get all metrics in the Prometheus text format."""
    return Response(door.ports.metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")
