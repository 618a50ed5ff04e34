"""Does a plan still hold? What is different between the site a plan was made for and the site as it stands, in words."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from tidegate.contracts.ids import GatewayId
from tidegate.contracts.plan import Move, Plan, Trigger
from tidegate.core.allocation.arrays import NOWHERE, Float64, Int64
from tidegate.core.allocation.evaluate import evaluate
from tidegate.core.allocation.goals import compare
from tidegate.core.allocation.placement import loads
from tidegate.core.allocation.problem import Problem
from tidegate.core.allocation.rules import why_not

MINIMUM_BENEFIT_LEFT: Final = 0.5
"""Share of a plan's promised gain that must remain when it is applied (design: guarantee 6)."""


def differences(problem: Problem, plan: Plan) -> list[str]:
    """Why `plan` may not be carried out on `problem` (the site now), one sentence each; empty when it may.

    Each device must be at the move's source and epoch, each target reachable and open with room for it at the demand of
    now, in the plan's order; and at least half of the promised gain must remain. An undo promises none.
    """
    walk = Walk(problem)
    found = [f"device {move.device} {text}" for move in plan.moves if (text := walk.attempt(move)) is not None]
    if found or plan.trigger is Trigger.UNDO:
        return found
    return _benefit(problem, plan, walk.gateway)


def differences_of_rest(problem: Problem, moves: Sequence[Move]) -> list[str]:
    """Why `moves`, what is left of a plan, may not be made on `problem`; empty when they may.

    As `differences`, but what the plan promised is partly kept already: the rest has to gain something, however little.
    """
    walk = Walk(problem)
    found = [f"device {move.device} {text}" for move in moves if (text := walk.attempt(move)) is not None]
    gain = compare(evaluate(problem, problem.start), evaluate(problem, walk.gateway)).gain
    return found if found or gain > 0 else ["what is left of the plan no longer improves the site"]


class Walk:
    """The site after the moves so far. `gateway` int64 [device], `load` float64 [gateway, resource]."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.gateway: Int64 = problem.start.copy()
        self.load: Float64 = loads(problem, problem.start)
        self._gateways = {name: index for index, name in enumerate(problem.gateways)}
        self._unmoved = {name: index for index, name in enumerate(problem.devices)}

    def attempt(self, move: Move) -> str | None:
        """Carry out `move`, or say why it cannot be, in words to follow its device's name."""
        device = self._unmoved.get(move.device)
        if device is None:
            return "is not in the topology, or is moved twice"
        obstacle = self._obstacle(device, move)
        if obstacle is None:
            del self._unmoved[move.device]
            self._carry_out(device, move)
        return obstacle

    def _obstacle(self, device: int, move: Move) -> str | None:
        elsewhere = _elsewhere(self.problem, device, move)
        if elsewhere is not None:
            return elsewhere
        if move.target is None:
            return "cannot be released: its binding is fixed" if self.problem.reach.fixed[device] else None
        link = self._link(device, move.target)
        if link is None:
            return f"cannot reach {move.target}"
        obstacle = why_not(self.problem, self.load, link)
        return None if obstacle is None else f"cannot move to {move.target}: {obstacle}"

    def _link(self, device: int, target: GatewayId) -> int | None:
        first, end = self.problem.reach.first[device : device + 2]
        found = np.flatnonzero(self.problem.reach.gateway[first:end] == self._gateways.get(target, NOWHERE))
        return int(first + found[0]) if len(found) else None

    def _carry_out(self, device: int, move: Move) -> None:
        demand = self.problem.demand[device]
        if self.gateway[device] != NOWHERE:
            self.load[self.gateway[device]] -= demand
        self.gateway[device] = NOWHERE if move.target is None else self._gateways[move.target]
        if move.target is not None:
            self.load[self.gateway[device]] += demand


def _elsewhere(problem: Problem, device: int, move: Move) -> str | None:
    """Whether `device` has left the source that the plan knows."""
    listed = problem.listed[device]
    at = None if listed == NOWHERE else problem.gateways[listed]
    if at != move.source:
        return f"is at {at}, the plan expects it at {move.source}"
    if problem.epochs[device] != move.epoch:
        return f"has epoch {problem.epochs[device]}, the plan expects {move.epoch}"
    return None


def _benefit(problem: Problem, plan: Plan, after: Int64) -> list[str]:
    promised = compare(plan.before, plan.after)
    left = compare(evaluate(problem, problem.start), evaluate(problem, after))
    if left.goal is None or left.gain <= 0:
        return ["the plan no longer improves the site"]
    if promised.goal is left.goal and left.gain < MINIMUM_BENEFIT_LEFT * promised.gain:
        return [f"of the promised gain of {promised.gain:.6g} in {left.goal.name} only {left.gain:.6g} remains"]
    return []
