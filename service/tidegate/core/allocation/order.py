"""In which order a plan's moves can be carried out, one by one, without a gateway ever being over capacity because of them."""

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE
from tidegate.core.allocation.placement import FULL, loads
from tidegate.core.allocation.problem import Problem
from tidegate.core.allocation.trail import Step, Trail


def carried_out_order(problem: Problem, trail: Trail) -> list[Step]:
    """The trail's steps, rescues first if that is feasible at every step, else last.

    Last is always feasible: devices that leave a gateway do so in the order of the search, which saw at least as much
    load, and after them loads only rise to their final values.
    """
    departures = [step for step in trail.steps.values() if step.device in trail.departed]
    rescues = [step for step in trail.steps.values() if step.device not in trail.departed]
    if not departures or not rescues:
        return rescues or departures
    return rescues + departures if is_feasible(problem, rescues + departures) else departures + rescues


def is_feasible(problem: Problem, steps: list[Step]) -> bool:
    """Whether no gateway gets over capacity by any of `steps`, made one after the other."""
    load = loads(problem, problem.start)
    for step in steps:
        source = problem.start[step.device]
        if source != NOWHERE:
            load[source] -= problem.demand[step.device]
        if step.chosen is None:
            continue
        target = problem.reach.gateway[step.chosen.link]
        load[target] += problem.demand[step.device]
        if np.any(load[target] > problem.capacity[target] * FULL):
            return False
    return True
