"""A site's topology: its gateways with capacity, its devices with reach, priority and present gateway.

Set whole by a command, with a revision that must rise. Checks that need no state are `check_topology`.
"""

from collections import Counter
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
class Topology:
    """A whole site at one revision."""

    site: SiteField
    revision: WholeField
    gateways: list[Gateway]
    devices: list[DevicePlacement]
    schema_version: int = SCHEMA_VERSION


def check_topology(topology: Topology) -> None:
    """Raise on the first rule `topology` breaks: repeated or unknown names, negative or non-finite amounts.

    Raises:
        AllocationError: with the offending name and value.
    """
    names = _unique([gateway.id for gateway in topology.gateways], "gateway")
    _unique([device.id for device in topology.devices], "device")
    for gateway in topology.gateways:
        _check_amounts(gateway.capacity, f"capacity of gateway {gateway.id!r}")
    for device in topology.devices:
        _check_device(device, names)


def _check_device(device: DevicePlacement, gateways: set[str]) -> None:
    named = [link.gateway for link in device.reach] + device.excluded
    named += [name for name in (device.gateway, device.pinned_to) if name is not None]
    for name in named:
        if name not in gateways:
            raise AllocationError(
                f"device {device.id!r} names gateway {name!r}, which the topology does not have",
                advice="add the gateway or correct the name",
            )
    _check_amounts(device.demand, f"demand of device {device.id!r}")
    _check_amounts({"priority": device.priority}, f"device {device.id!r}")
    for link in device.reach:
        amounts = {"latency_ms": link.latency_ms, "cost_per_hour": link.cost_per_hour}
        _check_amounts(amounts, f"link of device {device.id!r} to {link.gateway!r}")


def _check_amounts(amounts: Resources, where: str) -> None:
    for name, amount in amounts.items():
        if not 0 <= amount <= MAX_AMOUNT:
            raise AllocationError(f"{where}: {name} is {amount}, expected a number from 0 to {MAX_AMOUNT:g}")


def _unique(names: list[str], what: str) -> set[str]:
    for name, count in Counter(names).items():
        if count > 1:
            raise AllocationError(f"{what} {name!r} appears {count} times, expected once")
        if not is_clean(name):
            raise AllocationError(f"{what} id {name!r} has control characters or surrounding blanks")
    return set(names)
