"""One site at one tick as arrays: what the search and the evaluation compute on. Frozen; a plan never changes its problem."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import repeat
from types import MappingProxyType
from typing import Final, TypeVar

import numpy as np

from tidegate.contracts.ids import DeviceId, GatewayId
from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.allocation.by_gateway import there
from tidegate.core.allocation.flows import Flows
from tidegate.core.allocation.frame import Frame, frame_of
from tidegate.core.allocation.model import PlanRequest, Suspect
from tidegate.core.allocation.reach import Reach
from tidegate.errors import InputError

NEGLIGIBLE: Final = 1e-9
"""Ratio to a typical capacity below which a capacity counts as none when loads are told as shares of it."""

NOBODY: Final[Mapping[int, Suspect]] = MappingProxyType({})
"""No suspects."""

NOTHING: Final[Mapping[int, int]] = MappingProxyType({})
"""No gateway is replaced by any."""

Name = TypeVar("Name", DeviceId, GatewayId)


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Who is listed where, and which gateways and devices are set apart.

    `listed` int64 [device] is the gateway an assignment names, dead or not, `NOWHERE` for none; `epochs` int64 [device],
    `cooling`, `unpaid` bool [device]; `dead`, `draining`, `closed` bool [gateway].
    """

    listed: Int64
    epochs: Int64
    cooling: Bool
    unpaid: Bool
    dead: Bool
    draining: Bool
    closed: Bool


@dataclass(frozen=True, slots=True)
class Problem:
    """Indices follow `gateways`, `devices` and `resources`; what is not said here is as in `Frame` and `Occupancy`.

    `scale` float64 [gateway, resource] is what loads are divided by to become shares (the capacity; where that is 0, the mean
    capacity of the others). `demand` float64 [device, resource]. `start` int64 [device] is the gateway that serves a device
    now, `NOWHERE` also for one on a dead gateway. `closed` covers dead and draining gateways too.
    `arrivals` float64 [gateway, resource] is the load up to which a gateway takes in anybody: its capacity, less what is withheld
    of the `suspects`, by index. Nothing else is less for being suspect. `successors` are by the index of whom they replace.

    `home_cost_per_hour` and `home_latency_excess_ms` belong to the link to `start`. `misplaced` devices are served where
    they must not stay: on a draining gateway, out of reach, excluded, or off their pin. `usable` bool [link] are the links over
    which a device may come if there is room: lawful, of one that is not fixed, to an open gateway.
    """

    gateways: tuple[GatewayId, ...]
    devices: tuple[DeviceId, ...]
    resources: tuple[str, ...]
    capacity: Float64
    arrivals: Float64
    suspects: Mapping[int, Suspect]
    successors: Mapping[int, int]
    scale: Float64
    demand: Float64
    priority: Float64
    start: Int64
    listed: Int64
    epochs: Int64
    cooling: Bool
    unpaid: Bool
    misplaced: Bool
    home_cost_per_hour: Float64
    home_latency_excess_ms: Float64
    dead: Bool
    draining: Bool
    closed: Bool
    usable: Bool
    reach: Reach
    flows: Flows | None
    cost_unit: float


def problem_of(request: PlanRequest, frame: Frame | None = None) -> Problem:
    """`request` as arrays. Names in its situation that the topology does not have are ignored.

    Whoever keeps the `frame` of the request's topology and resources from an earlier one gives it along: making it is most of
    the work on a large site. The topology itself is then not looked at.

    Raises:
        InputError: a demand is not a number, infinite or below 0.
    """
    now = request.situation
    frame = frame or frame_of(request.topology, now.resources)
    index: dict[GatewayId | None, int] = dict(frame.gateway_index.items())
    occupancy = Occupancy(
        listed=np.fromiter(map(index.get, now.assigned, repeat(NOWHERE)), np.int64, len(now.assigned)),
        epochs=np.array(now.epochs, np.int64),
        cooling=marked(frame.device_index, now.cooling),
        unpaid=marked(frame.device_index, now.unpaid),
        dead=marked(frame.gateway_index, now.dead),
        draining=marked(frame.gateway_index, now.draining),
        closed=marked(frame.gateway_index, now.closed),
    )
    demand = np.array(now.demand, np.float64).reshape(len(frame.devices), len(frame.resources))
    _check_amounts(frame, demand)
    suspects = {index[each.gateway]: each for each in now.suspects if each.gateway in index}
    successors = {index[gateway]: index[by] for gateway, by in now.replaced.items() if gateway in index and by in index}
    return build_problem(frame, demand, occupancy, suspects, successors)


def _check_amounts(frame: Frame, demand: Float64) -> None:
    for row, column in np.argwhere(~(np.isfinite(demand) & (demand >= 0))):
        raise InputError(
            f"device {frame.devices[row]!r} demands {demand[row, column]} of {frame.resources[column]}, expected 0 or more",
            advice="correct it in the topology, or see what its readings say",
        )


def build_problem(
    frame: Frame,
    demand: Float64,
    now: Occupancy,
    suspects: Mapping[int, Suspect] = NOBODY,
    successors: Mapping[int, int] = NOTHING,
) -> Problem:
    """The problem of a site with `demand` float64 [device, resource], as it stands `now`."""
    start = np.where(there(now.dead, now.listed), NOWHERE, now.listed)
    home, closed = _home(frame.reach, start), now.dead | now.draining | now.closed
    return Problem(
        gateways=frame.gateways,
        devices=frame.devices,
        resources=frame.resources,
        capacity=frame.capacity,
        arrivals=arrivals_of(frame.capacity, suspects),
        suspects=suspects,
        successors=successors,
        scale=scale_of(frame.capacity, demand),
        demand=demand,
        priority=frame.priority,
        start=start,
        listed=now.listed,
        epochs=now.epochs,
        cooling=now.cooling,
        unpaid=now.unpaid,
        misplaced=(start != NOWHERE) & (there(now.draining, start) | ~home.lawful),
        home_cost_per_hour=home.cost_per_hour,
        home_latency_excess_ms=home.latency_excess_ms,
        dead=now.dead,
        draining=now.draining,
        closed=closed,
        usable=frame.reach.movable & ~closed[frame.reach.gateway],
        reach=frame.reach,
        flows=frame.flows,
        cost_unit=frame.cost_unit,
    )


def arrivals_of(capacity: Float64, suspects: Mapping[int, Suspect]) -> Float64:
    """`capacity` float64 [gateway, resource] less what is withheld of the `suspects`; the unlimited stays so."""
    if not suspects:
        return capacity
    left = capacity.copy()
    for gateway, suspect in suspects.items():
        left[gateway] -= np.where(np.isfinite(left[gateway]), suspect.withheld * capacity[gateway], 0.0)
    return left


def unsuspecting(problem: Problem) -> Problem:
    """`problem` with nothing withheld of anybody."""
    return replace(problem, arrivals=problem.capacity, suspects=NOBODY)


def after_loss(problem: Problem, lost: Bool) -> Problem:
    """`problem` with the gateways `lost` (bool [gateway]) dead: whom they served is unserved."""
    start = np.where(there(lost, problem.start), NOWHERE, problem.start)
    stays = start == problem.start
    return replace(
        problem,
        start=start,
        dead=problem.dead | lost,
        closed=problem.closed | lost,
        usable=problem.usable & ~lost[problem.reach.gateway],
        misplaced=problem.misplaced & stays,
        home_cost_per_hour=np.where(stays, problem.home_cost_per_hour, 0.0),
        home_latency_excess_ms=np.where(stays, problem.home_latency_excess_ms, 0.0),
    )


def marked(index: Mapping[Name, int], names: Iterable[Name]) -> Bool:
    """True at the indices of `names`, bool, as long as `index`; unknown names are ignored."""
    mask = np.zeros(len(index), np.bool_)
    mask[[index[name] for name in names if name in index]] = True
    return mask


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


def scale_of(capacity: Float64, demand: Float64) -> Float64:
    """What makes a load a share: the capacity; where that is next to nothing, a typical one, so that shares stay finite.

    Every fallback carries the resource's unit, so that changing the unit changes no share.
    """
    usable = np.isfinite(capacity) & (capacity > 0)
    count = usable.sum(axis=0)
    mean = np.where(usable, capacity, 0.0).sum(axis=0) / np.maximum(count, 1)
    total = demand.sum(axis=0)
    typical = np.where(count > 0, np.maximum(mean, NEGLIGIBLE * total), np.where(total > 0, total, 1.0))
    return np.where(capacity > NEGLIGIBLE * typical, capacity, typical)
