"""Plans in words: the moves of a trail with their reasons and runners-up, and what is missing for those without a place."""

from typing import Final

import numpy as np

from tidegate.contracts.ids import DeviceId, GatewayId
from tidegate.contracts.plan import Counterfactual, Move, Unserved
from tidegate.contracts.resources import Resources
from tidegate.core.allocation.arrays import NOWHERE, Int64
from tidegate.core.allocation.choice import Option
from tidegate.core.allocation.placement import ROUNDING, Placement
from tidegate.core.allocation.problem import Problem
from tidegate.core.allocation.rules import why_not
from tidegate.core.allocation.trail import Cause, Step

MAX_SHORTAGES: Final = 5
"""Gateways named for a device without a place, nearest to having room first; the reason counts them all."""


def move_of(problem: Problem, step: Step, flip: Counterfactual | None = None) -> Move:
    """The move a step amounts to. A device on a dead gateway has that gateway as source: the move takes it over from there."""
    if step.chosen is None:
        name, why = _name(problem, step), _why_shed(problem, step)
        return Move(name, _source(problem, step), None, _epoch(problem, step), {}, why, counterfactual=flip)
    target = _gateway_of(problem, step.chosen)
    runner_up, tier, worse = _runner_up(problem, step, step.chosen)
    why = f"{_why_leave(problem, step, step.chosen)}; {_why_there(step.chosen, target)}{_against(runner_up, tier, worse)}"
    if step.cause is Cause.REPLACED:
        why = f"{target} replaces {_source(problem, step)}, and has room"
    if step.cause is Cause.PAIR and step.partner is not None:
        saved = f"saves {step.together_per_hour:.4g} per hour for both"
        why = f"moves together with {problem.devices[step.partner]}, which {saved}; {target} has room"
    if step.cause is Cause.GROUP and step.partner is not None:
        saved = f"to be where those are that talk, which saves {step.together_per_hour:.4g} per hour for all who do"
        why = f"moves together with {problem.devices[step.partner]}, {saved}; {target} has room"
    return Move(
        device=_name(problem, step),
        source=_source(problem, step),
        target=target,
        epoch=_epoch(problem, step),
        grant=grant_of(problem, step.device),
        reason=why,
        runner_up=runner_up,
        runner_up_tier=tier,
        runner_up_cost=worse,
        counterfactual=flip,
    )


def _name(problem: Problem, step: Step) -> DeviceId:
    return problem.devices[step.device]


def _source(problem: Problem, step: Step) -> GatewayId | None:
    listed = problem.listed[step.device]
    return None if listed == NOWHERE else problem.gateways[listed]


def _epoch(problem: Problem, step: Step) -> int:
    return int(problem.epochs[step.device])


def grant_of(problem: Problem, device: int) -> Resources:
    """What a gateway sets aside for `device`, by resource."""
    return dict(zip(problem.resources, problem.demand[device].tolist(), strict=True))


def stuck(placement: Placement, device: int) -> Unserved:
    """Why `device` finds no (better) place at the placement's loads, and what is missing where."""
    problem, links = placement.problem, _links_by_excess(placement, device)
    if not len(links):
        return Unserved(problem.devices[device], "no gateway is in its reach", [])
    obstacles = [(link, why_not(problem, placement.load, link)) for link in links[:MAX_SHORTAGES]]
    shortages = [f"{problem.gateways[problem.reach.gateway[link]]}: {text}" for link, text in obstacles if text is not None]
    if len(shortages) < len(obstacles):
        return Unserved(problem.devices[device], "the plan's limit of moves was reached first", [])
    return Unserved(problem.devices[device], f"none of {len(links)} gateways in reach can take it", shortages)


def _links_by_excess(placement: Placement, device: int) -> list[int]:
    """Links of `device` to gateways other than its own: open ones first, by how far over capacity they would be."""
    problem, reach = placement.problem, placement.problem.reach
    links: Int64 = np.arange(reach.first[device], reach.first[device + 1])
    links = links[reach.gateway[links] != placement.gateway[device]]
    gateway = reach.gateway[links]
    after = placement.load[gateway] + problem.demand[device] - problem.capacity[gateway]
    excess = (np.maximum(after, 0.0) / problem.scale[gateway]).sum(axis=1)
    return [int(link) for link in links[np.lexsort((gateway, excess, problem.closed[gateway]))]]


def _why_shed(problem: Problem, step: Step) -> str:
    beneficiary = step.device if step.partner is None else step.partner
    more, less = problem.priority[beneficiary], problem.priority[step.device]
    name = problem.devices[beneficiary]
    return f"gives its place on {_source(problem, step)} to {name}, priority {more:g} over {less:g}; nothing can take both"


def _why_leave(problem: Problem, step: Step, chosen: Option) -> str:
    source, stayed = _source(problem, step), step.stayed or chosen
    if step.cause is Cause.UNSERVED:
        return "no gateway serves it" if source is None else f"{source} is silent"
    if step.cause is Cause.MISPLACED:
        draining = problem.draining[problem.start[step.device]]
        return f"{source} is draining" if draining else f"it may not stay on {source} (reach, pin or exclusion)"
    if step.cause is Cause.ROOM and step.partner is not None:
        return f"makes room on {source} for {problem.devices[step.partner]}, which fits nowhere else"
    if step.cause is Cause.OVERLOAD:
        return f"relieves {source} of {step.relief:.1%} of its capacity in overload"
    if step.cause is Cause.LATENCY:
        return f"brings latency over its limit from {stayed.latency_excess_ms:.4g} to {chosen.latency_excess_ms:.4g} ms"
    sent = f", flows cost {chosen.flows_per_hour:.4g} for {stayed.flows_per_hour:.4g}" if stayed.flows_per_hour > 0 else ""
    return f"saves {stayed.cost_per_hour - chosen.cost_per_hour:.4g} per hour against {source}{sent}"


def _why_there(chosen: Option, target: GatewayId) -> str:
    late = f", {chosen.latency_excess_ms:.4g} ms over the latency limit" if chosen.latency_excess_ms > 0 else ""
    sent = f", {chosen.flows_per_hour:.4g} of it for flows" if chosen.flows_per_hour > 0 else ""
    return f"{target} has room and is best at {chosen.cost_per_hour:.4g} per hour{sent}{late}"


def _against(runner_up: GatewayId | None, tier: str | None, worse: float | None) -> str:
    if runner_up is None or worse is None:
        return "; no other gateway in reach can take it"
    if worse <= ROUNDING:
        return f", as good as {runner_up}"
    unit = {"latency": "ms", "overload": "of capacity in overload"}.get(tier or "", "per hour")
    return f"; next best {runner_up}, {worse:.4g} {unit} worse"


def _runner_up(problem: Problem, step: Step, chosen: Option) -> tuple[GatewayId | None, str | None, float | None]:
    """The next-best gateway, the tier that decides against it and by how much. Staying counts where the device may stay."""
    rival = step.runner_up
    may_stay = step.stayed if step.cause in {Cause.LATENCY, Cause.COST} else None
    if step.cause is Cause.OVERLOAD:
        if rival is None:
            return problem.gateways[problem.start[step.device]], "overload", step.relief
    elif step.cause in {Cause.PAIR, Cause.GROUP}:
        return problem.gateways[problem.start[step.device]], "cost", step.together_per_hour
    elif may_stay is not None and (rival is None or may_stay.rank < rival.rank):
        return problem.gateways[problem.start[step.device]], *_difference(may_stay, chosen)
    return (None, None, None) if rival is None else (_gateway_of(problem, rival), *_difference(rival, chosen))


def _difference(rival: Option, chosen: Option) -> tuple[str, float]:
    late = rival.latency_excess_ms - chosen.latency_excess_ms
    return ("latency", late) if late > ROUNDING else ("cost", max(0.0, rival.cost_per_hour - chosen.cost_per_hour))


def _gateway_of(problem: Problem, option: Option) -> GatewayId:
    return problem.gateways[int(problem.reach.gateway[option.link])]
