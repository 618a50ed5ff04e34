"""Devices as they stand, and why they alarm or not."""

from typing import Final

from tidegate.client.listing import Listing
from tidegate.client.route import Route
from tidegate.client.wire import Wire
from tidegate.contracts.anomaly import DeviceState
from tidegate.contracts.forecast import Forecast
from tidegate.contracts.paging import Page
from tidegate.contracts.rest import PastExplanation
from tidegate.contracts.views import DeviceView, Explanation

_LIST: Final = Route("GET", "/v1/devices")
_GET: Final = Route("GET", "/v1/devices/{site}/{device}")
_EXPLAIN: Final = Route("GET", "/v1/devices/{site}/{device}/explain")
_FORECAST: Final = Route("GET", "/v1/devices/{site}/{device}/forecast")


class Devices:
    """`/v1/devices`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self, *, site: str | None = None, state: DeviceState | None = None) -> Listing[DeviceView]:
        """Devices by site and id, as their last committed reading left them."""
        return Listing(self._wire, _LIST, Page[DeviceView], query={"site": site, "state": state})

    async def get(self, site: str, device: str) -> DeviceView:
        """One device as its last committed reading left it."""
        return await self._wire.ask(_GET, DeviceView, {"site": site, "device": device})

    async def explain(self, site: str, device: str) -> Explanation:
        """Why a device alarms, or why it does not and what it would take."""
        return await self._wire.ask(_EXPLAIN, Explanation, {"site": site, "device": device})

    async def explain_then(self, site: str, device: str, at_ms: int) -> PastExplanation:
        """The same about event time `at_ms`: the last explanation recorded at or before it, and how far before."""
        names = {"site": site, "device": device}
        return await self._wire.ask(_EXPLAIN, PastExplanation, names, query={"at_ms": at_ms})

    async def forecast(self, site: str, device: str) -> Forecast:
        """What a device needs now and over the next intervals."""
        return await self._wire.ask(_FORECAST, Forecast, {"site": site, "device": device})
