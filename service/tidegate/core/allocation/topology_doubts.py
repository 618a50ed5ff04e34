"""What about a topology may not be what was meant: it would be taken, and somebody would be surprised.

Made for topologies with faults, too, so that one look lists everything. Each doubt names its place, and what to do.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from tidegate.contracts.ids import GatewayId
from tidegate.contracts.resources import DEVICES, Resources
from tidegate.contracts.topology import Binding, DevicePlacement, Gateway, Topology, unlisted_distance
from tidegate.contracts.topology_report import Finding, FindingSeverity
from tidegate.core.allocation.model import AllocationView


def doubts(topology: Topology, now: AllocationView) -> Iterator[Finding]:
    """Everything doubtful about `topology` at a site that stands as `now` says."""
    demand = _demand(topology, now)
    yield from _about_gateways(topology)
    yield from _about_profiles(topology, now)
    yield from _about_totals(topology, demand)
    gateways = {gateway.id: gateway for gateway in topology.gateways}
    everywhere, widest = set(gateways), _widest(gateways.values())
    for index, device in enumerate(topology.devices):
        pointer, allowed = f"#/devices/{index}", _allowed(device, everywhere)
        yield from _about_reach(pointer, device)
        yield from _about_places(pointer, device, everywhere, allowed)
        largest = widest if allowed is everywhere else _widest(gateways[name] for name in allowed)
        yield from _about_size(pointer, device, demand[index], largest)
    yield from _about_flows(topology)
    present = {device.id for device in topology.devices}
    for name in now.strangers:
        if name not in present:
            yield _doubt(
                "device-absent",
                "#/devices",
                f"device {name} sends readings and is not in the topology: nobody serves it",
                "add it",
            )


def _doubt(code: str, pointer: str, detail: str, advice: str) -> Finding:
    return Finding(FindingSeverity.WARNING, code, pointer, detail, advice)


def _about_gateways(topology: Topology) -> Iterator[Finding]:
    if topology.devices and not topology.gateways:
        yield _doubt("gateways-missing", "#/gateways", f"no gateway serves {len(topology.devices)} devices", "add a gateway")
    for index, gateway in enumerate(topology.gateways):
        pointer = f"#/gateways/{index}"
        if not gateway.capacity:
            detail = f"gateway {gateway.id} states no capacity: it is given any number of devices"
            yield _doubt("capacity-absent", f"{pointer}/capacity", detail, "state at least `devices`")
        for resource, amount in gateway.capacity.items():
            if amount == 0:
                detail = f"gateway {gateway.id} has no {resource}: no device that needs any is served there"
                yield _doubt("capacity-zero", f"{pointer}/capacity/{resource}", detail, "leave it out where it is unlimited")
        if gateway.failure_domain is None:
            detail = f"gateway {gateway.id} is in no failure domain: what it fails together with is not known"
            yield _doubt("failure-domain-missing", f"{pointer}/failure_domain", detail, "name its rack, hall or uplink")


def _about_profiles(topology: Topology, now: AllocationView) -> Iterator[Finding]:
    counts = Counter(device.profile for device in topology.devices if device.profile not in now.constants)
    first = {device.profile: index for index, device in reversed(list(enumerate(topology.devices)))}
    for profile, count in counts.items():
        detail = f"profile {profile} of {count} devices is not configured: their readings are refused and demand nothing"
        yield _doubt("profile-unknown", f"#/devices/{first[profile]}/profile", detail, "configure it or correct the name")


def _about_totals(topology: Topology, demand: list[Resources]) -> Iterator[Finding]:
    """Resources that every gateway limits: do all devices fit, and do they still when the largest gateway is gone?"""
    totals: Counter[str] = Counter()
    for row in demand:
        totals.update(row)
    for resource, needed in sorted(totals.items()):
        capacities = [gateway.capacity[resource] for gateway in topology.gateways if resource in gateway.capacity]
        if len(capacities) < len(topology.gateways) or not capacities:
            continue
        total, largest = sum(capacities), max(capacities)
        if needed > total:
            detail = f"all devices need {needed:.6g} {resource}, all gateways have {total:.6g}"
            yield _doubt("demand-over-capacity", "#/gateways", detail, "add capacity, or the least important stay unserved")
        elif len(capacities) > 1 and needed > total - largest:
            detail = f"without the largest gateway {total - largest:.6g} {resource} are left, all devices need {needed:.6g}"
            yield _doubt("headroom-missing", "#/gateways", detail, "add capacity to outlive the loss of a gateway")


def _about_flows(topology: Topology) -> Iterator[Finding]:
    for index, flow in enumerate(topology.flows):
        if flow.source == flow.target:
            detail = f"device {flow.source} sends to itself: that costs nothing anywhere"
            yield _doubt("flow-to-itself", f"#/flows/{index}", detail, "take it out, or correct an end")
    pairs = Counter(frozenset((each.source, each.target)) for each in topology.distances)
    for pair, count in pairs.items():
        if len(pair) == 1:
            detail = f"gateway {min(pair)} has a distance to itself: within a gateway flows cost nothing"
            yield _doubt("distance-to-itself", "#/distances", detail, "take it out")
        elif count > 1:
            detail = f"gateways {' and '.join(sorted(pair))} have {count} distances; the first one counts, in both directions"
            yield _doubt("distance-repeated", "#/distances", detail, "keep one")
    missing = len(topology.gateways) * (len(topology.gateways) - 1) // 2 - sum(len(pair) == 2 for pair in pairs)
    if topology.flows and missing > 0:
        unlisted = unlisted_distance(topology)
        detail = f"{missing} pairs of gateways have no distance: flows between them cost {unlisted:g} a unit, like the farthest"
        yield _doubt("distances-missing", "#/distances", detail, "list them, if some are nearer")


def _about_reach(pointer: str, device: DevicePlacement) -> Iterator[Finding]:
    reach, pin = Counter(link.gateway for link in device.reach), device.pinned_to
    for gateway, count in reach.items():
        if count > 1:
            detail = f"device {device.id} reaches gateway {gateway} {count} times; the first link counts"
            yield _doubt("reach-repeated", f"{pointer}/reach", detail, "keep one")
    if pin is not None and pin in device.excluded:
        detail = f"device {device.id} is pinned to gateway {pin} and excluded from it: nobody may serve it"
        yield _doubt("pin-excluded", f"{pointer}/pinned_to", detail, "take one of them back")
    if pin is not None and reach and pin not in reach:
        detail = f"device {device.id} is pinned to gateway {pin}, which is beyond its reach: nobody can serve it"
        yield _doubt("pin-beyond-reach", f"{pointer}/pinned_to", detail, "add the link or move the pin")


def _about_places(
    pointer: str, device: DevicePlacement, everywhere: set[GatewayId], allowed: set[GatewayId]
) -> Iterator[Finding]:
    if everywhere and not allowed and device.pinned_to is None:
        yield _doubt(
            "device-unreachable", pointer, f"no gateway may serve device {device.id}", "widen its reach, or exclude less"
        )
    if allowed and device.gateway in everywhere and device.gateway not in allowed:
        detail = f"device {device.id} is at gateway {device.gateway}, where its reach, pin or exclusion forbids it: it will move"
        yield _doubt("gateway-not-allowed", f"{pointer}/gateway", detail, "correct whichever is wrong")
    if device.binding is Binding.FIXED and device.gateway is None:
        detail = f"device {device.id} is fixed and nowhere: unless it has a place already, nobody may give it one"
        yield _doubt("fixed-nowhere", f"{pointer}/gateway", detail, "say where it is")


def _allowed(device: DevicePlacement, everywhere: set[GatewayId]) -> set[GatewayId]:
    """Gateways that may serve `device` by reach, pin and exclusion; `everywhere` itself where nothing binds it."""
    if not device.reach and not device.excluded and device.pinned_to is None:
        return everywhere
    allowed = {link.gateway for link in device.reach} & everywhere if device.reach else everywhere
    allowed = allowed - set(device.excluded)
    return allowed if device.pinned_to is None else allowed & {device.pinned_to}


def _about_size(pointer: str, device: DevicePlacement, demand: Resources, largest: Resources) -> Iterator[Finding]:
    """A device that no gateway it may use could ever take, not even an empty one."""
    for resource, needed in demand.items():
        if needed > largest.get(resource, needed):
            detail = (
                f"device {device.id} needs {needed:.6g} {resource}, the largest gateway it may use has {largest[resource]:.6g}"
            )
            yield _doubt("device-too-large", pointer, detail, "lower its demand, or give a gateway more")


def _widest(gateways: Iterable[Gateway]) -> Resources:
    """The most that any of `gateways` has of each resource that all of them limit."""
    found = list(gateways)
    limited = set.intersection(*(set(gateway.capacity) for gateway in found)) if found else set()
    return {resource: max(gateway.capacity[resource] for gateway in found) for resource in limited}


def _demand(topology: Topology, now: AllocationView) -> list[Resources]:
    """What each device needs: by the topology's word, else as measured, else its profile's constant."""
    measured: dict[str, Resources] = {}
    if now.request is not None:
        situation = now.request.situation
        for device, row in zip(now.request.topology.devices, situation.demand, strict=True):
            measured[device.id] = dict(zip(situation.resources, row, strict=True))
    return [
        {DEVICES: 1.0} | now.constants.get(device.profile, {}) | measured.get(device.id, {}) | device.demand
        for device in topology.devices
    ]
