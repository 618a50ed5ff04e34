"""A plan's moves in waves that can be made one after the other: pure, and the same for the same site and moves.

While a wave is under way, each of its devices may burden both ends: its target has set aside the room, its source serves on.
A wave is therefore filled only as far as everybody fits who arrives while nobody has left. What leaves makes room for the
next wave.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.ids import GatewayId
from tidegate.contracts.plan import Move, Plan, Trigger
from tidegate.core.allocation.arrays import NOWHERE, Float64
from tidegate.core.allocation.placement import FULL, loads
from tidegate.core.allocation.problem import Problem
from tidegate.core.allocation.site import RESCUES


@dataclass(frozen=True, slots=True)
class Sizes:
    """Most devices that the first wave and each further one take from where they are served; None for any number."""

    first: int | None
    further: int | None


def is_rescue(plan: Plan) -> bool:
    """Whether `plan` was made for devices without service, and brings service to some.

    One that was asked for in vain may still empty gateways or relieve them, and that can wait.
    """
    return plan.trigger in RESCUES and plan.after.unserved_priority < plan.before.unserved_priority


def is_relief(plan: Plan) -> bool:
    """Whether `plan` was made because an overload is forecast, and lowers it."""
    return plan.trigger is Trigger.FORECAST_OVERLOAD and plan.after.overload < plan.before.overload


def sizes_for(plan: Plan, problem: Problem, settings: AllocationSettings) -> Sizes | None:
    """How large the waves of `plan` may be, None where it goes all at once: urgent, an undo, a small one, or waves are off.

    An undo goes at once because somebody has looked, and wants back what was; relief because the overload comes in minutes,
    and a wave takes as long: with waves, five days of 400 recorded VMs had 2,071 overload minutes a day for 1,175.
    """
    if is_rescue(plan) or is_relief(plan) or plan.trigger is Trigger.UNDO or not (settings.canary_moves or settings.wave_moves):
        return None
    served = _Site(problem)
    if sum(served.is_served(move) for move in plan.moves) <= settings.at_once_moves:
        return None
    further = settings.wave_moves or None
    return Sizes(settings.canary_moves or further, further)


def split(problem: Problem, moves: Sequence[Move], sizes: Sizes) -> list[list[Move]]:
    """`moves`, which can be made on `problem` one by one in their order, in waves; each is in exactly one.

    A move goes with the first wave that has room for it, except past an earlier move to the same gateway: it might take the
    room that the other one counts on. Devices that nobody serves are not counted, they have no service to lose. There is
    always a next wave: the first move left fits when all before it are done, which is what "in their order" says. So no
    wave needs a spare gateway, or an outage.
    """
    site, left = _Site(problem), list(moves)
    waves: list[list[Move]] = []
    while left:
        wave, left = _next(site, left, sizes.further if waves else sizes.first)
        site.settle(wave)
        waves.append(wave)
    return waves


def _next(site: "_Site", moves: Sequence[Move], most: int | None) -> tuple[list[Move], list[Move]]:
    """The moves of the next wave, and what is left."""
    load = site.load.copy()
    wave: list[Move] = []
    left: list[Move] = []
    awaited: set[GatewayId | None] = set()
    count = 0
    for move in moves:
        counts = site.is_served(move)
        open_to_it = move.target is None or (move.target not in awaited and site.fits(move, move.target, load))
        if open_to_it and not (counts and most is not None and count >= most):
            site.arrive(move, load)
            wave.append(move)
            count += counts
        else:
            left.append(move)
            awaited.add(move.target)
    # A sum that is off by the last bit in another order of adding must not stop what was found lawful.
    return (wave, left) if wave else (left[:1], left[1:])


class _Site:
    """Who is where and each gateway's load, float64 [gateway, resource], between two waves."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._gateways = {name: index for index, name in enumerate(problem.gateways)}
        self._devices = {name: index for index, name in enumerate(problem.devices)}
        self.load: Float64 = loads(problem, problem.start)

    def is_served(self, move: Move) -> bool:
        """Whether the device has service that the move takes it from."""
        return bool(self._problem.start[self._devices[move.device]] != NOWHERE)

    def fits(self, move: Move, target: GatewayId, load: Float64) -> bool:
        """Whether there is room for the device at `target`."""
        row = self._gateways[target]
        after = load[row] + self._problem.demand[self._devices[move.device]]
        return bool(np.all(after <= self._problem.capacity[row] * FULL))

    def arrive(self, move: Move, load: Float64) -> None:
        """Add to `load` what the device needs at its target."""
        if move.target is not None:
            load[self._gateways[move.target]] += self._problem.demand[self._devices[move.device]]

    def settle(self, wave: Sequence[Move]) -> None:
        """Everybody in `wave` has arrived, and left."""
        for move in wave:
            device = self._devices[move.device]
            self.arrive(move, self.load)
            source = self._problem.start[device]
            if source != NOWHERE:
                self.load[source] -= self._problem.demand[device]
