"""A site as it stands at a tick: as a problem, to look at, and as a situation, to send to the planner."""

import numpy as np

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.ids import GatewayId
from tidegate.core.allocation.model import Situation
from tidegate.core.allocation.problem import Occupancy, Problem, build_problem, marked
from tidegate.core.allocation.site import Site


def problem_now(site: Site, settings: AllocationSettings, now_ms: int) -> Problem:
    """`site` at `now_ms` as arrays, with the demand it was last told."""
    frame, placed = site.ground.frame, site.placed
    hold_ms, payback_ms = int(settings.cooldown_seconds * 1000), int(settings.payback_seconds * 1000)
    occupancy = Occupancy(
        listed=placed.gateway,
        epochs=placed.epoch,
        cooling=now_ms - placed.moved_at_ms < hold_ms,
        unpaid=now_ms - placed.moved_at_ms < payback_ms,
        dead=marked(frame.gateway_index, site.silent),
        draining=marked(frame.gateway_index, site.draining),
        closed=marked(frame.gateway_index, shut_at(site, settings, now_ms)),
    )
    return build_problem(frame, site.demand, occupancy)


def shut_at(site: Site, settings: AllocationSettings, now_ms: int) -> set[GatewayId]:
    """Gateways that take nobody new at `now_ms`, whatever for."""
    hold_ms = int(settings.cooldown_seconds * 1000)
    closed = site.cordoned | site.on_hold(now_ms, hold_ms) | site.turned_away(now_ms)
    return closed | site.draining | site.silent


def situation_of(problem: Problem) -> Situation:
    """`problem` in names and plain numbers; `problem_of` makes the same arrays of it again."""
    return Situation(
        resources=list(problem.resources),
        demand=problem.demand.tolist(),
        assigned=[None if gateway < 0 else problem.gateways[gateway] for gateway in problem.listed.tolist()],
        epochs=problem.epochs.tolist(),
        dead=[problem.gateways[index] for index in np.flatnonzero(problem.dead)],
        draining=[problem.gateways[index] for index in np.flatnonzero(problem.draining)],
        closed=[problem.gateways[index] for index in np.flatnonzero(problem.closed)],
        cooling=[problem.devices[index] for index in np.flatnonzero(problem.cooling)],
        unpaid=[problem.devices[index] for index in np.flatnonzero(problem.unpaid)],
    )
