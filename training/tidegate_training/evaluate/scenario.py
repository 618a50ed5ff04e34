"""A site made of recorded demand: which devices, which gateways, who reaches whom. Trace-driven, and says what is assumed.

Demand is recorded (VMs of Bitbrains or PlanetLab), so are the gateways' positions where the folder has EUA's edge servers.
Assumed, because no data set has it: one gateway per `DEVICES_PER_GATEWAY` devices, equal capacities (`capacity_of`), where a
device stands (EUA's user positions, themselves generated, or drawn at random), reach (the nearest `REACH` gateways), latency
(`LATENCY_MS` plus `LATENCY_MS_PER_KM` times the distance) and link cost (one unit per km and hour).
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import GatewayId, SiteId
from tidegate.contracts.profile import Profile
from tidegate.contracts.resources import Resources
from tidegate.contracts.topology import DevicePlacement, Gateway, Link, Topology
from tidegate.errors import InputError
from tidegate.fleet.series import Series

Float64 = NDArray[np.float64]

DEVICES_PER_GATEWAY: Final = 3
"""Few enough that one heavy VM decides whether a gateway is full, as on real edge nodes."""

REACH: Final = 6
"""Gateways a device can be served by, the nearest ones."""

HEADROOM: Final = 1.3
"""Total capacity over the summed 95th percentiles of demand."""

LATENCY_MS: Final = 2.0
LATENCY_MS_PER_KM: Final = 5.0
"""Radio and metro network, of the order that edge simulators assume; only differences between gateways matter."""

KM_PER_DEGREE: Final = 111.2
"""Of latitude, and of longitude times the cosine of the latitude."""


@dataclass(frozen=True, slots=True)
class Traces:
    """Demand of D devices over T common steps. `demand` float64 [T, D, R] in each resource's unit; NaN is no reading."""

    series: list[Series]
    resources: list[str]
    event_time_ms: NDArray[np.int64]
    demand: Float64


@dataclass(frozen=True, slots=True)
class Scenario:
    """A site and its demand, with words for what was recorded and what was assumed."""

    topology: Topology
    traces: Traces
    notes: list[str]


def demand_of(series: Series, profile: Profile, resources: Sequence[str]) -> Float64:
    """What `series` needs of each resource by its profile's mapping, float64 [T, R]; NaN where a metric is missing."""
    columns = {name: series.values[:, place] for place, name in enumerate(series.metrics)}
    needed = np.zeros((len(series), len(resources)))
    for place, resource in enumerate(resources):
        mapping = profile.demand[resource]
        needed[:, place] = mapping.constant + sum(
            (term.scale * columns[term.metric] for term in mapping.terms), start=np.zeros(1)
        )
    return np.maximum(needed, 0.0)


def common_traces(taken: Sequence[Series], profile: Profile, *, steps: int | None = None) -> Traces:
    """`taken`, all of `profile`, on one grid of its interval from the first common event time on, at most `steps` long.

    Raises:
        InputError: no series, or the profile has no demand mapping.
    """
    if not taken or not profile.demand:
        raise InputError(f"profile {profile.name!r} has no demand to allocate", advice="add `demand` to the profile")
    resources = list(profile.demand)
    interval_ms = round(profile.interval_seconds * 1000)
    start = int(np.median([series.event_time_ms[0] for series in taken]))
    length = max(int(series.event_time_ms[-1]) - start for series in taken) // interval_ms + 1
    demand = np.full((min(length, steps or length), len(taken), len(resources)), np.nan)
    for place, series in enumerate(taken):
        slot = (series.event_time_ms - start + interval_ms // 2) // interval_ms
        inside = (slot >= 0) & (slot < len(demand))
        demand[slot[inside], place] = demand_of(series, profile, resources)[inside]
    return Traces(list(taken), resources, start + interval_ms * np.arange(len(demand), dtype=np.int64), demand)


def build_scenario(folder: Path, site: SiteId, traces: Traces) -> Scenario:
    """A site for `traces`: EUA's servers and users where `folder` has them, otherwise positions drawn at random (state 0).

    Every device starts at its nearest gateway, which is where a network without an allocator would put it.
    """
    devices = len(traces.series)
    count = max(devices // DEVICES_PER_GATEWAY, 2)
    servers, where = _positions(folder, "SITE_ID", count)
    users, _ = _positions(folder, "", devices)
    capacity = capacity_of(traces, count)
    names = [GatewayId(f"gateway-{index:03d}") for index in range(count)]
    distance = distances_km(users, servers)
    placements = [_placement(series, names, distance[row]) for row, series in enumerate(traces.series)]
    topology = Topology(site, 1, [Gateway(name, dict(capacity)) for name in names], placements)
    notes = [
        f"Gateways: {count}, {where}; one per {DEVICES_PER_GATEWAY} devices, each with {_in_words(capacity)} (assumed: the "
        f"larger of {HEADROOM} × the summed 95th percentiles ÷ gateways and the largest device's 99th percentile).",
        f"Devices: {devices} recorded VMs (trace-driven; VMs are not IoT devices), each in reach of its {REACH} nearest gateways "
        f"and first served by the nearest. Latency {LATENCY_MS:g} ms + {LATENCY_MS_PER_KM:g} ms/km, cost 1 per km and hour "
        "(assumed).",
    ]
    return Scenario(topology, traces, notes)


def capacity_of(traces: Traces, gateways: int) -> Resources:
    """Each gateway's capacity: what the module says, so that the site as a whole is not short but single gateways are."""
    usual, heavy = np.nan_to_num(np.nanquantile(traces.demand, [0.95, 0.99], axis=0))
    share = np.maximum(HEADROOM * usual.sum(axis=0) / gateways, heavy.max(axis=0))
    return {name: float(np.ceil(amount)) for name, amount in zip(traces.resources, share, strict=True)}


def distances_km(users: Float64, servers: Float64) -> Float64:
    """Distance of each user to each server, float64 [user, server], from (latitude, longitude) in degrees; flat, for a city."""
    apart = users[:, None, :] - servers[None, :, :]
    apart[..., 1] *= np.cos(np.radians(users[:, None, 0]))
    return np.asarray(KM_PER_DEGREE * np.hypot(apart[..., 0], apart[..., 1]))


def _placement(series: Series, names: Sequence[GatewayId], distance: Float64) -> DevicePlacement:
    nearest = np.argsort(distance, kind="stable")[:REACH]
    links = [Link(names[at], LATENCY_MS + LATENCY_MS_PER_KM * float(distance[at]), float(distance[at])) for at in nearest]
    return DevicePlacement(series.device, series.profile, links, gateway=names[nearest[0]])


def _positions(folder: Path, id_column: str, count: int) -> tuple[Float64, str]:
    """`count` (latitude, longitude) pairs spread evenly over a file's rows, or drawn in a square of 2 km without one.

    Servers are told by their id column; users by having nothing but a position.
    """
    for file in sorted(folder.rglob("*.csv")):
        with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
            rows = csv.DictReader(lines)
            columns = {name.upper(): name for name in rows.fieldnames or ()}
            wanted = {id_column, "LATITUDE", "LONGITUDE"} - {""}
            if wanted <= set(columns) and (id_column or len(columns) == 2):
                found = np.array([[float(row[columns[axis]]) for axis in ("LATITUDE", "LONGITUDE")] for row in rows])
                if len(found) >= count:
                    return found[np.linspace(0, len(found) - 1, count).astype(np.int64)], f"at positions of {file.name}"
    side = 2.0 / KM_PER_DEGREE
    drawn = np.random.default_rng(len(id_column)).uniform(0.0, side, size=(count, 2))
    return drawn, "at random positions in a square of 2 km (no file of positions in the folder)"


def _in_words(capacity: Resources) -> str:
    return ", ".join(f"{amount:.3g} {name}" for name, amount in capacity.items())
