"""What detection says: anomalies and incidents, with what people say of them."""

from typing import Final

from tidegate.client.commands import keyed
from tidegate.client.listing import Listing
from tidegate.client.route import Route
from tidegate.client.wire import Wire
from tidegate.contracts.annotation import AnomalyLabel, AnomalyView, IncidentView
from tidegate.contracts.anomaly import AnomalyStatus, FaultKind, IncidentStatus, Severity
from tidegate.contracts.paging import Page
from tidegate.contracts.rest import CommandReceipt, LabelRequest, Order

_LIST: Final = Route("GET", "/v1/anomalies")
_GET: Final = Route("GET", "/v1/anomalies/{anomaly}")
_ACKNOWLEDGE: Final = Route("POST", "/v1/anomalies/{anomaly}/acknowledge")
_LABEL: Final = Route("POST", "/v1/anomalies/{anomaly}/labels")
_INCIDENTS: Final = Route("GET", "/v1/incidents")
_INCIDENT: Final = Route("GET", "/v1/incidents/{incident}")
_ACKNOWLEDGE_INCIDENT: Final = Route("POST", "/v1/incidents/{incident}/acknowledge")


class Anomalies:
    """`/v1/anomalies`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(
        self,
        *,
        site: str | None = None,
        device: str | None = None,
        gateway: str | None = None,
        profile: str | None = None,
        status: AnomalyStatus | None = None,
        severity: Severity | None = None,
        fault_kind: FaultKind | None = None,
        is_open: bool | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        acknowledged: bool | None = None,
        label: AnomalyLabel | None = None,
    ) -> Listing[AnomalyView]:
        """The latest version of each anomaly, the last opened first; `is_open`: only those still going on, or only others.

        `since_ms` (included) and `until_ms` (not) are of its opening.
        """
        query = {
            "site": site,
            "device": device,
            "gateway": gateway,
            "profile": profile,
            "status": status,
            "severity": severity,
            "fault_kind": fault_kind,
            "open": is_open,
            "since_ms": since_ms,
            "until_ms": until_ms,
            "acknowledged": acknowledged,
            "label": label,
        }
        return Listing(self._wire, _LIST, Page[AnomalyView], query=query)

    async def get(self, anomaly: str) -> AnomalyView:
        """The latest version of one anomaly, with its reasons."""
        return await self._wire.ask(_GET, AnomalyView, {"anomaly": anomaly})

    async def acknowledge(
        self, anomaly: str, *, issued_by: str = "anonymous", reason: str = "", key: str | None = None
    ) -> CommandReceipt:
        """Say that somebody looks after an anomaly."""
        body = Order(reason, issued_by)
        return await self._wire.ask(_ACKNOWLEDGE, CommandReceipt, {"anomaly": anomaly}, body=body, headers=keyed(key))

    async def label(
        self, anomaly: str, label: AnomalyLabel, *, issued_by: str = "anonymous", note: str = "", key: str | None = None
    ) -> CommandReceipt:
        """Say what an anomaly was."""
        body = LabelRequest(label, issued_by, note)
        return await self._wire.ask(_LABEL, CommandReceipt, {"anomaly": anomaly}, body=body, headers=keyed(key))


class Incidents:
    """`/v1/incidents`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self, *, site: str | None = None, status: IncidentStatus | None = None) -> Listing[IncidentView]:
        """The latest version of each incident, the last opened first."""
        return Listing(self._wire, _INCIDENTS, Page[IncidentView], query={"site": site, "status": status})

    async def get(self, incident: str) -> IncidentView:
        """The latest version of one incident."""
        return await self._wire.ask(_INCIDENT, IncidentView, {"incident": incident})

    async def acknowledge(
        self, incident: str, *, issued_by: str = "anonymous", reason: str = "", key: str | None = None
    ) -> CommandReceipt:
        """Say that somebody looks after an incident."""
        body = Order(reason, issued_by)
        names = {"incident": incident}
        return await self._wire.ask(_ACKNOWLEDGE_INCIDENT, CommandReceipt, names, body=body, headers=keyed(key))
