"""Incidents' life: one dead gateway, 1,000 silent devices, one incident. A whole silent site makes us suspect ourselves.

A silent device waits a little before it gets an anomaly of its own, so that its gateway's fall can explain it first.
Members stay members until they speak, also when they have been moved to another gateway meanwhile.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.anomaly import Incident, IncidentCause, IncidentStatus, Severity
from tidegate.contracts.ids import AnomalyId, DeviceId, GatewayId, IncidentId
from tidegate.core.detection.directory import Directory
from tidegate.core.detection.outage import Outage
from tidegate.core.detection.silence import Silence, Sites
from tidegate.core.detection.state import NO_GATEWAY, Devices
from tidegate.core.identity import incident_id

Int64 = NDArray[np.int64]

MOST_NAMED: Final = 100
"""Devices named in an incident (contract); all are counted."""

GROWTH: Final = 1.5
"""Times as many devices as last said: then an incident is updated."""

MOST_CLOSED: Final = 100
"""Closed incidents kept for as long as their anomalies may still be retracted."""

FORGOTTEN_MS: Final = 600_000
"""Ticks after which a fallen gateway that no longer serves anybody, and whose devices have all been heard elsewhere, is given
the benefit of the doubt: nobody is left who could prove that it lives, and its capacity would be lost for good."""


@dataclass(slots=True)
class GatewayOutage:
    """An open incident of a gateway, and for how long (ticks) nobody has been left to testify."""

    incident: Incident
    deserted_ms: int = 0


class Incidents:
    """Open incidents: of gateways by code, of sites by code."""

    def __init__(self) -> None:
        self.gateways: dict[int, GatewayOutage] = {}
        self.sites: dict[int, Incident] = {}
        self.closed: dict[IncidentId, Incident] = {}

    def review(
        self,
        devices: Devices,
        sites: Sites,
        directory: Directory,
        silence: Silence,
        outage: Outage,
        opened: dict[int, AnomalyId],
        step_ms: int,
        revisable_ms: int = 0,
    ) -> list[Incident]:
        """Open, update and close incidents after a judgement; `opened` are the open anomalies by device slot.

        `revisable_ms` is how long (event time) after their end anomalies may still be retracted.
        """
        self._forget_closed(sites, directory, revisable_ms)
        devices.incident[: devices.size][silence.spoke] = NO_GATEWAY
        facts = [self._close_site(code, sites, directory) for code in sorted(self.sites) if not silence.quiet[code]]
        facts += [
            self._open_site(code, devices, sites, directory)
            for code in np.flatnonzero(silence.quiet).tolist()
            if code not in self.sites
        ]
        for fallen in np.flatnonzero(outage.fell).tolist():
            if fallen not in self.gateways:
                facts.append(self._open_gateway(fallen, devices, sites, directory, silence, opened))
        for code in sorted(self.gateways):
            fact = self._follow(code, devices, sites, directory, silence, outage, step_ms)
            facts += [fact] if fact is not None else []
        if revisable_ms:
            ended = [fact for fact in facts if fact.status is IncidentStatus.CLOSED and fact.anomalies]
            self.closed = dict(list((self.closed | {fact.id: fact for fact in ended}).items())[-MOST_CLOSED:])
        return facts

    def replace_members(self, replaced: Mapping[AnomalyId, AnomalyId | None]) -> list[Incident]:
        """Later versions of the incidents that list retracted anomalies, with what took their place, if anything did."""
        facts = []
        for record in self.gateways.values():
            if not replaced.keys().isdisjoint(record.incident.anomalies):
                record.incident = _with_members(record.incident, replaced, IncidentStatus.UPDATED)
                facts.append(record.incident)
        for name, incident in self.closed.items():
            if not replaced.keys().isdisjoint(incident.anomalies):
                self.closed[name] = _with_members(incident, replaced, IncidentStatus.CLOSED)
                facts.append(self.closed[name])
        return facts

    def _forget_closed(self, sites: Sites, directory: Directory, revisable_ms: int) -> None:
        self.closed = {
            name: incident
            for name, incident in self.closed.items()
            if incident.event_time_ms + revisable_ms >= int(sites.progress_ms[directory.site_codes[incident.site]])
        }

    def _open_gateway(
        self,
        code: int,
        devices: Devices,
        sites: Sites,
        directory: Directory,
        silence: Silence,
        opened: dict[int, AnomalyId],
    ) -> Incident:
        members = _join(code, devices, silence)
        site, gateway = directory.gateways[code]
        site_code = directory.site_codes[site]
        incident = _new(IncidentCause.GATEWAY_SILENT, site_code, gateway, sites, directory, members)
        incident = replace(incident, anomalies=[opened[slot] for slot in members.tolist() if slot in opened][:MOST_NAMED])
        self.gateways[code] = GatewayOutage(incident)
        return incident

    def _follow(
        self, code: int, devices: Devices, sites: Sites, directory: Directory, silence: Silence, outage: Outage, step_ms: int
    ) -> Incident | None:
        """Move one gateway's incident on: new members, its end, or nothing."""
        record = self.gateways[code]
        at_ms = int(sites.progress_ms[directory.site_codes[record.incident.site]])
        members = _join(code, devices, silence)
        record.deserted_ms = 0 if outage.serves[code] or len(members) else record.deserted_ms + step_ms
        if outage.lives[code]:
            devices.incident[members] = NO_GATEWAY
            return self._close_gateway(code, at_ms, f"gateway {record.incident.gateway} is heard again")
        if record.deserted_ms >= FORGOTTEN_MS:
            return self._close_gateway(
                code, at_ms, f"gateway {record.incident.gateway} serves nobody any more; its health is unknown"
            )
        if len(members) < GROWTH * record.incident.device_count:
            return None
        record.incident = replace(
            _count(record.incident, members, directory),
            version=record.incident.version + 1,
            status=IncidentStatus.UPDATED,
            event_time_ms=at_ms,
        )
        return record.incident

    def _close_gateway(self, code: int, at_ms: int, text: str) -> Incident:
        return _closed(self.gateways.pop(code).incident, at_ms, text)

    def _open_site(self, code: int, devices: Devices, sites: Sites, directory: Directory) -> Incident:
        members = np.flatnonzero(devices.site[: devices.size] == code)
        self.sites[code] = _new(IncidentCause.SITE_SILENT, code, None, sites, directory, members)
        return self.sites[code]

    def _close_site(self, code: int, sites: Sites, directory: Directory) -> Incident:
        site = directory.sites[code]
        return _closed(self.sites.pop(code), int(sites.progress_ms[code]), f"site {site} is heard again")


def _join(code: int, devices: Devices, silence: Silence) -> Int64:
    """Make members of the silent devices that testify for gateway `code`; return all members."""
    mine = (devices.gateway[: devices.size] == code) & devices.vouches[: devices.size] & silence.silent
    devices.incident[: devices.size][mine] = code
    return np.flatnonzero(devices.incident[: devices.size] == code)


def _new(
    cause: IncidentCause, site_code: int, gateway: GatewayId | None, sites: Sites, directory: Directory, members: Int64
) -> Incident:
    sites.incidents[site_code] += 1
    site, at_ms = directory.sites[site_code], int(sites.progress_ms[site_code])
    incident = Incident(
        id=incident_id(site, cause, gateway, int(sites.incidents[site_code]), at_ms),
        version=1,
        status=IncidentStatus.OPENED,
        site=site,
        cause=cause,
        gateway=gateway,
        opened_at_ms=at_ms,
        event_time_ms=at_ms,
        closed_at_ms=None,
        severity=Severity.HIGH if cause is IncidentCause.GATEWAY_SILENT else Severity.CRITICAL,
        device_count=0,
        devices=[],
        anomalies=[],
        text="",
    )
    return _count(incident, members, directory)


def _count(incident: Incident, members: Int64, directory: Directory) -> Incident:
    names: list[DeviceId] = [directory.devices[slot][1] for slot in members[:MOST_NAMED].tolist()]
    many = f"{len(members)} device" + ("" if len(members) == 1 else "s")
    if incident.cause is IncidentCause.GATEWAY_SILENT:
        text = f"gateway {incident.gateway} is silent: nothing is heard from {many} it serves"
    else:
        text = f"nothing is heard from site {incident.site} ({many}): suspect the way to us before the devices"
    return replace(incident, device_count=len(members), devices=names, text=text)


def _with_members(incident: Incident, replaced: Mapping[AnomalyId, AnomalyId | None], status: IncidentStatus) -> Incident:
    members = [replaced.get(name, name) for name in incident.anomalies]
    named = [name for name in members if name is not None]
    return replace(incident, version=incident.version + 1, status=status, anomalies=named)


def _closed(incident: Incident, at_ms: int, text: str) -> Incident:
    return replace(
        incident,
        version=incident.version + 1,
        status=IncidentStatus.CLOSED,
        event_time_ms=at_ms,
        closed_at_ms=at_ms,
        text=text,
    )
