"""A plan request as arrays: what the search and the evaluation compute on. Frozen; a plan never changes its problem."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.contracts.ids import DeviceId, GatewayId
from tidegate.contracts.topology import Topology
from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.allocation.model import PlanRequest, Situation
from tidegate.core.allocation.reach import Reach, reach_of

LEAST_PRIORITY: Final = 1e-3
"""Priority that a device of less counts with (1 is ordinary): the least important is still better served than not."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One site at one tick. Indices follow `gateways`, `devices` and `resources`.

    `capacity` float64 [gateway, resource], infinite where unlimited; `scale`, same shape, is what loads are divided by to
    become shares (the capacity; where that is 0, the mean capacity of the others). `demand` float64 [device, resource].
    `start` int64 [device] is the gateway that serves a device now, `NOWHERE` also for one on a dead gateway; `listed` is the
    gateway its assignment names, dead or not.

    `home_cost_per_hour` and `home_latency_excess_ms` belong to the link to `start`. `misplaced` devices are served where
    they must not stay: on a draining gateway, out of reach, excluded, or off their pin. `cost_unit` per hour is the mean
    positive cost of a link, 1 when none costs anything: congestion and moves are priced in it.
    """

    gateways: tuple[GatewayId, ...]
    devices: tuple[DeviceId, ...]
    resources: tuple[str, ...]
    capacity: Float64
    scale: Float64
    demand: Float64
    priority: Float64
    start: Int64
    listed: Int64
    epochs: Int64
    cooling: Bool
    misplaced: Bool
    home_cost_per_hour: Float64
    home_latency_excess_ms: Float64
    dead: Bool
    draining: Bool
    closed: Bool
    reach: Reach
    cost_unit: float


def problem_of(request: PlanRequest, reach: Reach | None = None) -> Problem:
    """`request` as arrays; `reach` saves building it again when the caller has it for this topology."""
    return build_problem(request.topology, request.situation, reach_of(request.topology) if reach is None else reach)


def build_problem(topology: Topology, situation: Situation, reach: Reach) -> Problem:
    """The arrays of a site in a situation. Names in `situation` that the topology does not have are ignored."""
    gateways = tuple(gateway.id for gateway in topology.gateways)
    devices = tuple(device.id for device in topology.devices)
    index = {name: position for position, name in enumerate(gateways)}
    capacity = _capacity(topology, situation.resources)
    demand = np.array(situation.demand, np.float64).reshape(len(devices), len(situation.resources))
    dead, draining = (_marked(gateways, names) for names in (situation.dead, situation.draining))
    listed = np.array([NOWHERE if name is None else index.get(name, NOWHERE) for name in situation.assigned], np.int64)
    start = np.where((listed != NOWHERE) & ~dead[listed], listed, NOWHERE) if gateways else listed
    home = _home(reach, start)
    leaving = draining[start] if gateways else np.zeros(len(devices), np.bool_)
    return Problem(
        gateways=gateways,
        devices=devices,
        resources=tuple(situation.resources),
        capacity=capacity,
        scale=_scale(capacity, demand),
        demand=demand,
        priority=np.array([max(device.priority, LEAST_PRIORITY) for device in topology.devices], np.float64),
        start=start,
        listed=listed,
        epochs=np.array(situation.epochs, np.int64),
        cooling=_marked(devices, situation.cooling),
        misplaced=(start != NOWHERE) & (leaving | ~home.lawful),
        home_cost_per_hour=home.cost_per_hour,
        home_latency_excess_ms=home.latency_excess_ms,
        dead=dead,
        draining=draining,
        closed=dead | draining | _marked(gateways, situation.closed),
        reach=reach,
        cost_unit=_cost_unit(reach),
    )


@dataclass(frozen=True, slots=True)
class _Home:
    lawful: Bool
    cost_per_hour: Float64
    latency_excess_ms: Float64


def _home(reach: Reach, start: Int64) -> _Home:
    """The link of each device to where it is; a gateway that it does not list costs nothing and is not lawful."""
    links = np.flatnonzero(reach.gateway == start[reach.device])
    home = _Home(np.zeros(len(start), np.bool_), np.zeros(len(start)), np.zeros(len(start)))
    owners = reach.device[links]
    home.lawful[owners] = reach.lawful[links]
    home.cost_per_hour[owners] = reach.cost_per_hour[links]
    home.latency_excess_ms[owners] = reach.latency_excess_ms[links]
    return home


def _capacity(topology: Topology, resources: list[str]) -> Float64:
    rows = [[gateway.capacity.get(name, np.inf) for name in resources] for gateway in topology.gateways]
    return np.array(rows, np.float64).reshape(len(rows), len(resources))


def _scale(capacity: Float64, demand: Float64) -> Float64:
    """What makes a load a share. Every fallback carries the resource's unit, so that changing the unit changes no share."""
    usable = np.isfinite(capacity) & (capacity > 0)
    count = usable.sum(axis=0)
    mean = np.where(usable, capacity, 0.0).sum(axis=0) / np.maximum(count, 1)
    total = demand.sum(axis=0)
    fallback = np.where(count > 0, mean, np.where(total > 0, total, 1.0))
    return np.where(capacity > 0, capacity, fallback)


def _cost_unit(reach: Reach) -> float:
    positive = reach.cost_per_hour[reach.cost_per_hour > 0]
    return float(positive.mean()) if len(positive) else 1.0


def _marked(names: Sequence[str], chosen: Sequence[str]) -> Bool:
    members = frozenset(chosen)
    return np.array([name in members for name in names], np.bool_)
