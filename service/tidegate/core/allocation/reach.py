"""Who can be served by whom: a topology's reach, pins, exclusions and bindings as sparse rows of links.

Built once per topology revision; holds nothing that changes between plans.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import GatewayId
from tidegate.contracts.topology import Binding, DevicePlacement, Link, Topology
from tidegate.core.allocation.arrays import Bool, Float64, Int64


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
    """The reach of every device of `topology`. A device that lists no links reaches every gateway at no latency and cost."""
    index = {gateway.id: position for position, gateway in enumerate(topology.gateways)}
    rows = [_Row.of(device, index) for device in topology.devices]
    counts = np.array([len(row.gateway) for row in rows], np.int64)
    first = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return Reach(
        first=first,
        device=np.repeat(np.arange(len(rows), dtype=np.int64), counts),
        gateway=_joined([row.gateway for row in rows], np.int64),
        latency_excess_ms=_joined([row.latency_excess_ms for row in rows], np.float64),
        cost_per_hour=_joined([row.cost_per_hour for row in rows], np.float64),
        lawful=_joined([row.lawful for row in rows], np.bool_),
        fixed=np.array([device.binding is Binding.FIXED for device in topology.devices], np.bool_),
    )


@dataclass(frozen=True, slots=True)
class _Row:
    gateway: Int64
    latency_excess_ms: Float64
    cost_per_hour: Float64
    lawful: Bool

    @classmethod
    def of(cls, device: DevicePlacement, index: Mapping[GatewayId, int]) -> "_Row":
        links = list({link.gateway: link for link in reversed(device.reach)}.values())[::-1]
        gateway = _gateways(links, len(index), index)
        latency = np.array([link.latency_ms for link in links] or np.zeros(len(index)), np.float64)
        limit = np.inf if device.latency_limit_ms is None else device.latency_limit_ms
        return cls(
            gateway=gateway,
            latency_excess_ms=np.maximum(0.0, latency - limit),
            cost_per_hour=np.array([link.cost_per_hour for link in links] or np.zeros(len(index)), np.float64),
            lawful=_lawful(device, gateway, index),
        )


def _gateways(links: list[Link], count: int, index: Mapping[GatewayId, int]) -> Int64:
    return np.array([index[link.gateway] for link in links], np.int64) if links else np.arange(count, dtype=np.int64)


def _lawful(device: DevicePlacement, gateway: Int64, index: Mapping[GatewayId, int]) -> Bool:
    lawful = np.ones(len(gateway), np.bool_)
    if device.pinned_to is not None:
        lawful &= gateway == index[device.pinned_to]
    for name in device.excluded:
        lawful &= gateway != index[name]
    return lawful


def _joined(parts: list[NDArray[Any]], dtype: type) -> NDArray[Any]:
    return np.concatenate(parts).astype(dtype, copy=False) if parts else np.zeros(0, dtype)
