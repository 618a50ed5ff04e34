"""A site's topology: gateways with capacity, devices with reach, priority and present gateway, and what flows between them.

Set whole by a command, with a revision that must rise. Checks that need no state are `check_topology`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tidegate.contracts.ids import DeviceField, GatewayField, ProfileField, SiteField, WholeField, is_clean
from tidegate.contracts.resources import Resources
from tidegate.contracts.version import SCHEMA_VERSION
from tidegate.errors import AllocationError

MAX_AMOUNT: Final = 1e18
"""Of any resource, priority, latency or cost, in its unit: an exabyte. Beyond it sums over a site would lose their meaning."""


class Binding(StrEnum):
    """How a device comes to its gateway; a `fixed` device is never moved."""

    GATEWAY_PULLED = "gateway-pulled"
    DEVICE_REDIRECTED = "device-redirected"
    NETWORK_STEERED = "network-steered"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class Gateway:
    """An edge node. A resource absent from `capacity` is unlimited; `failure_domain` names what it fails together with."""

    id: GatewayField
    capacity: Resources
    failure_domain: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """That a device can be served by `gateway`, at this latency and cost."""

    gateway: GatewayField
    latency_ms: float = 0.0
    cost_per_hour: float = 0.0


@dataclass(frozen=True, slots=True)
class DevicePlacement:
    """A device as the planner sees it.

    `reach` lists the gateways that can serve it; empty means every gateway of the site at no cost. `priority` weighs it
    when capacity is short (1 is ordinary, greater is more important). `gateway` is where it is served today, null for
    nowhere. `latency_limit_ms` null means no limit. `demand` overrides what its readings would say, per resource.
    """

    id: DeviceField
    profile: ProfileField
    reach: list[Link] = field(default_factory=list)
    gateway: GatewayField | None = None
    priority: float = 1.0
    binding: Binding = Binding.GATEWAY_PULLED
    pinned_to: GatewayField | None = None
    excluded: list[GatewayField] = field(default_factory=list)
    latency_limit_ms: float | None = None
    demand: Resources = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Flow:
    """That two devices keep sending each other something: how much in both directions together, in the unit of `Distance`."""

    source: DeviceField
    target: DeviceField
    amount: float


@dataclass(frozen=True, slots=True)
class Distance:
    """What one unit of flow between two gateways costs per hour, in either direction; within a gateway it costs nothing."""

    source: GatewayField
    target: GatewayField
    cost_per_hour: float


@dataclass(frozen=True, slots=True)
class Topology:
    """A whole site at one revision.

    `flows` between devices cost by the `distances` of the gateways that serve them, so that those who talk are kept together.
    Gateways of no listed distance are as far apart as the farthest that have one, 1 where none has.
    """

    site: SiteField
    revision: WholeField
    gateways: list[Gateway]
    devices: list[DevicePlacement]
    schema_version: int = SCHEMA_VERSION
    flows: list[Flow] = field(default_factory=list)
    distances: list[Distance] = field(default_factory=list)


def unlisted_distance(topology: Topology) -> float:
    """What a unit of flow costs per hour between gateways of no listed distance: the most that is listed, 1 where none is."""
    apart = (each.cost_per_hour for each in topology.distances if each.source != each.target)
    return max(apart, default=1.0)


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule of its own that a topology breaks, and where (RFC 6901, from the topology)."""

    code: str
    pointer: str
    detail: str
    advice: str = ""


def check_topology(topology: Topology) -> None:
    """Raise on the first rule `topology` breaks: repeated or unknown names, negative or non-finite amounts.

    Raises:
        AllocationError: with the offending name and value.
    """
    for fault in faults_of(topology):
        raise AllocationError(fault.detail, advice=fault.advice)


def faults_of(topology: Topology) -> Iterator[Fault]:
    """Every rule that `topology` breaks, the first first."""
    yield from _names("gateways", [gateway.id for gateway in topology.gateways])
    yield from _names("devices", [device.id for device in topology.devices])
    for index, gateway in enumerate(topology.gateways):
        yield from _amounts(gateway.capacity, f"capacity of gateway {gateway.id!r}", f"#/gateways/{index}/capacity")
    gateways = {gateway.id for gateway in topology.gateways}
    for index, device in enumerate(topology.devices):
        yield from _faults_of_device(f"#/devices/{index}", device, gateways)
    yield from _faults_of_flows(topology, gateways)


def _faults_of_flows(topology: Topology, gateways: AbstractSet[str]) -> Iterator[Fault]:
    devices = {device.id for device in topology.devices}
    for index, flow in enumerate(topology.flows):
        pointer, what = f"#/flows/{index}", f"flow of {flow.source!r} and {flow.target!r}"
        yield from _unknown("device", pointer, what, {"source": flow.source, "target": flow.target}, devices)
        yield from _amounts({"amount": flow.amount}, what, pointer)
    for index, distance in enumerate(topology.distances):
        pointer, what = f"#/distances/{index}", f"distance of {distance.source!r} and {distance.target!r}"
        yield from _unknown("gateway", pointer, what, {"source": distance.source, "target": distance.target}, gateways)
        yield from _amounts({"cost_per_hour": distance.cost_per_hour}, what, pointer)


def _unknown(kind: str, pointer: str, what: str, names: Mapping[str, str], known: AbstractSet[str]) -> Iterator[Fault]:
    for part, name in names.items():
        if name not in known:
            detail = f"{what} names {kind} {name!r}, which the topology does not have"
            yield Fault(f"{kind}-unknown", f"{pointer}/{part}", detail, f"add the {kind} or correct the name")


def _faults_of_device(pointer: str, device: DevicePlacement, gateways: AbstractSet[str]) -> Iterator[Fault]:
    named = [(f"reach/{index}/gateway", link.gateway) for index, link in enumerate(device.reach)]
    named += [(f"excluded/{index}", name) for index, name in enumerate(device.excluded)]
    for part, name in [*named, ("gateway", device.gateway), ("pinned_to", device.pinned_to)]:
        if name is not None and name not in gateways:
            detail = f"device {device.id!r} names gateway {name!r}, which the topology does not have"
            yield Fault("gateway-unknown", f"{pointer}/{part}", detail, "add the gateway or correct the name")
    yield from _amounts(device.demand, f"demand of device {device.id!r}", f"{pointer}/demand")
    yield from _amounts({"priority": device.priority}, f"device {device.id!r}", pointer)
    for index, link in enumerate(device.reach):
        amounts = {"latency_ms": link.latency_ms, "cost_per_hour": link.cost_per_hour}
        yield from _amounts(amounts, f"link of device {device.id!r} to {link.gateway!r}", f"{pointer}/reach/{index}")


def _amounts(amounts: Resources, where: str, pointer: str) -> Iterator[Fault]:
    for name, amount in amounts.items():
        if not 0 <= amount <= MAX_AMOUNT:
            detail = f"{where}: {name} is {amount}, expected a number from 0 to {MAX_AMOUNT:g}"
            part = name.replace("~", "~0").replace("/", "~1")
            yield Fault("amount-invalid", f"{pointer}/{part}", detail, "correct it")


def _names(part: str, names: list[str]) -> Iterator[Fault]:
    what = part.removesuffix("s")
    first = {name: index for index, name in reversed(list(enumerate(names)))}
    for name, count in Counter(names).items():
        index = first[name]
        if count > 1:
            yield Fault(
                f"{what}-repeated", f"#/{part}/{index}/id", f"{what} {name!r} appears {count} times, expected once", "keep one"
            )
        if not is_clean(name):
            detail = f"{what} id {name!r} has control characters or surrounding blanks"
            yield Fault("id-unclean", f"#/{part}/{index}/id", detail, "use printable characters, and no blanks around them")
