"""A topology as arrays: what stays the same from one plan to the next of the same revision. Built once, then shared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.contracts.ids import DeviceId, GatewayId
from tidegate.contracts.topology import Topology
from tidegate.core.allocation.arrays import Float64
from tidegate.core.allocation.flows import Flows, flows_of
from tidegate.core.allocation.reach import Reach, reach_of

LEAST_PRIORITY: Final = 1e-3
"""Priority that a device of less counts with (1 is ordinary): the least important is still better served than not."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Names, their indices, and what they have. Arrays follow `gateways`, `devices` and `resources`.

    `capacity` float64 [gateway, resource] is infinite where unlimited. `cost_unit` per hour is the mean positive cost of a
    link, of a flow where no link costs anything, 1 when nothing does: congestion and moves are priced in it. `flows` are None
    where there are none that cost anything.
    """

    gateways: tuple[GatewayId, ...]
    devices: tuple[DeviceId, ...]
    resources: tuple[str, ...]
    gateway_index: dict[GatewayId, int]
    device_index: dict[DeviceId, int]
    capacity: Float64
    priority: Float64
    reach: Reach
    flows: Flows | None
    cost_unit: float


def frame_of(topology: Topology, resources: Sequence[str]) -> Frame:
    """`topology` in arrays with one column per resource of `resources`."""
    gateways = tuple(gateway.id for gateway in topology.gateways)
    devices = tuple(device.id for device in topology.devices)
    capacity = [[gateway.capacity.get(name, np.inf) for name in resources] for gateway in topology.gateways]
    reach = reach_of(topology)
    gateway_index = {name: index for index, name in enumerate(gateways)}
    device_index = {name: index for index, name in enumerate(devices)}
    flows = flows_of(topology, device_index, gateway_index)
    return Frame(
        gateways=gateways,
        devices=devices,
        resources=tuple(resources),
        gateway_index=gateway_index,
        device_index=device_index,
        capacity=np.array(capacity, np.float64).reshape(len(gateways), len(resources)),
        priority=np.array([max(device.priority, LEAST_PRIORITY) for device in topology.devices], np.float64),
        reach=reach,
        flows=flows,
        cost_unit=_cost_unit(reach, flows),
    )


def _cost_unit(reach: Reach, flows: Flows | None) -> float:
    positive = reach.cost_per_hour[reach.cost_per_hour > 0]
    if len(positive):
        return float(positive.mean())
    return (0.0 if flows is None else flows.typical_cost_per_hour) or 1.0
