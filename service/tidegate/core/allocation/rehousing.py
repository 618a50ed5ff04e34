"""Rehousing: is there room for the devices of lost gateways where they reach, with nobody else moving? A yes is a witness.

Much cheaper than the planner's search, which weighs latency and cost as well: most losses of a healthy site are answered here.
A no says nothing.
"""

import numpy as np

from tidegate.core.allocation.arrays import Bool, Float64, Int64
from tidegate.core.allocation.problem import Problem
from tidegate.core.allocation.rules import Room
from tidegate.core.allocation.together import fitting, starts, widths
from tidegate.core.allocation.worlds import Worlds


def sizes_of(problem: Problem) -> Float64:
    """A device's demand as a share of the smallest gateway, in its greatest resource, float64 [device]."""
    return np.asarray((problem.demand / problem.scale.min(axis=0, initial=np.inf)).max(axis=1, initial=0.0))


def homeless(worlds: Worlds, size: Float64) -> Bool:
    """Which devices of lost gateways were found no place elsewhere within capacity, bool [device].

    Rounds: those still without one go round the gateways with room for them, the largest device first by `size` float64
    [device], the emptiest gateway first; where too many come, the largest stay.
    """
    problem, load = worlds.problem, worlds.load.copy()
    waiting = np.zeros(len(problem.devices), np.bool_)
    waiting[worlds.devices] = True
    links = np.flatnonzero(problem.usable)
    while len(links := links[Room().allows(problem, load, links)]):
        taken = _round(problem, load, links, size)
        gateways, owners = problem.reach.gateway[taken], problem.reach.device[taken]
        np.add.at(load, gateways, problem.demand[owners])
        waiting[owners] = False
        links = links[waiting[problem.reach.device[links]]]
    return waiting


def _round(problem: Problem, load: Float64, links: Int64, size: Float64) -> Int64:
    """A link for as many of the owners of `links` as can go at once."""
    gateway, owners = problem.reach.gateway[links], problem.reach.device[links]
    share = ((load[gateway] + problem.demand[owners]) / problem.scale[gateway]).max(axis=1, initial=0.0)
    order = np.lexsort((gateway, share, owners))
    first = starts(owners[order])
    counts = widths(first, len(order))
    sizes = size[owners[order][first]]
    turns = np.empty(len(sizes), np.int64)
    turns[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    asked = links[order[first + turns % counts]]
    return np.asarray(asked[fitting(problem, load, asked, sizes)])
