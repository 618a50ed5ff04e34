"""What gateways say of themselves and of their devices, remembered per site: the last heartbeat, the last word per assignment.

Bounded by the topology: of what is not in it nothing is kept. Repeats and words overtaken by later ones have no effect.
"""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from tidegate.contracts.ack import Ack
from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.ids import DeviceId, GatewayId
from tidegate.contracts.resources import Resources
from tidegate.contracts.views import GatewayView
from tidegate.core.allocation import handover
from tidegate.core.allocation.granting import set_aside, short_of
from tidegate.core.allocation.site import Heartbeat, Site
from tidegate.core.allocation.suspicion import in_words


def hear(site: Site, ack: Ack, now_ms: int) -> str | None:
    """Remember `ack`, taken in at tick `now_ms`; returns what of it the site does not know, None when all is known.

    A word about an epoch that is over has no effect: what it was about is no longer wanted.
    """
    if ack.device in site.transfers:
        _hear_of_transfer(site, ack, ack.device)
    if ack.gateway not in site.gateway_names():
        return f"gateway {ack.gateway!r} is not in revision {site.topology.revision} of site {site.id!r}"
    if ack.device is None or ack.epoch is None:
        _hear_heartbeat(site, ack, now_ms)
        return None
    return _hear_word(site, ack, ack.device, ack.epoch)


def _hear_heartbeat(site: Site, ack: Ack, now_ms: int) -> None:
    before = site.heartbeats.get(ack.gateway)
    if before is None or ack.sent_at_ms > before.sent_at_ms:
        site.heartbeats[ack.gateway] = Heartbeat(ack.sent_at_ms, now_ms, ack.leases)


def _hear_of_transfer(site: Site, ack: Ack, device: DeviceId) -> None:
    """Let the hand-over of `device` hear what its holder or its target says; it takes effect when time passes next."""
    transfer = site.transfers[device]
    site.transfers[device] = replace(transfer, handover=handover.hear(transfer.handover, ack))


def _hear_word(site: Site, ack: Ack, device: DeviceId, epoch: int) -> str | None:
    assignment = site.assignments.get(device)
    if assignment is None:
        return f"device {device!r} is not in revision {site.topology.revision} of site {site.id!r}"
    if epoch < assignment.epoch:
        return None
    coming = site.bound(device)
    if coming == (ack.gateway, epoch) and epoch > assignment.epoch:
        return None
    if epoch > max(assignment.epoch, coming[1]):
        return f"epoch {epoch} of device {device!r} was never given out, the last is {max(assignment.epoch, coming[1])}"
    if epoch > assignment.epoch:
        return f"device {device!r} is coming to {coming[0]!r} under epoch {epoch}, not to {ack.gateway!r}"
    if assignment.gateway != ack.gateway:
        return f"device {device!r} is assigned to {assignment.gateway!r} under epoch {epoch}, not to {ack.gateway!r}"
    before = site.words.get(device)
    if before is None or ack.sent_at_ms > before.sent_at_ms:
        site.words[device] = ack
    return None


def gateway_views(site: Site, settings: AllocationSettings) -> list[GatewayView]:
    """The gateways of the topology as they stand, in its order."""
    served = Counter(assignment.gateway for assignment in site.assignments.values())
    capped = Counter(site.assignments[device].gateway for device in site.censoring.named(site.ground.frame))
    lacking = short_of(site, settings.grant_deadband)
    short = Counter(site.assignments[site.ground.frame.devices[row]].gateway for row in np.flatnonzero(lacking))
    granted = set_aside(site)
    names = [each.id for each in site.topology.gateways]
    return [_view(site, name, _Held(served[name], capped[name], short[name], granted[name])) for name in names]


@dataclass(frozen=True, slots=True)
class _Held:
    """What a gateway has to do with devices; fields as in `GatewayView`."""

    devices: int
    censored: int
    short: int
    granted: Resources


def _view(site: Site, gateway: GatewayId, held: _Held) -> GatewayView:
    heartbeat, suspicion = site.heartbeats.get(gateway), site.suspicions.get(gateway)
    return GatewayView(
        site=site.id,
        gateway=gateway,
        devices=held.devices,
        censored=held.censored,
        short=held.short,
        granted=held.granted,
        silent=gateway in site.silent,
        draining=gateway in site.draining,
        cordoned=gateway in site.cordoned,
        replaced_by=site.replaced.get(gateway),
        decommissioned=gateway in site.decommissioned,
        empty_since_ms=site.decommissioned.get(gateway),
        heartbeat_sent_at_ms=None if heartbeat is None else heartbeat.sent_at_ms,
        heartbeat_heard_at_ms=None if heartbeat is None else heartbeat.heard_at_ms,
        suspicion=0.0 if suspicion is None else suspicion.level,
        withheld=0.0 if suspicion is None else suspicion.withheld,
        suspected_of="" if suspicion is None else in_words(suspicion),
    )
