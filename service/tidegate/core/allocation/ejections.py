"""Ejections: a device that fits nowhere gets a place after a group of others has stepped aside, each to where there is room.

Where room is left in pieces, one device that steps aside for one (`make_room`) makes too little of it: several small ones have to
leave for a large one, and those may need room to be made for them in turn (ejection chains, Yagiura, Ibaraki and Glover 2004,
for service rather than for cost). The same serves who waits, who must leave where it is, and gateways over capacity.

Everybody goes to where there is room at that moment, so it can be carried out in that order. It comes last among the ways to
make room: it looks at one device at a time, and often in vain.
"""

from typing import Final

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Float64, Int64
from tidegate.core.allocation.choice import stay
from tidegate.core.allocation.ejection_search import DEEPEST, Residents, Search
from tidegate.core.allocation.improve import relief_of
from tidegate.core.allocation.make_room import displace, movable_of, option
from tidegate.core.allocation.placement import FULL, ROUNDING, Placement
from tidegate.core.allocation.trail import DEVICES_PER_STEP, Cause, Step, Trail

_LARGEST_GROUP: Final = 12
"""Devices that step aside for one at most, those that make room for others among them; twice as many served no more."""

_LEAST_STEPS: Final = 30
"""Steps for one device at least, while there are any: in a large crowd the most important ones are to have a chance."""

_SHARE: Final = 4
"""One part in so many of the steps that are left may be spent on this; what comes after has to go on."""


def serve_by_ejections(placement: Placement, trail: Trail, tie_break: Int64) -> None:
    """Serve more of the unserved, the most important first, within the trail's limits. Who steps aside keeps being served.

    No gateway gets over capacity; latency and cost may rise, they rank lower.
    """
    unserved = np.flatnonzero(placement.gateway == NOWHERE)
    _Ejections(placement, trail, tie_break).find_places(unserved, Cause.UNSERVED)


def evacuate_by_ejections(placement: Placement, trail: Trail, tie_break: Int64) -> None:
    """The same for devices that must leave where they are; one that finds no place stays, served."""
    problem = placement.problem
    left = np.flatnonzero(problem.misplaced & (placement.gateway == problem.start))
    _Ejections(placement, trail, tie_break).find_places(left, Cause.MISPLACED)


def relieve_by_ejections(placement: Placement, trail: Trail, tie_break: Int64) -> None:
    """The same for devices of gateways that are over capacity, the furthest first, until those are not or nobody can leave."""
    excess = np.maximum(placement.load - placement.problem.capacity, 0.0) / placement.problem.scale
    share = np.round(excess.sum(axis=1), 9)
    ejections = _Ejections(placement, trail, tie_break)
    crowded = np.argsort(-share, kind="stable")[: int((share > ROUNDING).sum())].tolist()
    for place, gateway in enumerate(crowded):
        ejections.relieve(gateway, len(crowded) - place)


class _Ejections:
    """Ejections one after the other, within a share of what is left of the trail's budget."""

    def __init__(self, placement: Placement, trail: Trail, tie_break: Int64) -> None:
        self._placement = placement
        self._trail = trail
        self._tie_break = tie_break
        self._limit = trail.spent + (trail.budget - trail.spent) // _SHARE
        self._known: tuple[Residents, Float64] | None = None

    def find_places(self, waiting: Int64, cause: Cause) -> None:
        """Find those `waiting` a place, the most important first, of equals the smallest: it takes least of the room."""
        problem = self._placement.problem
        if not len(problem.gateways):
            return
        size = np.round((problem.demand[waiting] / problem.scale.mean(axis=0)).sum(axis=1), 9)
        for place, device in enumerate(waiting[np.lexsort((waiting, size, -problem.priority[waiting]))].tolist()):
            self._find_place(device, cause, len(waiting) - place)

    def relieve(self, gateway: int, waiting: int) -> None:
        """Let devices leave `gateway`, one of those `waiting`, until it is not over capacity any more."""
        problem, load = self._placement.problem, self._placement.load
        while ((short := load[gateway] - problem.capacity[gateway] * FULL) > 0).any() and self._trail.spent < self._limit:
            residents = self._what_is_known()[0]
            self._trail.spent += residents.steps(gateway)
            leavers = residents.leavers(problem, gateway, short)
            if not any(self._find_place(leaver, Cause.OVERLOAD, waiting * len(leavers)) for leaver in leavers):
                return

    def _find_place(self, device: int, cause: Cause, waiting: int) -> bool:
        """Find `device` a place, and make the moves that lead there; few who step aside before many.

        So many are `waiting` and share the steps that are left: whoever comes later gets what others did not need.
        """
        share = max(_LEAST_STEPS, (self._limit - self._trail.spent) // waiting)
        limit = min(self._limit, self._trail.spent + share)
        most = min(_LARGEST_GROUP, self._trail.left - (cause is not Cause.UNSERVED))
        for depth in range(1, DEEPEST + 1):
            if most < 0 or self._trail.spent >= limit:
                return False
            residents, room = self._what_is_known()
            if (self._placement.problem.demand[device] > room).any():
                return False
            search = Search(self._placement, residents, self._tie_break, limit - self._trail.spent, most)
            found = search.place(device, depth)
            self._trail.spent += search.spent
            if found:
                self._carry_out(search.links, cause)
                return True
        return False

    def _carry_out(self, links: list[int], cause: Cause) -> None:
        """Use `links` one after the other: all but the last make room for its device."""
        placement, owners = self._placement, self._placement.problem.reach.device[links].tolist()
        for owner, link in zip(owners[:-1], links[:-1], strict=True):
            displace(placement, self._trail, self._tie_break, owner, link, owners[-1])
        device, row = owners[-1], np.array(owners[-1:])
        relief = float(relief_of(placement, row)[0]) if cause is Cause.OVERLOAD else 0.0
        stayed = None if cause is Cause.UNSERVED else stay(placement, device)
        self._trail.record(Step(device, cause, option(placement, links[-1]), None, stayed, relief))
        placement.move(device, links[-1])
        self._known = None

    def _what_is_known(self) -> tuple[Residents, Float64]:
        """Who may step aside, and the room of all open gateways together: who needs more has no hope. Kept until a move."""
        if self._known is None:
            problem = self._placement.problem
            room = np.maximum(problem.arrivals - self._placement.load, 0.0)[~problem.closed].sum(axis=0)
            movable = movable_of(self._placement, self._trail)
            self._trail.spent += int(movable.sum()) // DEVICES_PER_STEP
            self._known = Residents.of(self._placement, movable), room * FULL
        return self._known
