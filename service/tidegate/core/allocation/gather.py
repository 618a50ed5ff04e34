"""Gathering: devices that talk to each other move to one gateway together, where that saves cost and no move of one alone does.

Who talks to several that are elsewhere stays with none of them by single moves, however dear the way is. A group is a device and
those that it talks to; all go to a gateway that each of them reaches, those that are there already stay.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.allocation.choice import rounded, stay
from tidegate.core.allocation.flows import Flows
from tidegate.core.allocation.goals import congestion
from tidegate.core.allocation.make_room import option
from tidegate.core.allocation.placement import FULL, ROUNDING, Placement
from tidegate.core.allocation.trail import Cause, Step, Trail

_LARGEST: Final = 12
"""Devices of a group at most: of more, those that the first one talks to most."""

_PLACES: Final = 6
"""Gateways tried for one group, those of the cheapest links for all of it."""

_ROUNDS: Final = 10
"""Rounds at most; each must save something."""


def gather(placement: Placement, trail: Trail, *, move_price: float) -> bool:
    """Move groups that talk to one gateway where that saves more than `move_price` (cost units per hour) for each that leaves.

    Devices that this plan placed move for any saving, the served only where the price is not infinite. Nobody's latency rises,
    no gateway gets over capacity. Says whether any moved; stops at the trail's limits.
    """
    flows = placement.problem.flows
    if flows is None:
        return False
    changed = False
    for _ in range(_ROUNDS):
        movable = _movable(placement, trail, move_price)
        moved = [_gather(placement, trail, group, movable, move_price) for group in _groups(placement, flows)]
        changed |= any(moved)
        if trail.exhausted or not any(moved):
            break
    return changed


def _movable(placement: Placement, trail: Trail, move_price: float) -> Bool:
    """Devices that may move for cost, bool [device]."""
    problem = placement.problem
    fresh, held = problem.start == NOWHERE, problem.cooling | problem.misplaced | problem.unpaid
    free = (placement.gateway != NOWHERE) & (fresh | ~(held | np.isinf(move_price) | trail.full))
    free[list(trail.departed)] = False
    return np.asarray(free)


def _groups(placement: Placement, flows: Flows) -> list[Int64]:
    """A group for each served device that has somebody elsewhere to talk to, those who pay most for it first; each only once."""
    devices = np.flatnonzero(flows.devices & (placement.gateway != NOWHERE))
    paid = flows.price(placement.gateway, devices, placement.gateway[devices])
    order = np.lexsort((devices, -np.round(paid, 9)))
    groups = dict[tuple[int, ...], None]()
    for device in devices[order[paid[order] > 0]].tolist():
        rows = slice(flows.first[device], flows.first[device + 1])
        partners = flows.partner[rows][np.argsort(-flows.amount[rows], kind="stable")]
        partners = partners[placement.gateway[partners] != NOWHERE][: _LARGEST - 1]
        groups[tuple(sorted({device, *partners.tolist()}))] = None
    return [np.array(group, np.int64) for group in groups]


@dataclass(frozen=True, slots=True)
class _Way:
    """Links over which those of a group who are elsewhere go to one gateway, and what that saves in cost units."""

    links: Int64
    saving: float


def _gather(placement: Placement, trail: Trail, group: Int64, movable: Bool, move_price: float) -> bool:
    if trail.exhausted:
        return False
    trail.spent += _PLACES
    ways = [way for way in _ways(placement, trail, group, movable, move_price) if way.saving > ROUNDING]
    if not ways:
        return False
    _carry_out(placement, trail, max(ways, key=lambda way: way.saving).links)
    return True


def _ways(placement: Placement, trail: Trail, group: Int64, movable: Bool, move_price: float) -> list[_Way]:
    """The ways to gather `group`, less the price of each that leaves a gateway which serves it."""
    problem, reach = placement.problem, placement.problem.reach
    links = np.concatenate([np.arange(reach.first[device], reach.first[device + 1]) for device in group])
    owner, gateway = reach.device[links], reach.gateway[links]
    there = gateway == placement.gateway[owner]
    lawful = movable[owner] & problem.usable[links] & (reach.latency_excess_ms[links] <= placement.latency_excess_ms[owner])
    links, there = links[there | lawful], there[there | lawful]
    places, counts = np.unique(reach.gateway[links], return_counts=True)
    places = places[counts == len(group)]
    dear = np.bincount(reach.gateway[links], reach.cost_per_hour[links], len(problem.gateways))[places]
    ways = []
    for place in places[np.lexsort((places, np.round(dear / problem.cost_unit, 9)))][:_PLACES].tolist():
        used = links[(reach.gateway[links] == place) & ~there]
        leaving = int((problem.start[reach.device[used]] != NOWHERE).sum())
        if len(used) > 1 and leaving <= trail.left and _fits(placement, used, place):
            fee = move_price * leaving if leaving else 0.0
            ways.append(_Way(used, _saving(placement, used, place) / problem.cost_unit - fee))
    return ways


def _fits(placement: Placement, links: Int64, place: int) -> bool:
    problem = placement.problem
    load = placement.load[place] + problem.demand[problem.reach.device[links]].sum(axis=0)
    return bool((load <= problem.arrivals[place] * FULL).all())


def _saving(placement: Placement, links: Int64, place: int) -> float:
    """What using all of `links`, which lead to `place`, saves per hour."""
    problem, reach = placement.problem, placement.problem.reach
    devices = reach.device[links]
    saved = float((placement.cost_per_hour[devices] - reach.cost_per_hour[links]).sum())
    load, after = placement.load.copy(), placement.gateway.copy()
    np.subtract.at(load, placement.gateway[devices], problem.demand[devices])
    load[place] += problem.demand[devices].sum(axis=0)
    after[devices] = place
    touched = np.unique([*placement.gateway[devices].tolist(), place])
    saved += problem.cost_unit * float(_congestion(placement, placement.load, touched) - _congestion(placement, load, touched))
    return saved + _sent(placement, placement.gateway, devices) - _sent(placement, after, devices)


def _congestion(placement: Placement, load: Float64, gateways: Int64) -> float:
    return float(congestion(np.maximum(load[gateways], 0.0) / placement.problem.scale[gateways]).sum())


def _sent(placement: Placement, gateway: Int64, devices: Int64) -> float:
    """What the flows of `devices` cost, those among them counted once."""
    flows = placement.problem.flows
    if flows is None:
        return 0.0
    among = np.full(len(gateway), NOWHERE, np.int64)
    among[devices] = gateway[devices]
    every, inner = flows.price(gateway, devices, gateway[devices]), flows.price(among, devices, gateway[devices])
    return float(every.sum() - inner.sum() / 2)


def _carry_out(placement: Placement, trail: Trail, links: Int64) -> None:
    """Use `links` one after the other, and tell of each device what all of them save together."""
    reach, fresh = placement.problem.reach, placement.problem.start == NOWHERE
    devices = reach.device[links].tolist()
    saved = float(rounded(placement, np.array([_saving(placement, links, int(reach.gateway[links[0]]))]))[0])
    steps = []
    for number, (device, link) in enumerate(zip(devices, links.tolist(), strict=True)):
        chosen, stayed = option(placement, link), None if fresh[device] else stay(placement, device)
        placement.move(device, link)
        cause, partner = (Cause.UNSERVED, None) if fresh[device] else (Cause.GROUP, devices[number - 1])
        steps.append(Step(device, cause, chosen, None, stayed, partner=partner))
    for step in steps:
        trail.record(replace(step, together_per_hour=saved) if step.cause is Cause.GROUP else step)
