"""Does a plan still hold? What is different between the site a plan was made for and the site as it stands, in words."""

from typing import Final

from tidegate.contracts.ids import GatewayId
from tidegate.contracts.plan import Move, Plan
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
    now, in the plan's order; and at least half of the promised gain must remain.
    """
    found, after = _walk(problem, plan)
    return found or _benefit(problem, plan, after)


def _walk(problem: Problem, plan: Plan) -> tuple[list[str], Int64]:
    devices = {name: index for index, name in enumerate(problem.devices)}
    gateway, load = problem.start.copy(), loads(problem, problem.start)
    found: list[str] = []
    for move in plan.moves:
        device = devices.pop(move.device, None)
        if device is None:
            found.append(f"device {move.device} is not in the topology, or is moved twice")
            continue
        if move.target is None:
            found += _released(problem, move, device)
            load[gateway[device]] -= problem.demand[device]
            gateway[device] = NOWHERE
            continue
        link = _link(problem, device, move.target)
        text = f"cannot reach {move.target}" if link is None else _obstacle(problem, load, move, link)
        if text is not None or link is None:
            found.append(f"device {move.device} {text}")
            continue
        target = problem.reach.gateway[link]
        if gateway[device] != NOWHERE:
            load[gateway[device]] -= problem.demand[device]
        load[target] += problem.demand[device]
        gateway[device] = target
    return found, gateway


def _obstacle(problem: Problem, load: Float64, move: Move, link: int) -> str | None:
    device = problem.reach.device[link]
    listed = problem.listed[device]
    at = None if listed == NOWHERE else problem.gateways[listed]
    if at != move.source:
        return f"is at {at}, the plan expects it at {move.source}"
    if problem.epochs[device] != move.epoch:
        return f"has epoch {problem.epochs[device]}, the plan expects {move.epoch}"
    obstacle = why_not(problem, load, link)
    return None if obstacle is None else f"cannot move to {move.target}: {obstacle}"


def _link(problem: Problem, device: int, target: GatewayId | None) -> int | None:
    first, end = problem.reach.first[device], problem.reach.first[device + 1]
    for link in range(first, end):
        if problem.gateways[int(problem.reach.gateway[link])] == target:
            return link
    return None


def _benefit(problem: Problem, plan: Plan, after: Int64) -> list[str]:
    promised = compare(plan.before, plan.after)
    left = compare(evaluate(problem, problem.start), evaluate(problem, after))
    if left.goal is None or left.gain <= 0:
        return ["the plan no longer improves the site"]
    if promised.goal is left.goal and left.gain < MINIMUM_BENEFIT_LEFT * promised.gain:
        return [f"of the promised gain of {promised.gain:.6g} in {left.goal.name} only {left.gain:.6g} remains"]
    return []
