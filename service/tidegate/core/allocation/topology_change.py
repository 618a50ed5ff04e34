"""A new topology revision: who is new, who is gone, and whose gateway is gone."""

from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.plan import Assignment, DecisionStatus, Trigger
from tidegate.contracts.topology import DevicePlacement, Topology
from tidegate.core.allocation.life import Life
from tidegate.core.allocation.result import AllocationResult
from tidegate.core.allocation.site import Asked, Site
from tidegate.core.allocation.transfers import Transfers, Wanted
from tidegate.errors import CommandRefused


def set_topology(site: Site, topology: Topology, configuration: CoreConfiguration, now_ms: int) -> AllocationResult:
    """Put `topology`, which was checked, in force and say what it changes in the desired state.

    A device that is known keeps its assignment while its gateway exists: where it is served is the allocator's word, and
    `DevicePlacement.gateway` counts for new devices only. Plans made for the former revision are void. The first regular
    look is due one period later.

    Raises:
        CommandRefused: the revision does not rise.
    """
    if topology.revision <= site.topology.revision:
        raise CommandRefused(
            f"topology revision {topology.revision} does not rise above {site.topology.revision}", advice="raise the revision"
        )
    result = AllocationResult()
    reason = f"topology revision {topology.revision}"
    life = Life(site, now_ms, result)
    life.close(DecisionStatus.EXPIRED, f"superseded by {reason}")
    life.supersede(reason)
    site.in_flight = None
    site.replace_topology(topology, configuration)
    transfers = Transfers(site, configuration.allocation, now_ms)
    result.assignments = _gone(transfers, topology, reason) + _placed(transfers, topology, reason)
    site.asked = {Trigger.PERIOD: Asked("", now_ms)}
    return result


def _gone(transfers: Transfers, topology: Topology, reason: str) -> list[Assignment]:
    present = {device.id for device in topology.devices}
    absent = [device for device in transfers.site.assignments if device not in present]
    return [transfers.forget(device, f"not in {reason}") for device in absent]


def _placed(transfers: Transfers, topology: Topology, reason: str) -> list[Assignment]:
    site = transfers.site
    changed, gateways, resources = [], site.gateway_names(), site.ground.frame.resources
    for device, demand in zip(topology.devices, site.demand.tolist(), strict=True):
        before = site.assignments.get(device.id)
        if before is None:
            grant = dict(zip(resources, demand, strict=True)) if device.gateway is not None else {}
            wanted = Wanted(device.gateway, grant, None, _found(device, reason), found=True)
            changed.append(transfers.move(device.id, wanted))
        elif before.gateway is not None and before.gateway not in gateways:
            changed.append(transfers.move(device.id, Wanted(None, {}, None, f"{before.gateway} is not in {reason}")))
    return changed


def _found(device: DevicePlacement, reason: str) -> str:
    return f"found there by {reason}" if device.gateway is not None else f"new in {reason}, served nowhere yet"
