"""Who can be served by whom: a topology's reach, pins, exclusions and bindings as sparse rows of links.

Built once per topology revision; holds nothing that changes between plans.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import GatewayId
from tidegate.contracts.topology import Binding, Link, Topology
from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64

T = TypeVar("T", np.int64, np.float64)


@dataclass(frozen=True, slots=True)
class Reach:
    """Links of device `d` are rows `first[d]` to `first[d + 1]` (exclusive) of the arrays by link.

    `device` and `gateway` int64 [link] are indices; `latency_excess_ms` is what a link's latency exceeds the device's limit
    by, 0 without a limit. `lawful` is false where the device is excluded from the gateway or pinned to another one.
    `fixed` bool [device] marks devices that nobody may move.
    """

    first: Int64
    device: Int64
    gateway: Int64
    latency_excess_ms: Float64
    cost_per_hour: Float64
    lawful: Bool
    fixed: Bool


def reach_of(topology: Topology) -> Reach:
    """The reach of every device of `topology`. A device that lists no links reaches every gateway at no latency and cost.

    A gateway listed twice counts once, as first listed.
    """
    index = {gateway.id: position for position, gateway in enumerate(topology.gateways)}
    listed = [device.reach for device in topology.devices]
    if _repeated(listed, index):
        listed = [_once(links) for links in listed]
    counts = np.array([len(links) or len(index) for links in listed], np.int64)
    device = np.repeat(np.arange(len(listed), dtype=np.int64), counts)
    given = np.repeat(np.array([bool(links) for links in listed], np.bool_), counts)
    gateway = np.tile(np.arange(len(index), dtype=np.int64), sum(1 for links in listed if not links))
    gateway = _filled(given, gateway, [index[link.gateway] for links in listed for link in links])
    nothing = np.zeros(len(device) - int(given.sum()))
    latency_ms = _filled(given, nothing, [link.latency_ms for links in listed for link in links])
    return Reach(
        first=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        device=device,
        gateway=gateway,
        latency_excess_ms=np.maximum(0.0, latency_ms - _limits_ms(topology)[device]),
        cost_per_hour=_filled(given, nothing, [link.cost_per_hour for links in listed for link in links]),
        lawful=_lawful(topology, index, device, gateway),
        fixed=np.array([placement.binding is Binding.FIXED for placement in topology.devices], np.bool_),
    )


def _repeated(listed: list[list[Link]], index: Mapping[GatewayId, int]) -> bool:
    """Whether any device lists a gateway twice."""
    counts = np.array([len(links) for links in listed], np.int64)
    owners = np.repeat(np.arange(len(listed)), counts)
    gateways = np.array([index[link.gateway] for links in listed for link in links], np.int64)
    pairs = np.sort(owners * len(index) + gateways)
    return bool((pairs[1:] == pairs[:-1]).any())


def _once(links: list[Link]) -> list[Link]:
    names = {link.gateway for link in links}
    return links if len(names) == len(links) else list({link.gateway: link for link in reversed(links)}.values())


def _filled(given: Bool, otherwise: NDArray[T], values: Sequence[float]) -> NDArray[T]:
    """`values` where `given`, `otherwise` elsewhere, both in order; of `otherwise`'s type."""
    filled = np.empty(len(given), otherwise.dtype)
    filled[given] = values
    filled[~given] = otherwise
    return filled


def _limits_ms(topology: Topology) -> Float64:
    limits = [np.inf if device.latency_limit_ms is None else device.latency_limit_ms for device in topology.devices]
    return np.array(limits, np.float64)


def _lawful(topology: Topology, index: Mapping[GatewayId, int], device: Int64, gateway: Int64) -> Bool:
    """Links that neither a pin to another gateway nor an exclusion forbids, bool [link]."""
    pins = [NOWHERE if placement.pinned_to is None else index[placement.pinned_to] for placement in topology.devices]
    pinned = np.array(pins, np.int64)[device]
    excluded = [row * len(index) + index[name] for row, placement in enumerate(topology.devices) for name in placement.excluded]
    forbidden = np.isin(device * len(index) + gateway, np.array(excluded, np.int64))
    return np.asarray(((pinned == NOWHERE) | (pinned == gateway)) & ~forbidden)
