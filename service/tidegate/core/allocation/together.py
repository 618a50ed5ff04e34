"""Which of several moves can be made at once: the arithmetic of placing many devices together."""

import numpy as np

from tidegate.core.allocation.arrays import Bool, Float64, Int64
from tidegate.core.allocation.placement import FULL
from tidegate.core.allocation.problem import Problem


def starts(groups: Int64) -> Int64:
    """Where each run of equals in `groups` begins; empty for none."""
    if not len(groups):
        return np.empty(0, np.int64)
    return np.flatnonzero(np.concatenate(([True], groups[1:] != groups[:-1])))


def widths(runs: Int64, count: int) -> Int64:
    """How long each run is, of runs that begin at `runs` (int64, as of `starts`) in an array of `count`."""
    return np.diff(np.append(runs, count))


def ranks(groups: Int64) -> Int64:
    """Where each place is in its run of equals in `groups`: 0, 1, …; int64."""
    runs = starts(groups)
    return np.arange(len(groups)) - np.repeat(runs, widths(runs, len(groups)))


def fitting(problem: Problem, load: Float64, links: Int64, urgency: Float64) -> Bool:
    """Which of `links` (one per device) can be used together at loads `load`, bool [link].

    By gateway, greatest `urgency` float64 [link] first, as far as the loads of all before fit, whether those went or not.
    """
    order = np.lexsort((-urgency, problem.reach.gateway[links]))
    gateway, demand = problem.reach.gateway[links[order]], problem.demand[problem.reach.device[links[order]]]
    runs = starts(gateway)
    running = demand.cumsum(axis=0)
    before = np.repeat(running[runs] - demand[runs], widths(runs, len(order)), axis=0)
    together = np.empty(len(links), np.bool_)
    together[order] = (load[gateway] + running - before <= problem.arrivals[gateway] * FULL).all(axis=1)
    return together
