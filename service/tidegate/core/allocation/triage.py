"""Triage: places for a crowd that there is not room enough for, so that as many as can be are served.

The more important go first, as everywhere; among equals the one that takes least of what is left, whereby many small ones are
served in place of few large ones. Rounds, as in `construct`: everybody asks for the cheapest gateway with room, and where too
many come, those that go last wait.

Only for devices that nobody serves: their loads rise from nothing, so any order of the moves is feasible in flight.
"""

import numpy as np

from tidegate.core.allocation.arrays import Float64, Int64
from tidegate.core.allocation.choice import Option, arrival_price, rounded
from tidegate.core.allocation.placement import Placement
from tidegate.core.allocation.problem import Problem
from tidegate.core.allocation.rules import Room
from tidegate.core.allocation.together import fitting, starts
from tidegate.core.allocation.trail import DEVICES_PER_STEP, Cause, Step, Trail


def triage(placement: Placement, trail: Trail, devices: Int64, tie_break: Int64) -> None:
    """Give `devices`, which nobody serves, places while there is room. `tie_break` int64 [gateway] orders equals."""
    problem, reach = placement.problem, placement.problem.reach
    turn = turns_of(problem, placement.load)
    waiting = np.zeros(len(problem.devices), np.bool_)
    waiting[devices] = True
    links = np.flatnonzero(waiting[reach.device] & problem.usable)
    while len(links := links[Room().allows(problem, placement.load, links)]):
        trail.spent += 1 + len(links) // DEVICES_PER_STEP
        asked = _cheapest(placement, links, tie_break)
        admitted = asked[fitting(problem, placement.load, asked, -turn[reach.device[asked]])]
        placement.move_all(admitted)
        waiting[reach.device[admitted]] = False
        for link in admitted.tolist():
            trail.record(Step(int(reach.device[link]), Cause.UNSERVED, Option(link, 0.0, 0.0), None))  # `hindsight` prices it
        trail.together.update(reach.device[admitted].tolist())
        links = links[waiting[reach.device[links]]]


def turns_of(problem: Problem, load: Float64) -> Float64:
    """When each device's turn comes, float64 [device]: by priority, then by what it takes of all that is left at `load`.

    What is left counts by resource, so that the scarce one decides (Toyoda 1975).
    """
    room = np.maximum(problem.arrivals - load, 0.0)[~problem.closed].sum(axis=0)
    typical = problem.scale.mean(axis=0) if len(problem.scale) else np.ones(problem.demand.shape[1])
    share = problem.demand / np.maximum(room, typical)
    turn = np.empty(len(share))
    turn[np.lexsort((share.sum(axis=1), -problem.priority))] = np.arange(len(share))
    return turn


def _cheapest(placement: Placement, links: Int64, tie_break: Int64) -> Int64:
    """Of each device's `links` the one of least latency excess, then least cost, at the loads of now."""
    reach = placement.problem.reach
    owner, gateway = reach.device[links], reach.gateway[links]
    cost = rounded(placement, reach.cost_per_hour[links] + arrival_price(placement, links))
    order = np.lexsort((tie_break[gateway], cost, reach.latency_excess_ms[links], owner))
    return np.asarray(links[order[starts(owner[order])]])
