"""What devices send each other, and what that costs by how far apart their gateways are.

A part of the cost that depends on where others are: it enters a move's price like congestion does, at the places of the moment.
Who is served nowhere sends nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tidegate.contracts.ids import DeviceId, GatewayId
from tidegate.contracts.topology import Topology
from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.ragged import ragged


@dataclass(frozen=True, slots=True)
class Flows:
    """Flows by device, each with both of its ends: those of device d are rows `first[d] : first[d + 1]` (int64 [device + 1]).

    `partner` int64 and `amount` float64 [row] are the other end and how much. `distance` float64 [gateway, gateway] is what one
    unit costs per hour between two gateways, 0 within one.
    """

    first: Int64
    partner: Int64
    amount: Float64
    distance: Float64

    def price(self, gateway: Int64, devices: Int64, at: Int64) -> Float64:
        """Cost per hour of the flows of each of `devices` if it were at gateway `at`, the others at `gateway`; float64 [row]."""
        row, place = ragged(self.first[devices], np.diff(self.first)[devices])
        there = gateway[self.partner[place]]
        served = there != NOWHERE
        each = np.where(served, self.amount[place] * self.distance[at[row], there], 0.0)
        return np.bincount(row, each, len(devices)).astype(np.float64)

    def cost_per_hour(self, gateway: Int64) -> float:
        """What all flows cost when device d is at `gateway[d]` (`NOWHERE`: unserved), each counted once."""
        served = np.flatnonzero(gateway != NOWHERE)
        return float(self.price(gateway, served, gateway[served]).sum() / 2)

    @property
    def devices(self) -> Bool:
        """Which devices send or are sent anything, bool [device]."""
        return np.asarray(np.diff(self.first) > 0)

    @property
    def typical_cost_per_hour(self) -> float:
        """What a mean flow costs between two gateways of mean distance; 0 where none costs anything."""
        apart = self.distance[self.distance > 0]
        return float(self.amount.mean() * apart.mean()) if len(apart) and len(self.amount) else 0.0


def flows_of(topology: Topology, devices: Mapping[DeviceId, int], gateways: Mapping[GatewayId, int]) -> Flows | None:
    """The flows of `topology`, None without any that costs anything; names by their index.

    Flows between the same two add up. A distance counts in both directions, the first of several that are listed. Gateways
    of no listed distance are as far apart as the farthest that have one, 1 where none has.
    """
    told = [flow for flow in topology.flows if flow.amount > 0 and flow.source != flow.target]
    distance = _distances(topology, gateways)
    if not told or not distance.any():
        return None
    source = np.array([devices[flow.source] for flow in told], np.int64)
    target = np.array([devices[flow.target] for flow in told], np.int64)
    amount = np.array([flow.amount for flow in told], np.float64)
    ends, partners = np.concatenate([source, target]), np.concatenate([target, source])
    order = np.argsort(ends, kind="stable")
    first = np.searchsorted(ends[order], np.arange(len(devices) + 1))
    return Flows(first, partners[order], np.tile(amount, 2)[order], distance)


def _distances(topology: Topology, gateways: Mapping[GatewayId, int]) -> Float64:
    farthest = max((each.cost_per_hour for each in topology.distances), default=1.0)
    distance = np.full((len(gateways), len(gateways)), farthest)
    for each in reversed(topology.distances):
        ends = gateways[each.source], gateways[each.target]
        distance[ends] = distance[ends[::-1]] = each.cost_per_hour
    np.fill_diagonal(distance, 0.0)
    return distance
