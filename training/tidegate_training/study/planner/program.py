"""A site's first placement as a linear program: what bounds and exact solvers work on.

Two goals. `links` alone is the generalised assignment problem of the literature. `own` is the planner's: links plus the price
of congestion, which is convex and piecewise linear in each gateway's load, so one variable per piece says it exactly.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from tidegate.core.allocation.arrays import Float64
from tidegate.core.allocation.goals import CONGESTION_SHARES, CONGESTION_SLOPES
from tidegate.core.allocation.problem import Problem


@dataclass(frozen=True, slots=True)
class Program:
    """min cost·x with load·x ≤ room, once·x = 1, 0 ≤ x ≤ most; the first `links` of x say who uses which link, whole."""

    cost: Float64
    load: csr_array
    room: Float64
    once: csr_array
    most: Float64
    links: int


def program_of(problem: Problem, *, congestion: bool) -> Program:
    """The program of `problem`, in which nobody is served yet and every gateway is open; `congestion` chooses the own goal."""
    reach, (gateways, resources) = problem.reach, problem.capacity.shape
    links, rows = len(reach.device), gateways * resources
    widths = np.diff(CONGESTION_SHARES)[CONGESTION_SHARES[1:] <= 1.0] if congestion else np.empty(0)
    pieces = np.arange(rows * len(widths))
    share = problem.demand[reach.device] / problem.scale[reach.gateway]
    cells = (reach.gateway[:, None] * resources + np.arange(resources)).ravel()
    entries = (
        np.concatenate([share.ravel(), -np.ones(len(pieces))]),
        (
            np.concatenate([cells, pieces // max(len(widths), 1)]),
            np.concatenate([np.repeat(np.arange(links), resources), links + pieces]),
        ),
    )
    size = links + len(pieces)
    slopes = problem.cost_unit * CONGESTION_SLOPES[: len(widths)]
    return Program(
        cost=np.concatenate([reach.cost_per_hour, np.tile(slopes, rows)]),
        load=csr_array(entries, shape=(rows, size)),
        room=np.full(rows, 0.0 if congestion else 1.0),
        once=csr_array((np.ones(links), (reach.device, np.arange(links))), shape=(len(problem.devices), size)),
        most=np.concatenate([np.ones(links), np.tile(widths, rows)]),
        links=links,
    )


def bound(program: Program) -> float:
    """Least cost per hour when devices may be split over gateways at will: no assignment of whole devices can beat it."""
    limits = np.stack([np.zeros(len(program.most)), program.most], axis=1)
    devices = np.ones(program.once.shape[0])
    found = linprog(
        program.cost,
        program.load,
        program.room,
        program.once,
        devices,
        bounds=limits,
        method="highs-ipm" if _large(program) else "highs",
    )
    return float(found.fun) if found.success else float("nan")


def _large(program: Program) -> bool:
    return program.links > 50_000
