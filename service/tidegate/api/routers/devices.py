"""`/v1/devices`: devices as they stand, why one does or does not alarm, and what it will need."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from tidegate.api import examples
from tidegate.api.answers import as_json, example_of, found
from tidegate.api.dependencies import Here
from tidegate.api.listing import page_of
from tidegate.api.params import DevicePath, Paging, SiteFilter, SitePath
from tidegate.api.past import explained_then
from tidegate.contracts.anomaly import DeviceState
from tidegate.contracts.forecast import Forecast
from tidegate.contracts.ids import MAX_INTEGER
from tidegate.contracts.paging import Page, SortKey
from tidegate.contracts.rest import PastExplanation
from tidegate.contracts.views import DeviceView, Explanation

router = APIRouter(tags=["devices"])

AtTime = Annotated[
    int | None,
    Query(ge=-MAX_INTEGER, le=MAX_INTEGER, description="Event time to ask about, Unix milliseconds; now without it."),
]
StateFilter = Annotated[DeviceState | None, Query(description="Only devices in this state.")]


@router.get("/v1/devices", response_model=Page[DeviceView], responses=example_of(examples.DEVICE_PAGE))
async def list_devices(page: Paging, door: Here, site: SiteFilter = None, state: StateFilter = None) -> Response:
    """List devices by site and id, as their last committed reading left them."""
    devices = await door.ports.live.device_views(site)
    wanted = [view for view in devices if state is None or view.state is state]
    return as_json(page_of(wanted, page, _key, door.ports.clock.now_ms()))


@router.get("/v1/devices/{site}/{device}", response_model=DeviceView, responses=example_of(examples.DEVICE))
async def get_device(site: SitePath, device: DevicePath, door: Here) -> Response:
    """Get one device as its last committed reading left it."""
    return as_json(found(await door.ports.live.device(site, device), _named(site, device)))


@router.get(
    "/v1/devices/{site}/{device}/explain",
    response_model=PastExplanation | Explanation,
    responses=example_of(examples.EXPLANATION),
)
async def explain_device(site: SitePath, device: DevicePath, door: Here, at_ms: AtTime = None) -> Response:
    """Explain why a device alarms, or why it does not and what it would take; with `at_ms`, as it was then.

    Of the past there is what was recorded: the last explanation at or before `at_ms`, which says how far before.
    """
    if at_ms is None:
        return as_json(await _explain(site, device, door))
    return as_json(await explained_then(door.ports.views, site, device, at_ms))


@router.get("/v1/devices/{site}/{device}/forecast", response_model=Forecast, responses=example_of(examples.FORECAST))
async def get_forecast(site: SitePath, device: DevicePath, door: Here) -> Response:
    """Get what a device needs now and over the next intervals."""
    return as_json(found(await door.ports.views.forecast(site, device), f"forecast of device {device!r} at site {site!r}"))


async def _explain(site: SitePath, device: DevicePath, door: Here) -> Explanation:
    return found(await door.ports.live.explain(site, device), _named(site, device))


def _named(site: str, device: str) -> str:
    return f"device {device!r} at site {site!r}"


def _key(view: DeviceView) -> SortKey:
    return (view.site, view.device)
