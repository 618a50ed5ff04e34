"""What devices send each other, and what that costs by how far apart their gateways are.

A part of the cost that depends on where others are: it enters a move's price like congestion does, at the places of the moment.
Who is served nowhere sends nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tidegate.contracts.ids import DeviceId, GatewayId
from tidegate.contracts.topology import Topology, unlisted_distance
from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.ragged import ragged


@dataclass(frozen=True, slots=True)
class Distances:
    """What one unit of flow costs per hour between two of so many `gateways`: 0 within one, `otherwise` where it is not listed.

    `pairs` int64 [listed], rising, are lesser gateway × `gateways` + greater one, and cost `apart` float64 [listed]. Not a table
    of all pairs: a site of many gateways lists few.
    """

    gateways: int
    pairs: Int64
    apart: Float64
    otherwise: float

    def between(self, one: Int64, other: Int64) -> Float64:
        """The distance of each of `one` and `other` (both int64 [row]), float64 [row]."""
        pairs = np.minimum(one, other) * self.gateways + np.maximum(one, other)
        place = np.searchsorted(self.pairs, pairs).clip(max=max(len(self.pairs) - 1, 0))
        found = np.full(len(pairs), self.otherwise)
        if len(self.pairs):
            found = np.where(self.pairs[place] == pairs, self.apart[place], found)
        return np.where(one == other, 0.0, found)

    @property
    def typical(self) -> float:
        """The mean of those listed that cost anything, what is not listed costs where none does."""
        apart = self.apart[self.apart > 0]
        return float(apart.mean()) if len(apart) else self.otherwise


@dataclass(frozen=True, slots=True)
class Flows:
    """Flows by device, each with both of its ends: those of device d are rows `first[d] : first[d + 1]` (int64 [device + 1]).

    `partner` int64 and `amount` float64 [row] are the other end and how much.
    """

    first: Int64
    partner: Int64
    amount: Float64
    distances: Distances

    def price(self, gateway: Int64, devices: Int64, at: Int64) -> Float64:
        """Cost per hour of the flows of each of `devices` if it were at gateway `at`, the others at `gateway`; float64 [row]."""
        row, place = ragged(self.first[devices], np.diff(self.first)[devices])
        there = gateway[self.partner[place]]
        each = np.where(there != NOWHERE, self.amount[place] * self.distances.between(at[row], there), 0.0)
        return np.bincount(row, each, len(devices)).astype(np.float64)

    def cost_of(self, gateway: Int64, devices: Int64, at: Int64) -> float:
        """What the flows of `devices` (rising) cost per hour if each were where `at` says, int64 like `devices`.

        Each flow is counted once. The others are at `gateway`, int64 [device].
        """
        row, place = ragged(self.first[devices], np.diff(self.first)[devices])
        partner = self.partner[place]
        index = np.searchsorted(devices, partner).clip(max=len(devices) - 1)
        among = devices[index] == partner
        there = np.where(among, at[index], gateway[partner])
        each = np.where(there != NOWHERE, self.amount[place] * self.distances.between(at[row], there), 0.0)
        return float(np.where(among, each / 2, each).sum())

    def cost_per_hour(self, gateway: Int64) -> float:
        """What all flows cost when device d is at `gateway[d]` (`NOWHERE`: unserved), each counted once."""
        served = np.flatnonzero(gateway != NOWHERE)
        return self.cost_of(gateway, served, gateway[served]) if len(served) else 0.0

    @property
    def devices(self) -> Bool:
        """Which devices send or are sent anything, bool [device]."""
        return np.asarray(np.diff(self.first) > 0)

    @property
    def typical_cost_per_hour(self) -> float:
        """What a mean flow costs between two gateways of typical distance."""
        return float(self.amount.mean()) * self.distances.typical


def flows_of(topology: Topology, devices: Mapping[DeviceId, int], gateways: Mapping[GatewayId, int]) -> Flows | None:
    """The flows of `topology`, None without any that costs anything; names by their index.

    Flows between the same two add up. A distance counts in both directions, the first of several that are listed. Gateways
    of no listed distance are as far apart as the farthest that have one, 1 where none has.
    """
    told = [flow for flow in topology.flows if flow.amount > 0 and flow.source != flow.target]
    distances = _distances(topology, gateways)
    if not told or distances.typical == 0:
        return None
    source = np.array([devices[flow.source] for flow in told], np.int64)
    target = np.array([devices[flow.target] for flow in told], np.int64)
    amount = np.array([flow.amount for flow in told], np.float64)
    ends, partners = np.concatenate([source, target]), np.concatenate([target, source])
    order = np.argsort(ends, kind="stable")
    first = np.searchsorted(ends[order], np.arange(len(devices) + 1))
    return Flows(first, partners[order], np.tile(amount, 2)[order], distances)


def _distances(topology: Topology, gateways: Mapping[GatewayId, int]) -> Distances:
    listed: dict[int, float] = {}
    for each in topology.distances:
        lesser, greater = sorted((gateways[each.source], gateways[each.target]))
        listed.setdefault(lesser * len(gateways) + greater, each.cost_per_hour)
    pairs = np.array(sorted(listed), np.int64)
    return Distances(
        len(gateways), pairs, np.array([listed[pair] for pair in pairs.tolist()], np.float64), unlisted_distance(topology)
    )
