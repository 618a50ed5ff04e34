"""Worlds: several losses of one site side by side, as one problem, so that each step of a search is made for all of them at once.

In every world all gateways stand as they do now but for those that it loses. A device is in the world in which its gateway is
lost, and so in one at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Float64, Int64
from tidegate.core.allocation.problem import Problem


@dataclass(frozen=True, slots=True)
class Worlds:
    """`problem` has the gateways of all worlds, one world after the other, and `load` float64 [gateway, resource] is theirs.

    `devices` int64 are those whose gateway is lost, served by nobody. `of_device` int64 [device] is a device's world, `NOWHERE`
    for the others, which are out of the way: none of their links is usable.
    """

    problem: Problem
    load: Float64
    devices: Int64
    of_device: Int64


def worlds_of(problem: Problem, load: Float64, losses: Sequence[Sequence[int]]) -> Worlds:
    """A world for each of `losses`: gateways that are lost together, and none of them twice; `load` is the site's of now."""
    count, gateways, reach = len(losses), len(problem.gateways), problem.reach
    lost_in = np.full(gateways, NOWHERE, np.int64)
    for number, lost in enumerate(losses):
        lost_in[list(lost)] = number
    of_device = np.append(lost_in, NOWHERE)[problem.start]
    world = of_device[reach.device]
    usable = problem.usable & (world != NOWHERE) & (lost_in[reach.gateway] != world)
    gone = (lost_in == np.arange(count)[:, None]).ravel()
    beside = replace(
        problem,
        gateways=problem.gateways * count,
        capacity=np.tile(problem.capacity, (count, 1)),
        arrivals=np.tile(problem.arrivals, (count, 1)),
        scale=np.tile(problem.scale, (count, 1)),
        start=np.full(len(problem.devices), NOWHERE, np.int64),
        dead=np.tile(problem.dead, count) | gone,
        draining=np.tile(problem.draining, count),
        closed=np.tile(problem.closed, count) | gone,
        usable=usable,
        flows=None,  # they decide about cost, and losses ask about service
        reach=replace(reach, gateway=np.where(usable, world * gateways + reach.gateway, 0)),
    )
    return Worlds(beside, np.tile(load, (count, 1)), np.flatnonzero(of_device != NOWHERE), of_device)
