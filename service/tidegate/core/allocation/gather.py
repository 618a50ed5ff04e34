"""Gathering: devices that talk to each other move to one gateway together, where that saves cost and no move of one alone does.

Who talks to several that are elsewhere stays with none of them by single moves, however dear the way is. A group is a device and
those that it talks to; all go to a gateway that each of them reaches, those that are there already stay.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.allocation.choice import rounded, stay
from tidegate.core.allocation.flows import Flows
from tidegate.core.allocation.goals import congestion
from tidegate.core.allocation.make_room import option
from tidegate.core.allocation.placement import FULL, ROUNDING, Placement
from tidegate.core.allocation.trail import DEVICES_PER_STEP, Cause, Step, Trail
from tidegate.core.ragged import ragged

_LARGEST: Final = 12
"""Devices of a group at most: of more, those that the first one talks to most."""

_PLACES: Final = 6
"""Gateways tried for one group, those of the cheapest links for all of it."""

_ROUNDS: Final = 10
"""Rounds at most; each must save something."""

_SHARE: Final = 4
"""One part in so many of the steps that are left may be spent on this; what comes after has to go on."""


def gather(placement: Placement, trail: Trail, *, move_price: float) -> bool:
    """Move groups that talk to one gateway where that saves more than `move_price` (cost units per hour) for each that leaves.

    Devices that this plan placed move for any saving, the served only where the price is not infinite, and once. Nobody's latency
    rises, no gateway gets over capacity. Says whether any moved; stops at the trail's limits.
    """
    flows = placement.problem.flows
    if flows is None:
        return False
    changed, limit = False, trail.spent + (trail.budget - trail.spent) // _SHARE
    for _ in range(_ROUNDS):
        moved = False
        for group in _groups(placement, trail, flows, limit):
            moved |= _gather(placement, trail, flows, group, move_price)
        changed |= moved
        if not moved:
            break
    return changed


def _movable(placement: Placement, trail: Trail, group: Int64, move_price: float) -> Bool:
    """Who of `group`, all served, may move for cost, bool [member]."""
    problem = placement.problem
    held = problem.cooling[group] | problem.misplaced[group] | problem.unpaid[group] | np.isinf(move_price) | trail.full
    departed = np.array([device in trail.departed for device in group.tolist()])
    return np.asarray(~departed & ((problem.start[group] == NOWHERE) | ~held))


def _groups(placement: Placement, trail: Trail, flows: Flows, limit: int) -> Iterator[Int64]:
    """A group for each served device that pays for what it says, those who pay most first, until the trail has spent `limit`.

    Where several are the same, only one. int64 [member], rising.
    """
    devices = np.flatnonzero(flows.devices & (placement.gateway != NOWHERE))
    trail.spent += len(devices) // DEVICES_PER_STEP
    paid = flows.price(placement.gateway, devices, placement.gateway[devices])
    order = np.lexsort((devices, -np.round(paid, 9)))
    known = set[tuple[int, ...]]()
    for device in devices[order[paid[order] > 0]].tolist():
        if trail.spent >= limit:
            return
        trail.spent += 1
        rows = slice(flows.first[device], flows.first[device + 1])
        partners = flows.partner[rows][np.argsort(-flows.amount[rows], kind="stable")]
        partners = partners[placement.gateway[partners] != NOWHERE][: _LARGEST - 1]
        group = tuple(sorted({device, *partners.tolist()}))
        if group not in known:
            known.add(group)
            yield np.array(group, np.int64)


@dataclass(frozen=True, slots=True)
class _Way:
    """Links over which those of a group who are elsewhere go to one gateway, and what that saves in cost units."""

    links: Int64
    saving: float


def _gather(placement: Placement, trail: Trail, flows: Flows, group: Int64, move_price: float) -> bool:
    trail.spent += _PLACES
    ways = [way for way in _ways(placement, trail, flows, group, move_price) if way.saving > ROUNDING]
    if not ways:
        return False
    _carry_out(placement, trail, flows, max(ways, key=lambda way: way.saving).links)
    return True


def _ways(placement: Placement, trail: Trail, flows: Flows, group: Int64, move_price: float) -> list[_Way]:
    """The ways to gather `group`, less the price of each that leaves a gateway which serves it."""
    problem, reach = placement.problem, placement.problem.reach
    member, links = ragged(reach.first[group], np.diff(reach.first)[group])
    owner, gateway = reach.device[links], reach.gateway[links]
    there = gateway == placement.gateway[owner]
    no_later = reach.latency_excess_ms[links] <= placement.latency_excess_ms[owner]
    lawful = _movable(placement, trail, group, move_price)[member] & problem.usable[links] & no_later
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
            ways.append(_Way(used, _saving(placement, flows, used) / problem.cost_unit - fee))
    return ways


def _fits(placement: Placement, links: Int64, place: int) -> bool:
    problem = placement.problem
    load = placement.load[place] + problem.demand[problem.reach.device[links]].sum(axis=0)
    return bool((load <= problem.arrivals[place] * FULL).all())


def _saving(placement: Placement, flows: Flows, links: Int64) -> float:
    """What using all of `links`, which lead to one gateway, saves per hour."""
    problem, reach = placement.problem, placement.problem.reach
    devices, to = reach.device[links], reach.gateway[links]
    here, demand = placement.gateway[devices], problem.demand[devices]
    gateways, left = np.unique(here, return_inverse=True)
    after = placement.load[gateways]
    np.subtract.at(after, left, demand)
    saved = float((placement.cost_per_hour[devices] - reach.cost_per_hour[links]).sum())
    saved += _relieved(placement, gateways, after) + _relieved(placement, to[:1], placement.load[to[:1]] + demand.sum(axis=0))
    return saved + flows.cost_of(placement.gateway, devices, here) - flows.cost_of(placement.gateway, devices, to)


def _relieved(placement: Placement, gateways: Int64, after: Float64) -> float:
    """Congestion per hour that `gateways` have less at the loads `after` (float64 [gateway, resource]) than now."""
    scale, unit = placement.problem.scale[gateways], placement.problem.cost_unit
    shares = placement.load[gateways] / scale, np.maximum(after, 0.0) / scale
    return unit * float((congestion(shares[0]) - congestion(shares[1])).sum())


def _carry_out(placement: Placement, trail: Trail, flows: Flows, links: Int64) -> None:
    """Use `links` one after the other, and tell of each device what all of them save together."""
    reach, fresh = placement.problem.reach, placement.problem.start == NOWHERE
    devices = reach.device[links].tolist()
    saved = float(rounded(placement, np.array([_saving(placement, flows, links)]))[0])
    steps = []
    for number, (device, link) in enumerate(zip(devices, links.tolist(), strict=True)):
        chosen, stayed = option(placement, link), None if fresh[device] else stay(placement, device)
        placement.move(device, link)
        cause, partner = (Cause.UNSERVED, None) if fresh[device] else (Cause.GROUP, devices[number - 1])
        steps.append(Step(device, cause, chosen, None, stayed, partner=partner))
    for step in steps:
        trail.record(replace(step, together_per_hour=saved) if step.cause is Cause.GROUP else step)
