"""The search for one device's place by ejections: depth first, without moving anybody (`ejections` does).

Gateways one after the other, of each whoever covers most of what is missing, until nothing is; whoever has no room elsewhere has
it made in the same way.
"""

import copy
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.core.allocation.arrays import NOWHERE, Bool, Float64, Int64
from tidegate.core.allocation.choice import options
from tidegate.core.allocation.placement import FULL, Placement
from tidegate.core.allocation.problem import Problem
from tidegate.core.allocation.trail import DEVICES_PER_STEP

DEEPEST: Final = 3
"""How often somebody steps aside for somebody who steps aside. After losses and drains of mixed sizes two left twice as many
without a place as three, and four no fewer."""

_WAYS: Final = 4
"""Gateways cleared for one device at most, those where least is missing first."""

_LEAVERS: Final = 4
"""Devices asked to leave a gateway for what is still missing there, those who make most of it first."""


@dataclass(frozen=True, slots=True)
class Residents:
    """Devices that may step aside, by gateway: those of gateway g are `devices[ends[g] : ends[g + 1]]`. Both int64."""

    devices: Int64
    ends: Int64

    @classmethod
    def of(cls, placement: Placement, movable: Bool) -> "Residents":
        """The `movable` devices (bool [device], all served) where they are now."""
        devices = np.flatnonzero(movable)
        devices = devices[np.argsort(placement.gateway[devices], kind="stable")]
        return cls(devices, np.searchsorted(placement.gateway[devices], np.arange(len(placement.problem.gateways) + 1)))

    def steps(self, gateway: int) -> int:
        """Steps that looking through those of `gateway` is worth."""
        return int(self.ends[gateway + 1] - self.ends[gateway]) // DEVICES_PER_STEP

    def leavers(self, problem: Problem, gateway: int, short: Float64, but: Collection[int] = ()) -> list[int]:
        """Whom to ask to leave `gateway`: the smallest of those who suffice alone, else who covers most of what is `short`.

        `short` is float64 [resource], above 0 where room is missing.
        """
        devices = self.devices[self.ends[gateway] : self.ends[gateway + 1]]
        devices = devices[~np.isin(devices, list(but))] if but else devices
        demand, scale, wanted = problem.demand[devices], problem.scale[gateway], np.maximum(short, 0.0)
        covered = (np.minimum(demand, wanted) / scale).sum(axis=1)
        suffices = (demand >= wanted).all(axis=1)
        rank = np.round(np.where(suffices, (demand / scale).sum(axis=1), -covered), 9)
        order = np.lexsort((devices, rank, ~suffices))
        return [int(each) for each in devices[order[covered[order] > 0]][:_LEAVERS]]


class Search:
    """One search. `links`, once it has succeeded, are to be used in turn: each leads to where there is room by then.

    At most `steps` looks at a device, and at most `most` who step aside. The loads it looks at are its own; in them a gateway
    that is being cleared is full, for the room made there is not for anybody else.
    """

    def __init__(self, placement: Placement, residents: Residents, tie_break: Int64, steps: int, most: int) -> None:
        self.links: list[int] = []
        self.spent = 0
        self._view = copy.copy(placement)
        self._view.load = placement.load.copy()
        self._residents = residents
        self._tie_break = tie_break
        self._steps = steps
        self._most = most
        self._moved: set[int] = set()
        self._asked = 0

    def place(self, device: int, depth: int) -> bool:
        """Find `device` a place, where there is room or where it can be made by `depth` who step aside for one another."""
        self.spent += 1
        found = options(self._view, device, self._tie_break)
        if found:
            self._use(found[0].link)
            return True
        return depth > 0 and any(self._make_way(device, link, depth) for link in self._entrances(device))

    def _make_way(self, device: int, link: int, depth: int) -> bool:
        """Clear the end of `link` for `device`; where that fails everything is as before."""
        made, load = len(self.links), self._view.load.copy()
        if self._clear(device, int(self._view.problem.reach.gateway[link]), depth):
            self._use(link)
            return True
        self._moved.difference_update(self._view.problem.reach.device[self.links[made:]].tolist())
        del self.links[made:]
        self._view.load = load
        return False

    def _clear(self, device: int, gateway: int, depth: int) -> bool:
        """Let others leave `gateway`, one by one, until `device` has room there; says whether it has."""
        problem, load = self._view.problem, self._view.load[gateway].copy()
        self._view.load[gateway] = np.inf
        while ((short := load + problem.demand[device] - problem.arrivals[gateway] * FULL) > 0).any():
            self.spent += self._residents.steps(gateway)
            leavers = self._residents.leavers(problem, gateway, short, self._moved)
            left = next((leaver for leaver in leavers if self._leaves(leaver, depth)), None)
            if left is None:
                return False
            load -= problem.demand[left]
        self._view.load[gateway] = load
        return True

    def _leaves(self, device: int, depth: int) -> bool:
        """Find `device` a place elsewhere, unless looking goes beyond the limits; those who wait for it to leave count too."""
        if self.spent >= self._steps or len(self.links) + self._asked >= self._most:
            return False
        self._asked += 1
        found = self.place(device, depth - 1)
        self._asked -= 1
        return found

    def _use(self, link: int) -> None:
        problem, load = self._view.problem, self._view.load
        device = int(problem.reach.device[link])
        if (source := self._view.gateway[device]) != NOWHERE:
            load[source] -= problem.demand[device]
        load[problem.reach.gateway[link]] += problem.demand[device]
        self._moved.add(device)
        self.links.append(link)

    def _entrances(self, device: int) -> list[int]:
        """Links to gateways that may be cleared for `device`: of least excess latency, then where least is missing."""
        problem, reach, load = self._view.problem, self._view.problem.reach, self._view.load
        links = np.arange(reach.first[device], reach.first[device + 1])
        links = links[problem.usable[links] & (reach.gateway[links] != self._view.gateway[device])]
        at = reach.gateway[links]
        fit = np.isfinite(load[at]).all(axis=1) & (problem.demand[device] <= problem.arrivals[at] * FULL).all(axis=1)
        links, at = links[fit], at[fit]
        missing = (np.maximum(load[at] + problem.demand[device] - problem.arrivals[at], 0.0) / problem.scale[at]).sum(axis=1)
        order = np.lexsort((self._tie_break[at], np.round(missing, 9), reach.latency_excess_ms[links]))
        return [int(link) for link in links[order][:_WAYS]]
