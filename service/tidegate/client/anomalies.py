"""What detection says: anomalies and incidents."""

from typing import Final

from tidegate.client.listing import Listing
from tidegate.client.route import Route
from tidegate.client.wire import Wire
from tidegate.contracts.anomaly import Anomaly, AnomalyStatus, Incident, IncidentStatus, Severity
from tidegate.contracts.paging import Page

_LIST: Final = Route("GET", "/v1/anomalies")
_GET: Final = Route("GET", "/v1/anomalies/{anomaly}")
_INCIDENTS: Final = Route("GET", "/v1/incidents")
_INCIDENT: Final = Route("GET", "/v1/incidents/{incident}")


class Anomalies:
    """`/v1/anomalies`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
        self,
        *,
        site: str | None = None,
        device: str | None = None,
        status: AnomalyStatus | None = None,
        severity: Severity | None = None,
        is_open: bool | None = None,
    ) -> Listing[Anomaly]:
        """The latest version of each anomaly, the last opened first; `is_open`: only those still going on, or only others."""
        wanted = {"site": site, "device": device, "status": status, "severity": severity, "open": is_open}
        return Listing(self._wire, _LIST, Page[Anomaly], query=wanted)

    async def get(self, anomaly: str) -> Anomaly:
        """The latest version of one anomaly, with its reasons."""
        return await self._wire.ask(_GET, Anomaly, {"anomaly": anomaly})


class Incidents:
    """`/v1/incidents`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self, *, site: str | None = None, status: IncidentStatus | None = None) -> Listing[Incident]:
        """The latest version of each incident, the last opened first."""
        return Listing(self._wire, _INCIDENTS, Page[Incident], query={"site": site, "status": status})

    async def get(self, incident: str) -> Incident:
        """The latest version of one incident."""
        return await self._wire.ask(_INCIDENT, Incident, {"incident": incident})
