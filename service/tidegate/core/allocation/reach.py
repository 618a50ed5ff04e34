"""Who can be served by whom: a topology's reach, pins, exclusions and bindings as sparse rows of links.

Built once per topology revision; holds nothing that changes between plans.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import GatewayId
from tidegate.contracts.topology import Binding, Topology
from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64

T = TypeVar("T", np.int64, np.float64)


@dataclass(frozen=True, slots=True)
class Reach:
    """Links of device `d` are rows `first[d]` to `first[d + 1]` (exclusive) of the arrays by link.

    `device` and `gateway` int64 [link] are indices; `latency_excess_ms` is what a link's latency exceeds the device's limit
    by, 0 without a limit. `lawful` is false where the device is excluded from the gateway or pinned to another one.
    `fixed` bool [device] marks devices that nobody may move; `movable` bool [link] are lawful links of the others.
    """

    first: Int64
    device: Int64
    gateway: Int64
    latency_excess_ms: Float64
    cost_per_hour: Float64
    lawful: Bool
    fixed: Bool
    movable: Bool


def reach_of(topology: Topology) -> Reach:
    """The reach of every device of `topology`. A device that lists no links reaches every gateway at no latency and cost.

    A gateway listed twice counts once, as first listed.
    """
    index = {gateway.id: position for position, gateway in enumerate(topology.gateways)}
    links = _listed(topology, index)
    counts = np.bincount(links.device, minlength=len(topology.devices))
    lawful = _lawful(topology, index, links.device, links.gateway)
    fixed = np.array([placement.binding is Binding.FIXED for placement in topology.devices], np.bool_)
    return Reach(
        first=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        device=links.device,
        gateway=links.gateway,
        latency_excess_ms=np.maximum(0.0, links.latency_ms - _limits_ms(topology)[links.device]),
        cost_per_hour=links.cost_per_hour,
        lawful=lawful,
        fixed=fixed,
        movable=lawful & ~fixed[links.device],
    )


@dataclass(frozen=True, slots=True)
class _Links:
    """By link, in order of devices: indices int64, and what the topology says of it."""

    device: Int64
    gateway: Int64
    latency_ms: Float64
    cost_per_hour: Float64


def _listed(topology: Topology, index: Mapping[GatewayId, int]) -> _Links:
    listed = [link for placement in topology.devices for link in placement.reach]
    counts = np.array([len(placement.reach) for placement in topology.devices], np.int64)
    everywhere = counts == 0
    device = np.repeat(np.arange(len(counts)), np.where(everywhere, len(index), counts))
    given = ~everywhere[device]

    def filled(told: Iterable[Any], otherwise: NDArray[T]) -> NDArray[T]:
        """What the listed links say, in their places, and `otherwise` in the others."""
        values = np.empty(len(device), otherwise.dtype)
        values[given] = np.fromiter(told, otherwise.dtype, len(listed))
        values[~given] = otherwise
        return values

    to_all, nothing = np.tile(np.arange(len(index)), int(everywhere.sum())), np.zeros(len(device) - len(listed))
    gateway = filled(map(index.__getitem__, map(attrgetter("gateway"), listed)), to_all)
    latency_ms, cost = (filled(map(attrgetter(name), listed), nothing) for name in ("latency_ms", "cost_per_hour"))
    links = _Links(device, gateway, latency_ms, cost)
    return _once(links, device * len(index) + gateway)


def _once(links: _Links, pairs: Int64) -> _Links:
    """`links` without those that repeat a pair of device and gateway."""
    first = np.sort(np.unique(pairs, return_index=True)[1])
    if len(first) == len(pairs):
        return links
    return _Links(links.device[first], links.gateway[first], links.latency_ms[first], links.cost_per_hour[first])


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
