"""Topologies from positions: who reaches whom at what latency, and who serves whom at first. Plain geometry, no search."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.ids import CommandId, DeviceId, GatewayId, ProfileName, SiteId
from tidegate.contracts.resources import Resources
from tidegate.contracts.topology import Binding, DevicePlacement, Gateway, Link, Topology

BASE_LATENCY_MS = 2.0
"""Milliseconds of a link of no length: the radio's own delay. Assumed; only the order of links matters to a planner."""

LATENCY_MS_PER_KM = 10.0
"""Milliseconds per kilometre, assumed: hops grow with distance. Fibre alone would be 0.005."""

COST_PER_HOUR_PER_KM = 0.01
"""Cost units per hour and kilometre, assumed: a farther gateway is dearer, so that distance breaks ties."""


@dataclass(frozen=True)
class Placed:
    """A device with a place: `x_km` and `y_km` on a plane, and what it needs at its peak."""

    id: DeviceId
    profile: ProfileName
    x_km: float
    y_km: float
    peak: Resources
    binding: Binding = Binding.GATEWAY_PULLED


def topology_of(
    site: SiteId,
    revision: int,
    gateways: Sequence[Gateway],
    gateway_km: NDArray[np.float64],
    devices: Sequence[Placed],
    *,
    radius_km: float = math.inf,
    most_links: int = 8,
    served: bool = True,
) -> Topology:
    """A site's topology. `gateway_km` is float64 [G, 2].

    A device reaches the gateways within `radius_km`, the nearest `most_links` of them, and always the nearest one: a device
    out of everybody's range would be unserved for ever and say nothing about planning. It starts on the nearest, or with
    `served` false nowhere, so that placing it is the planner's first decision.
    """
    return Topology(
        site=site,
        revision=revision,
        gateways=list(gateways),
        devices=[_placement(device, gateways, gateway_km, radius_km, most_links, served) for device in devices],
    )


def set_topology(topology: Topology) -> Command:
    """The command that registers `topology`; one of the same site and revision has the same id, so a repeat does nothing."""
    identity = CommandId(f"set-topology-{topology.site}-{topology.revision}"[:128])
    return Command(identity, topology.site, CommandKind.SET_TOPOLOGY, issued_by="fleet", topology=topology)


def _placement(
    device: Placed, gateways: Sequence[Gateway], gateway_km: NDArray[np.float64], radius_km: float, most_links: int, served: bool
) -> DevicePlacement:
    distance_km = np.hypot(gateway_km[:, 0] - device.x_km, gateway_km[:, 1] - device.y_km)
    nearest = np.argsort(distance_km, kind="stable")[:most_links]
    within = [int(index) for position, index in enumerate(nearest) if position == 0 or distance_km[index] <= radius_km]
    reach = [_link(gateways[index].id, float(distance_km[index])) for index in within]
    return DevicePlacement(device.id, device.profile, reach, reach[0].gateway if served else None, binding=device.binding)


def _link(gateway: GatewayId, distance_km: float) -> Link:
    latency_ms = round(BASE_LATENCY_MS + LATENCY_MS_PER_KM * distance_km, 3)
    return Link(gateway, latency_ms, round(COST_PER_HOUR_PER_KM * distance_km, 6))
