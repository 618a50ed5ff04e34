"""Gateways that, by what devices say, still serve whom they have lost: one incident per gateway while it goes on.

A reading that names gateway and epoch is evidence of who served its device. It counts only when the epoch is over, another
gateway has had the device for `GRACE_MS`, and the reading was taken after that: whoever polls has polled by then. Readings
that name no epoch say nothing of it. Moves nobody: the device is served, twice over.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from tidegate.contracts.anomaly import Incident, IncidentCause, IncidentStatus, Severity
from tidegate.contracts.codec import from_builtins, to_builtins
from tidegate.contracts.ids import DeviceId, GatewayId, SiteId
from tidegate.contracts.plan import Assignment, Phase
from tidegate.contracts.reading import Reading
from tidegate.core.identity import incident_id

GRACE_MS: Final = 60_000
"""Milliseconds between an assignment and a reading that another gateway must not have passed on any more (our choice: as long
as a long poll may wait)."""

QUIET_MS: Final = 900_000
"""Milliseconds of ticks without such a reading after which an incident is closed (our choice: three of a slow device's)."""

NAMED: Final = 100
"""Devices that an incident names; it counts all of them."""


@dataclass(frozen=True, slots=True)
class Stale:
    """An open incident, when it was last seen to go on (tick), and every device it is about, as they are exported."""

    incident: Incident
    seen_ms: int
    devices: list[DeviceId]


@dataclass(slots=True)
class _Open:
    """As `Stale`, with devices to look up: a gateway may have tens of thousands."""

    incident: Incident
    seen_ms: int
    devices: dict[DeviceId, None]


class StaleOwners:
    """The open incidents of one partition, by site and gateway."""

    def __init__(self, owner_of: Callable[[SiteId, DeviceId], Assignment | None]) -> None:
        self._owner_of = owner_of
        self._open: dict[tuple[SiteId, GatewayId], _Open] = {}

    def observe(self, readings: Iterable[Reading], tick_ms: int) -> list[Incident]:
        """Look at accepted `readings` at tick `tick_ms`; returns what was opened, what took in more devices, and what ended."""
        changed: dict[tuple[SiteId, GatewayId], None] = {}
        for reading in readings:
            if reading.epoch is not None and reading.gateway is not None and self._is_stale(reading):
                key = (reading.site, reading.gateway)
                if self._note(key, reading, tick_ms):
                    changed[key] = None
        return [self._told(key) for key in changed] + self._ended(tick_ms)

    def _is_stale(self, reading: Reading) -> bool:
        now = self._owner_of(reading.site, reading.device)
        return (
            now is not None
            and now.phase is Phase.ACTIVE
            and now.gateway != reading.gateway
            and reading.epoch is not None
            and reading.epoch < now.epoch
            and reading.event_time_ms >= now.assigned_at_ms + GRACE_MS
        )

    def _note(self, key: tuple[SiteId, GatewayId], reading: Reading, tick_ms: int) -> bool:
        """Take `reading` as evidence; true when it tells anything new."""
        stale = self._open.get(key)
        if stale is None:
            self._open[key] = _Open(_opened(*key, reading.event_time_ms, tick_ms), tick_ms, {reading.device: None})
            return True
        is_new = reading.device not in stale.devices
        stale.devices[reading.device] = None
        stale.seen_ms = tick_ms
        stale.incident = replace(stale.incident, event_time_ms=max(stale.incident.event_time_ms, reading.event_time_ms))
        return is_new

    def _told(self, key: tuple[SiteId, GatewayId]) -> Incident:
        stale = self._open[key]
        version = stale.incident.version + 1
        status = IncidentStatus.OPENED if version == 1 else IncidentStatus.UPDATED
        count = len(stale.devices)
        text = f"{key[1]} still serves {count} {'device' if count == 1 else 'devices'} that other gateways have been given"
        named = list(islice(stale.devices, NAMED))
        stale.incident = replace(stale.incident, version=version, status=status, device_count=count, devices=named, text=text)
        return stale.incident

    def _ended(self, tick_ms: int) -> list[Incident]:
        over = [key for key, stale in self._open.items() if tick_ms - stale.seen_ms >= QUIET_MS]
        return [_closed(self._open.pop(key).incident) for key in over]

    def export_state(self) -> list[Any]:
        """Everything as builtins; `restore` is its inverse."""
        found = [self._open[key] for key in sorted(self._open)]
        return [to_builtins(Stale(each.incident, each.seen_ms, list(each.devices))) for each in found]

    def restore(self, exported: Iterable[Any]) -> None:
        """Continue where `export_state` was called."""
        stale = [from_builtins(each, Stale) for each in exported]
        self._open = {
            (each.incident.site, GatewayId(each.incident.gateway or "")): _Open(
                each.incident, each.seen_ms, dict.fromkeys(each.devices)
            )
            for each in stale
        }


def _opened(site: SiteId, gateway: GatewayId, at_ms: int, tick_ms: int) -> Incident:
    return Incident(
        id=incident_id(site, IncidentCause.STALE_OWNER, gateway, tick_ms, at_ms),
        version=0,
        status=IncidentStatus.OPENED,
        site=site,
        cause=IncidentCause.STALE_OWNER,
        gateway=gateway,
        opened_at_ms=at_ms,
        event_time_ms=at_ms,
        closed_at_ms=None,
        severity=Severity.HIGH,
        device_count=0,
        devices=[],
        anomalies=[],
        text="",
    )


def _closed(incident: Incident) -> Incident:
    return replace(incident, version=incident.version + 1, status=IncidentStatus.CLOSED, closed_at_ms=incident.event_time_ms)
