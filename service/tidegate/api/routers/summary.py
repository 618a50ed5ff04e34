"""`GET /v1/summary`: the whole service at a glance; what the live view shows."""

from collections import Counter

from fastapi import APIRouter, Response

from tidegate.api import examples
from tidegate.api.answers import as_json, example_of
from tidegate.api.dependencies import Here
from tidegate.api.params import SiteFilter
from tidegate.contracts.annotation import AnomalyFilter
from tidegate.contracts.anomaly import DeviceState
from tidegate.contracts.paging import PageRequest
from tidegate.contracts.rest import Summary

router = APIRouter(tags=["operation"])

NEWEST = PageRequest(limit=10)
"""How many facts of each kind a summary shows."""


@router.get("/v1/summary", response_model=Summary, responses=example_of(examples.SUMMARY))
async def get_summary(door: Here, site: SiteFilter = None) -> Response:
    """Summarise readings, devices, the newest facts, lag and bundles. With `site`, its devices and facts; the rest is of all."""
    ports = door.ports
    balance, lag = await ports.live.balance(), await ports.live.lag()
    sites = [view for view in await ports.live.sites() if site in (None, view.site)]
    devices: Counter[DeviceState] = Counter()
    for view in sites:
        devices.update(view.devices)
    summary = Summary(
        version=ports.version,
        uptime_seconds=round(door.pulse.uptime_seconds(), 3),
        bundles=dict(ports.live.bundles()),
        readings_per_second=door.pulse.readings_per_second(balance),
        balance=balance,
        pending=sum(lag.values()),
        lag=dict(lag),
        sites=len(sites),
        devices=dict(devices),
        anomalies=(await ports.views.anomalies(NEWEST, AnomalyFilter(site=site))).items,
        incidents=(await ports.views.incidents(NEWEST, site=site)).items,
        decisions=(await ports.views.decisions(NEWEST, site=site)).items,
        as_of=await ports.views.as_of(),
    )
    return as_json(summary)
