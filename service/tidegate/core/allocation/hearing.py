"""What gateways say of themselves and of their devices, remembered per site: the last heartbeat, the last word per assignment.

Bounded by the topology: of what is not in it nothing is kept. Repeats and words overtaken by later ones have no effect.
"""

from collections import Counter
from dataclasses import replace

from tidegate.contracts.ack import Ack
from tidegate.contracts.ids import DeviceId, GatewayId
from tidegate.contracts.views import GatewayView
from tidegate.core.allocation import handover
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


def gateway_views(site: Site) -> list[GatewayView]:
    """The gateways of the topology as they stand, in its order."""
    served = Counter(assignment.gateway for assignment in site.assignments.values())
    capped = Counter(site.assignments[device].gateway for device in site.censoring.named(site.ground.frame))
    return [_view(site, each.id, served[each.id], capped[each.id]) for each in site.topology.gateways]


def _view(site: Site, gateway: GatewayId, devices: int, censored: int) -> GatewayView:
    heartbeat, suspicion = site.heartbeats.get(gateway), site.suspicions.get(gateway)
    return GatewayView(
        site=site.id,
        gateway=gateway,
        devices=devices,
        censored=censored,
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
