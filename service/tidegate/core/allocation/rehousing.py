"""Rehousing: is there room for the devices of lost gateways where they reach, with nobody else moving? A yes is a witness.

Much cheaper than the planner's search, which weighs latency and cost as well: most losses of a healthy site are answered here.
A no says nothing.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tidegate.core.allocation.arrays import Float64, Int64
from tidegate.core.allocation.placement import loads
from tidegate.core.allocation.problem import Problem
from tidegate.core.allocation.rules import Room
from tidegate.core.allocation.together import fitting, starts
from tidegate.core.ragged import ragged


@dataclass(frozen=True, slots=True)
class Houses:
    """What is the same for every loss.

    `load` is as of now, `residents` are the devices of each gateway, and `size` float64 [device] is a device's demand as a share
    of the smallest gateway, in its greatest resource.
    """

    problem: Problem
    load: Float64
    residents: list[Int64]
    size: Float64


def houses_of(problem: Problem) -> Houses:
    """The houses of `problem`."""
    order = np.argsort(problem.start, kind="stable")
    ends = np.searchsorted(problem.start[order], np.arange(len(problem.gateways) + 1))
    size = (problem.demand / problem.scale.min(axis=0, initial=np.inf)).max(axis=1, initial=0.0)
    return Houses(problem, loads(problem, problem.start), [order[a:b] for a, b in pairwise(ends)], size)


def residents_of(houses: Houses, lost: list[int]) -> Int64:
    """The devices that the gateways `lost` serve."""
    return np.concatenate([houses.residents[gateway] for gateway in lost]) if lost else np.empty(0, np.int64)


def rehoused(houses: Houses, lost: list[int]) -> bool:
    """Whether all devices of `lost` were found a place elsewhere, within capacity.

    Rounds: those still without one go round the gateways with room for them, the largest device first, the emptiest gateway
    first; where too many come, the largest stay.
    """
    problem, load = houses.problem, houses.load.copy()
    devices = residents_of(houses, lost)
    links = _links_of(problem, devices)
    links = links[problem.usable[links] & ~np.isin(problem.reach.gateway[links], lost)]
    waiting = np.zeros(len(problem.devices), np.bool_)
    waiting[devices] = True
    left = len(devices)
    while left:
        links = links[waiting[problem.reach.device[links]]]
        links = links[Room().allows(problem, load, links)]
        if not len(links):
            return False
        taken = _round(houses, load, links)
        gateways, owners = problem.reach.gateway[taken], problem.reach.device[taken]
        np.add.at(load, gateways, problem.demand[owners])
        waiting[owners] = False
        left -= len(taken)
    return True


def _links_of(problem: Problem, devices: Int64) -> Int64:
    """All links of `devices`, device by device."""
    first = problem.reach.first[devices]
    return ragged(first, problem.reach.first[devices + 1] - first)[1]


def _round(houses: Houses, load: Float64, links: Int64) -> Int64:
    """A link for as many of the owners of `links` as can go at once."""
    problem = houses.problem
    gateway, owners = problem.reach.gateway[links], problem.reach.device[links]
    share = ((load[gateway] + problem.demand[owners]) / problem.scale[gateway]).max(axis=1, initial=0.0)
    order = np.lexsort((gateway, share, owners))
    first = starts(owners[order])
    counts = np.diff(np.append(first, len(order)))
    sizes = houses.size[owners[order][first]]
    turns = np.empty(len(sizes), np.int64)
    turns[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    asked = links[order[first + turns % counts]]
    return np.asarray(asked[fitting(problem, load, asked, sizes)])
