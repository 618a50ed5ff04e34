"""`/v1/devices`: devices as they stand, why one does or does not alarm, and what it will need."""

from collections.abc import Sequence
from heapq import nsmallest
from typing import Annotated

from fastapi import APIRouter, Query, Response

from tidegate.api import examples
from tidegate.api.answers import as_json, example_of, found
from tidegate.api.dependencies import ApiDependencies, Here
from tidegate.api.params import DevicePath, Paging, SiteFilter, SitePath
from tidegate.contracts.anomaly import DeviceState
from tidegate.contracts.forecast import Forecast
from tidegate.contracts.paging import AsOf, Page, PageRequest, SortKey, to_cursor
from tidegate.contracts.views import DeviceView, Explanation
from tidegate.errors import InputError

router = APIRouter(tags=["devices"])

StateFilter = Annotated[DeviceState | None, Query(description="Only devices in this state.")]


@router.get("/v1/devices", response_model=Page[DeviceView], responses=example_of(examples.DEVICE_PAGE))
async def list_devices(page: Paging, door: Here, site: SiteFilter = None, state: StateFilter = None) -> Response:
    """List devices by site and id, as their last committed reading left them."""
    devices = await door.ports.live.device_views(site)
    return as_json(_page([view for view in devices if state is None or view.state is state], page, door.ports))


@router.get("/v1/devices/{site}/{device}", response_model=DeviceView, responses=example_of(examples.DEVICE))
async def get_device(site: SitePath, device: DevicePath, door: Here) -> Response:
    """Get one device as its last committed reading left it."""
    return as_json((await _explain(site, device, door)).device)


@router.get("/v1/devices/{site}/{device}/explain", response_model=Explanation, responses=example_of(examples.EXPLANATION))
async def explain_device(site: SitePath, device: DevicePath, door: Here) -> Response:
    """Explain why a device alarms, or why it does not and what it would take."""
    return as_json(await _explain(site, device, door))


@router.get("/v1/devices/{site}/{device}/forecast", response_model=Forecast, responses=example_of(examples.FORECAST))
async def get_forecast(site: SitePath, device: DevicePath, door: Here) -> Response:
    """Get what a device needs now and over the next intervals."""
    return as_json(found(await door.ports.views.forecast(site, device), f"forecast of device {device!r} at site {site!r}"))


async def _explain(site: SitePath, device: DevicePath, door: Here) -> Explanation:
    return found(await door.ports.live.explain(site, device), f"device {device!r} at site {site!r}")


def _page(devices: Sequence[DeviceView], request: PageRequest, ports: ApiDependencies) -> Page[DeviceView]:
    after = request.after
    if after is not None and not isinstance(after[0], str):
        raise InputError("the cursor is of another list", advice="start over without a cursor")
    rest = devices if after is None else [view for view in devices if _key(view) > after]
    items = nsmallest(request.limit, rest, key=_key)
    cursor = to_cursor(_key(items[-1])) if len(rest) > request.limit else None
    return Page(items, cursor, AsOf(ports.clock.now_ms()))


def _key(view: DeviceView) -> SortKey:
    return (view.site, view.device)
