"""The search's working copy: who is served where, and each gateway's load. The only mutable thing in a planner."""

from typing import Final

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Float64, Int64
from tidegate.core.allocation.by_gateway import totals
from tidegate.core.allocation.problem import Problem

ROUNDING: Final = 1e-9
"""Share of capacity that a sum of loads may be off by and still count as exact."""

FULL: Final = 1.0 + ROUNDING
"""Share of capacity up to which a gateway is not over it."""


class Placement:
    """`gateway` and `link` int64 [device] (`link` is `NOWHERE` until a device moves), `load` float64 [gateway, resource]."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.gateway: Int64 = problem.start.copy()
        self.link: Int64 = np.full(len(problem.devices), NOWHERE, np.int64)
        self.cost_per_hour: Float64 = problem.home_cost_per_hour.copy()
        self.latency_excess_ms: Float64 = problem.home_latency_excess_ms.copy()
        self.load: Float64 = loads(problem, problem.start)

    def copy(self) -> "Placement":
        """A placement that goes its own way from here."""
        twin = Placement(self.problem)
        twin.gateway, twin.link, twin.load = self.gateway.copy(), self.link.copy(), self.load.copy()
        twin.cost_per_hour, twin.latency_excess_ms = self.cost_per_hour.copy(), self.latency_excess_ms.copy()
        return twin

    def move(self, device: int, link: int) -> None:
        """Serve `device` over `link` from now on."""
        reach, demand = self.problem.reach, self.problem.demand[device]
        if self.gateway[device] != NOWHERE:
            self.load[self.gateway[device]] -= demand
        self.gateway[device] = reach.gateway[link]
        self.link[device] = link
        self.cost_per_hour[device] = reach.cost_per_hour[link]
        self.latency_excess_ms[device] = reach.latency_excess_ms[link]
        self.load[self.gateway[device]] += demand

    def move_all(self, links: Int64) -> None:
        """Serve the devices of `links`, one link each and nobody served before, from now on."""
        reach = self.problem.reach
        devices, gateways = reach.device[links], reach.gateway[links]
        self.gateway[devices], self.link[devices] = gateways, links
        self.cost_per_hour[devices] = reach.cost_per_hour[links]
        self.latency_excess_ms[devices] = reach.latency_excess_ms[links]
        np.add.at(self.load, gateways, self.problem.demand[devices])

    def release(self, device: int) -> None:
        """Serve `device`, which is served, no more."""
        self.load[self.gateway[device]] -= self.problem.demand[device]
        self.gateway[device] = self.link[device] = NOWHERE


def loads(problem: Problem, gateway: Int64) -> Float64:
    """Load of each gateway, float64 [gateway, resource], when device d is served by `gateway[d]`."""
    return totals(problem.demand, gateway, len(problem.gateways))
