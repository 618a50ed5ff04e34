"""The smallest change found that flips a move: tried by the search itself, so that what is said of a move is so.

A change is of one link's cost or of one gateway's capacity. How large it has to be follows from the loads and costs at which
the search ended; then the search is run again on the changed site. Nothing is said of a move that no tried change flips, nor
once the budget is spent: on large sites, and where devices wait for the plan, an answer is worth more than its reasons.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tidegate.contracts.plan import ChangedPart, Counterfactual
from tidegate.core.allocation.arrays import NOWHERE
from tidegate.core.allocation.choice import arrival_price, departure_gain
from tidegate.core.allocation.goals import MOVE_PRICE
from tidegate.core.allocation.placement import Placement
from tidegate.core.allocation.problem import Problem, arrivals_of, scale_of
from tidegate.core.allocation.trail import Cause, Step, Trail

Search = Callable[[Problem], tuple[Placement, Trail]]

STEPS: Final = 2_000
"""Steps of search spent on trying changes for one plan: about a tenth of a second (45 µs each, see `trail`)."""

STEPS_IN_NEED: Final = 200
"""The same where devices are without service meanwhile."""

STEPS_PER_TRY: Final = 30
"""What setting up one search costs beside its own steps (measured: 1.4 ms on a small site) …"""

DEVICES_PER_SETUP_STEP: Final = 160
"""… and one step more for so many devices: a search with nothing to do takes 3 ms on a site of 10,000."""

_DIGITS: Final = 3
"""Significant digits an amount is told with, rounded up: what is tried is what is told."""

_GROWTH: Final = (1.0, 2.0, 8.0)
"""Factors by which a link's cost change is tried in turn: other devices' choices shift with it."""

_LEAST: Final = 1e-6
"""Cost units by which a link's cost is changed at least: what parts a tie."""


@dataclass(frozen=True, slots=True)
class _Change:
    part: ChangedPart
    gateway: int
    by: dict[int, float]
    """Resource's column to amount; for a link's cost column 0 stands for it."""


def counterfactuals(
    problem: Problem, placement: Placement, steps: Sequence[Step], search: Search, *, took: int, budget: int
) -> dict[int, Counterfactual]:
    """By device, what flips its step; `placement` is where the search ended. Devices without an answer are left out.

    The search `took` so many steps, and so will each try: one that the budget has no room for is not begun.
    """
    told: dict[int, Counterfactual] = {}
    spent, setup = 0, STEPS_PER_TRY + len(problem.devices) // DEVICES_PER_SETUP_STEP
    for step in steps:
        for change in _candidates(problem, placement, step):
            if spent + setup + took > budget:
                return told
            again, trail = search(_changed(problem, step.device, change))
            spent += setup + trail.spent
            if again.gateway[step.device] != placement.gateway[step.device]:
                told[step.device] = _told(problem, change, int(again.gateway[step.device]))
                break
    return told


def _candidates(problem: Problem, placement: Placement, step: Step) -> Iterator[_Change]:
    """Changes worth trying, the smallest of each kind first; the last one leaves no room at the target, which always tells."""
    if step.cause in {Cause.OVERLOAD, Cause.SHED}:
        yield from _more_room_at_home(problem, placement, step.device)
    if step.chosen is None:
        return
    target = int(placement.gateway[step.device])
    if step.cause not in {Cause.OVERLOAD, Cause.SHED, Cause.LATENCY, Cause.REPLACED}:
        gap = _gap(problem, placement, step)
        if gap is not None:
            for factor in _GROWTH:
                yield _Change(ChangedPart.LINK_COST, target, {0: _rounded_up(gap * factor)})
    yield from _less_room_there(problem, placement, step.device, target)


def _more_room_at_home(problem: Problem, placement: Placement, device: int) -> Iterator[_Change]:
    """What the source lacks for this device alone, others gone as planned; then what it lacks for all that it had."""
    home, capacity = int(problem.start[device]), problem.capacity
    alone = placement.load[home] + problem.demand[device] - capacity[home]
    start = problem.demand[problem.start == home].sum(axis=0) - capacity[home]
    for short in (alone, start):
        columns = np.flatnonzero(short > 0)
        if len(columns):
            yield _Change(ChangedPart.CAPACITY, home, {int(at): _rounded_up(float(short[at])) for at in columns})


def _gap(problem: Problem, placement: Placement, step: Step) -> float | None:
    """By how much the next-best place is dearer than the target at the loads of the end; None without one, by cost."""
    device = np.array([step.device])
    here = float(placement.cost_per_hour[step.device] + departure_gain(placement, device)[0])
    gaps = []
    rival = None if step.runner_up is None else step.runner_up.link
    if rival is not None and problem.reach.gateway[rival] != placement.gateway[step.device]:
        price = problem.reach.cost_per_hour[rival] + arrival_price(placement, np.array([rival]))[0]
        gaps.append(float(price) - here)
    if step.cause is Cause.COST and step.stayed is not None and step.chosen is not None:
        saved = step.stayed.cost_per_hour - step.chosen.cost_per_hour
        gaps.append(saved - MOVE_PRICE * problem.cost_unit)
    if step.cause is Cause.PAIR:
        gaps.append(step.together_per_hour - 2 * MOVE_PRICE * problem.cost_unit)
    return max(min(gaps), _LEAST * problem.cost_unit) if gaps else None


def _less_room_there(problem: Problem, placement: Placement, device: int, target: int) -> Iterator[_Change]:
    """The target a little too small for all that it gets, by its scarcest resource; then too small for this device alone."""
    demand, capacity = problem.demand[device], problem.capacity[target]
    scarce = np.flatnonzero((demand > 0) & np.isfinite(capacity))
    if not len(scarce):
        return
    slack = capacity - placement.load[target]
    column = int(scarce[np.argmin(slack[scarce] / problem.scale[target, scarce])])
    for left in (placement.load[target, column], demand[column]):
        less = min(_rounded_up(float(capacity[column] - left)), float(capacity[column]))
        if less > 0:
            yield _Change(ChangedPart.CAPACITY, target, {column: -less})


def _changed(problem: Problem, device: int, change: _Change) -> Problem:
    """`problem` with `change`; the unit of cost and the scale of loads follow as they would in a new request."""
    if change.part is ChangedPart.LINK_COST:
        first, end = problem.reach.first[device : device + 2]
        cost = problem.reach.cost_per_hour.copy()
        cost[first:end] += np.where(problem.reach.gateway[first:end] == change.gateway, change.by[0], 0.0)
        positive = cost[cost > 0]
        unit = float(positive.mean()) if len(positive) else 1.0
        return replace(problem, reach=replace(problem.reach, cost_per_hour=cost), cost_unit=unit)
    capacity = problem.capacity.copy()
    for column, amount in change.by.items():
        capacity[change.gateway, column] += amount
    arrivals = arrivals_of(capacity, problem.suspects)
    return replace(problem, capacity=capacity, arrivals=arrivals, scale=scale_of(capacity, problem.demand))


def _told(problem: Problem, change: _Change, gateway: int) -> Counterfactual:
    names = ["cost_per_hour"] if change.part is ChangedPart.LINK_COST else problem.resources
    return Counterfactual(
        part=change.part,
        gateway=problem.gateways[change.gateway],
        by={names[column]: amount for column, amount in change.by.items()},
        instead=None if gateway == NOWHERE else problem.gateways[gateway],
    )


def _rounded_up(amount: float) -> float:
    """The next number above `amount` of `_DIGITS` significant digits; 0 for what is not positive."""
    if amount <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(amount)) - _DIGITS + 1)
    return float(f"{(math.floor(amount / step) + 1) * step:.{_DIGITS}g}")
