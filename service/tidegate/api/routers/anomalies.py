"""`/v1/anomalies` and `/v1/incidents`: what detection says, newest first."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from tidegate.api import examples
from tidegate.api.answers import as_json, example_of, found
from tidegate.api.dependencies import Here
from tidegate.api.params import AnomalyPath, DeviceFilter, IncidentPath, Paging, SiteFilter
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, Incident, IncidentStatus, Severity
from tidegate.contracts.paging import Page

router = APIRouter(tags=["anomalies"])

StatusFilter = Annotated[AnomalyStatus | None, Query(description="Only anomalies whose latest fact says this.")]
OpenFilter = Annotated[bool | None, Query(alias="open", description="Only anomalies that are still going on, or only others.")]
SeverityFilter = Annotated[Severity | None, Query(description="Only this severity.")]
IncidentFilter = Annotated[IncidentStatus | None, Query(description="Only incidents whose latest fact says this.")]


@router.get("/v1/anomalies", response_model=Page[Anomaly], responses=example_of(examples.ANOMALIES))
async def list_anomalies(
    page: Paging,
    door: Here,
    site: SiteFilter = None,
    device: DeviceFilter = None,
    status: StatusFilter = None,
    severity: SeverityFilter = None,
    is_open: OpenFilter = None,
) -> Response:
    """List the latest version of each anomaly, the last opened first."""
    found_here = await door.ports.views.anomalies(
        page, site=site, device=device, status=status, severity=severity, is_open=is_open
    )
    return as_json(found_here)


@router.get("/v1/anomalies/{anomaly}", response_model=Anomaly, responses=example_of(examples.ANOMALY))
async def get_anomaly(anomaly: AnomalyPath, door: Here) -> Response:
    """Get the latest version of an anomaly, with its reasons."""
    return as_json(found(await door.ports.views.anomaly(anomaly), f"anomaly {anomaly!r}"))


@router.get("/v1/incidents", response_model=Page[Incident], responses=example_of(examples.INCIDENTS))
async def list_incidents(page: Paging, door: Here, site: SiteFilter = None, status: IncidentFilter = None) -> Response:
    """List the latest version of each incident, the last opened first."""
    return as_json(await door.ports.views.incidents(page, site=site, status=status))


@router.get("/v1/incidents/{incident}", response_model=Incident, responses=example_of(examples.INCIDENT))
async def get_incident(incident: IncidentPath, door: Here) -> Response:
    """Get the latest version of an incident."""
    return as_json(found(await door.ports.views.incident(incident), f"incident {incident!r}"))
