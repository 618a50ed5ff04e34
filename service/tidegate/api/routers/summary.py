"""`GET /v1/summary`: the whole service at a glance; what the live view shows."""

from collections import Counter

from fastapi import APIRouter, Response

from tidegate.api import examples
from tidegate.api.answers import as_json, example_of
from tidegate.api.dependencies import Here
from tidegate.contracts.anomaly import DeviceState
from tidegate.contracts.paging import PageRequest
from tidegate.contracts.rest import Summary

router = APIRouter(tags=["operation"])

NEWEST = PageRequest(limit=10)
"""How many facts of each kind a summary shows."""


@router.get("/v1/summary", response_model=Summary, responses=example_of(examples.SUMMARY))
async def get_summary(door: Here) -> Response:
    """Summarise readings, devices, the newest facts, lag and bundles."""
    ports = door.ports
    balance, lag, sites = await ports.live.balance(), await ports.live.lag(), await ports.live.sites()
    devices: Counter[DeviceState] = Counter()
    for site in sites:
        devices.update(site.devices)
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
        anomalies=(await ports.views.anomalies(NEWEST)).items,
        incidents=(await ports.views.incidents(NEWEST)).items,
        decisions=(await ports.views.decisions(NEWEST)).items,
        as_of=ports.views.as_of(),
    )
    return as_json(summary)
