"""Parameters that many routes share: identifiers in paths, pages, filters.

Identifiers in a path may hold any character, percent-encoded: routing sees the path as it was sent (`edge`), so an encoded
slash does not split a segment, and each identifier is decoded here.
"""

from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Path, Query
from pydantic import AfterValidator

from tidegate.contracts.ids import (
    MAX_ID_LENGTH,
    MAX_INTEGER,
    AnomalyId,
    CommandId,
    DeviceId,
    GatewayId,
    IncidentId,
    PlanId,
    SiteId,
)
from tidegate.contracts.maintenance import WindowId
from tidegate.contracts.paging import MAX_PAGE, PageRequest, from_cursor

SitePath = Annotated[SiteId, Path(description="Site id, percent-encoded.", examples=["plant-7"]), AfterValidator(unquote)]
DevicePath = Annotated[DeviceId, Path(description="Device id, percent-encoded.", examples=["pump-1"]), AfterValidator(unquote)]
GatewayPath = Annotated[GatewayId, Path(description="Gateway id, percent-encoded.", examples=["gw-a"]), AfterValidator(unquote)]
PlanPath = Annotated[PlanId, Path(description="Plan id."), AfterValidator(unquote)]
AnomalyPath = Annotated[AnomalyId, Path(description="Anomaly id."), AfterValidator(unquote)]
IncidentPath = Annotated[IncidentId, Path(description="Incident id."), AfterValidator(unquote)]
WindowPath = Annotated[WindowId, Path(description="Maintenance window id, percent-encoded."), AfterValidator(unquote)]
CommandPath = Annotated[CommandId, Path(description="Command id."), AfterValidator(unquote)]

SiteFilter = Annotated[SiteId | None, Query(max_length=MAX_ID_LENGTH, description="Only this site.")]
DeviceFilter = Annotated[DeviceId | None, Query(max_length=MAX_ID_LENGTH, description="Only this device.")]

CommandFilter = Annotated[CommandId | None, Query(max_length=MAX_ID_LENGTH, description="Only this command.")]

SinceFilter = Annotated[
    int | None, Query(ge=-MAX_INTEGER, le=MAX_INTEGER, description="From this event time on, Unix milliseconds.")
]
UntilFilter = Annotated[
    int | None, Query(ge=-MAX_INTEGER, le=MAX_INTEGER, description="Before this event time, Unix milliseconds.")
]


async def _page_request(
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Items per page.")] = 100,
    cursor: Annotated[str | None, Query(max_length=1024, description="`next_cursor` of the page before.")] = None,
) -> PageRequest:
    return PageRequest(limit, None if cursor is None else from_cursor(cursor))


Paging = Annotated[PageRequest, Depends(_page_request)]
"""Which page of a list is asked for."""
