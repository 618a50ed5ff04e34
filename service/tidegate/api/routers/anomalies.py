"""`/v1/anomalies` and `/v1/incidents`: what detection says, newest first, with what people say of it."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from tidegate.api import examples_detection as examples
from tidegate.api.answers import as_json, example_of, found
from tidegate.api.dependencies import Here
from tidegate.api.params import AnomalyPath, DeviceFilter, IncidentPath, Paging, SinceFilter, SiteFilter, UntilFilter
from tidegate.contracts.annotation import (
    NOTHING_SAID,
    AnomalyFilter,
    AnomalyLabel,
    AnomalyView,
    IncidentView,
    anomaly_view,
    incident_view,
)
from tidegate.contracts.anomaly import AnomalyStatus, FaultKind, IncidentStatus, Severity
from tidegate.contracts.ids import MAX_ID_LENGTH
from tidegate.contracts.paging import Page

router = APIRouter(tags=["anomalies"])

StatusFilter = Annotated[AnomalyStatus | None, Query(description="Only anomalies whose latest fact says this.")]
OpenFilter = Annotated[bool | None, Query(alias="open", description="Only anomalies that are still going on, or only others.")]
SeverityFilter = Annotated[Severity | None, Query(description="Only this severity.")]
GatewayFilter = Annotated[str | None, Query(max_length=MAX_ID_LENGTH, description="Only of devices that this gateway served.")]
ProfileFilter = Annotated[str | None, Query(max_length=MAX_ID_LENGTH, description="Only of devices of this profile.")]
KindFilter = Annotated[FaultKind | None, Query(description="Only this kind of fault.")]
AcknowledgedFilter = Annotated[bool | None, Query(description="Only what somebody has acknowledged, or only the rest.")]
LabelFilter = Annotated[AnomalyLabel | None, Query(description="Only what somebody says was this.")]
IncidentFilter = Annotated[IncidentStatus | None, Query(description="Only incidents whose latest fact says this.")]


@router.get("/v1/anomalies", response_model=Page[AnomalyView], responses=example_of(examples.ANOMALIES))
async def list_anomalies(
    page: Paging,
    door: Here,
    site: SiteFilter = None,
    device: DeviceFilter = None,
    gateway: GatewayFilter = None,
    profile: ProfileFilter = None,
    status: StatusFilter = None,
    severity: SeverityFilter = None,
    fault_kind: KindFilter = None,
    is_open: OpenFilter = None,
    since_ms: SinceFilter = None,
    until_ms: UntilFilter = None,
    acknowledged: AcknowledgedFilter = None,
    label: LabelFilter = None,
) -> Response:
    """List the latest version of each anomaly, the last opened first; `since_ms` and `until_ms` are of its opening."""
    wanted = AnomalyFilter(
        site=site,
        device=device,
        gateway=gateway,
        profile=profile,
        status=status,
        severity=severity,
        fault_kind=fault_kind,
        is_open=is_open,
        since_ms=since_ms,
        until_ms=until_ms,
        acknowledged=acknowledged,
        label=label,
    )
    views = door.ports.views
    facts = await views.anomalies(page, wanted)
    said = await views.annotations([fact.id for fact in facts.items])
    shown = [anomaly_view(fact, said.get(fact.id, NOTHING_SAID)) for fact in facts.items]
    return as_json(Page(shown, facts.next_cursor, facts.as_of))


@router.get("/v1/anomalies/{anomaly}", response_model=AnomalyView, responses=example_of(examples.ANOMALY))
async def get_anomaly(anomaly: AnomalyPath, door: Here) -> Response:
    """Get the latest version of an anomaly, with its reasons."""
    fact = found(await door.ports.views.anomaly(anomaly), f"anomaly {anomaly!r}")
    said = await door.ports.views.annotations([fact.id])
    return as_json(anomaly_view(fact, said.get(fact.id, NOTHING_SAID)))


@router.get("/v1/incidents", response_model=Page[IncidentView], responses=example_of(examples.INCIDENTS))
async def list_incidents(page: Paging, door: Here, site: SiteFilter = None, status: IncidentFilter = None) -> Response:
    """List the latest version of each incident, the last opened first."""
    facts = await door.ports.views.incidents(page, site=site, status=status)
    said = await door.ports.views.annotations([fact.id for fact in facts.items])
    shown = [incident_view(fact, said.get(fact.id, NOTHING_SAID)) for fact in facts.items]
    return as_json(Page(shown, facts.next_cursor, facts.as_of))


@router.get("/v1/incidents/{incident}", response_model=IncidentView, responses=example_of(examples.INCIDENT))
async def get_incident(incident: IncidentPath, door: Here) -> Response:
    """Get the latest version of an incident."""
    fact = found(await door.ports.views.incident(incident), f"incident {incident!r}")
    said = await door.ports.views.annotations([fact.id])
    return as_json(incident_view(fact, said.get(fact.id, NOTHING_SAID)))
