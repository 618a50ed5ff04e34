"""Where one device would best be served right now, and what the next-best place would cost. One step of the search's budget."""

from dataclasses import dataclass

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Float64, Int64
from tidegate.core.allocation.goals import congestion
from tidegate.core.allocation.placement import Placement
from tidegate.core.allocation.rules import Room


@dataclass(frozen=True, slots=True)
class Option:
    """A link a device may use: latency over its limit (ms) and cost per hour, congestion of the gateway included.

    `flows_per_hour` is the part of the cost for what the device and others send each other.
    """

    link: int
    latency_excess_ms: float
    cost_per_hour: float
    flows_per_hour: float = 0.0

    @property
    def rank(self) -> tuple[float, float]:
        """Smaller is better."""
        return (self.latency_excess_ms, self.cost_per_hour)


def options(placement: Placement, device: int, tie_break: Int64) -> list[Option]:
    """The best two links `device` may move to, best first; fewer when fewer are allowed. Never the gateway it is on.

    `tie_break` int64 [gateway] orders equals after the emptier gateway; costs closer than a billionth are equal.
    """
    problem = placement.problem
    first, end = problem.reach.first[device : device + 2].tolist()
    links = first + np.flatnonzero(problem.usable[first:end] & (problem.reach.gateway[first:end] != placement.gateway[device]))
    links = links[Room().allows(problem, placement.load, links)]
    if not len(links):
        return []
    gateway = problem.reach.gateway[links]
    latency = problem.reach.latency_excess_ms[links]
    cost = rounded(placement, problem.reach.cost_per_hour[links] + arrival_price(placement, links))
    share = (placement.load[gateway] / problem.scale[gateway]).max(axis=1, initial=0.0)
    best = np.lexsort((tie_break[gateway], share, cost, latency))[:2]
    sent = [sent_per_hour(placement, device, int(gateway[row])) for row in best]
    return [Option(int(links[row]), float(latency[row]), float(cost[row]), part) for row, part in zip(best, sent, strict=True)]


def stay(placement: Placement, device: int) -> Option:
    """What serving `device` where it is costs now, congestion it causes included; `link` is `NOWHERE`."""
    price = departure_gain(placement, np.array([device], np.int64))
    cost = rounded(placement, placement.cost_per_hour[device] + price)
    sent = sent_per_hour(placement, device, int(placement.gateway[device]))
    return Option(NOWHERE, float(placement.latency_excess_ms[device]), float(cost[0]), sent)


def sent_per_hour(placement: Placement, device: int, gateway: int) -> float:
    """What the flows of `device` would cost per hour if it were at `gateway`."""
    return float(np.sum(_flows(placement, np.array([device]), np.array([gateway]))))


def arrival_price(placement: Placement, links: Int64) -> Float64:
    """Congestion per hour that using each of `links` would add at its gateway, and flows from there, float64 [link]."""
    reach = placement.problem.reach
    gateway, devices = reach.gateway[links], reach.device[links]
    load = placement.load.take(gateway, axis=0)
    congested = _price(placement, gateway, load + placement.problem.demand.take(devices, axis=0), load)
    return congested + _flows(placement, devices, gateway)


def departure_gain(placement: Placement, devices: Int64) -> Float64:
    """Congestion and flows per hour that would vanish if each of `devices` (all served) left its gateway, float64 [device]."""
    gateway = placement.gateway[devices]
    load = placement.load[gateway]
    return _price(placement, gateway, load, load - placement.problem.demand[devices]) + _flows(placement, devices, gateway)


def rounded(placement: Placement, cost_per_hour: Float64) -> Float64:
    """Costs without the noise of sums: to a billionth of a cost unit, so that equals compare equal in any unit."""
    unit = placement.problem.cost_unit
    return np.round(cost_per_hour / unit, 9) * unit


def _flows(placement: Placement, devices: Int64, at: Int64) -> Float64 | float:
    flows = placement.problem.flows
    return 0.0 if flows is None else flows.price(placement.gateway, devices, at)


def _price(placement: Placement, gateway: Int64, more: Float64, less: Float64) -> Float64:
    scale = placement.problem.scale.take(gateway, axis=0)
    steps = congestion(np.maximum(more, 0.0) / scale) - congestion(np.maximum(less, 0.0) / scale)
    return np.asarray(placement.problem.cost_unit * steps.sum(axis=1))
