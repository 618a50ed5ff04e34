"""What the search did and why: steps along the way, from which a plan's moves and their reasons are written."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tidegate.core.allocation.choice import Option

DEVICES_PER_STEP: Final = 16
"""Devices looked at together in arrays in the time of looking at one alone (measured: 1 to 3 against 45 µs each)."""


class Cause(StrEnum):
    """Why a device had to move, or was worth moving."""

    UNSERVED = "unserved"
    MISPLACED = "misplaced"
    REPLACED = "replaced"
    OVERLOAD = "overload"
    LATENCY = "latency"
    COST = "cost"
    PAIR = "pair"
    GROUP = "group"
    ROOM = "room"
    SHED = "shed"


@dataclass(frozen=True, slots=True)
class Step:
    """`device` was put on the link of `chosen`, or released (None).

    `stayed` is what staying would have cost (None: it could not stay), `runner_up` the next-best link to another gateway,
    `relief` the overload removed at the source, as a share. `partner` is the device that it makes room for, or moves together
    with; both, or all of a group, save `together_per_hour`.
    """

    device: int
    cause: Cause
    chosen: Option | None
    runner_up: Option | None
    stayed: Option | None = None
    relief: float = 0.0
    partner: int | None = None
    together_per_hour: float = 0.0


@dataclass(slots=True)
class Trail:
    """The last step of each device, in the order in which devices first moved, and the budget spent so far.

    `departed` are the devices that leave a gateway which serves them; at most `max_departures` may. `together` were placed
    at once, so that their steps mean something only at the loads of the end.
    """

    budget: int
    max_departures: int
    spent: int = 0
    steps: dict[int, Step] = field(default_factory=dict)
    departed: set[int] = field(default_factory=set)
    together: set[int] = field(default_factory=set)

    def record(self, step: Step) -> None:
        """Remember `step`; a later step of the same device replaces it in its place."""
        self.steps[step.device] = step
        if step.stayed is not None:
            self.departed.add(step.device)

    def forget(self, device: int) -> None:
        """Undo the first placement of `device`: it has no step any more."""
        del self.steps[device]

    def take_back(self, device: int) -> None:
        """Let `device` be as if it never had left its gateway."""
        del self.steps[device]
        self.departed.discard(device)

    def copy(self) -> "Trail":
        """A trail that goes its own way from here."""
        return Trail(self.budget, self.max_departures, self.spent, dict(self.steps), set(self.departed), set(self.together))

    @property
    def left(self) -> int:
        """How many more devices may leave a gateway that serves them."""
        return self.max_departures - len(self.departed)

    @property
    def full(self) -> bool:
        """True when no further device may leave a gateway that serves it."""
        return self.left <= 0

    @property
    def exhausted(self) -> bool:
        """True when the budget is used up; repair goes on regardless, improvement stops."""
        return self.spent >= self.budget
