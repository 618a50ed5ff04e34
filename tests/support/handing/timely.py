"""Runs in which the worker and the gateways that live keep their times: how long is a device without owner?

Whoever loses its devices may answer, be cut off, die, or stand still. The others read at most `DELIVERY_MS` after a commit, and
a batch is committed every `TICK_MS` at the latest. Clocks drift as in the search; the worker's does not jump.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from itertools import count

from support.handing.world import DEVICES, GATEWAYS, SETTINGS, World
from tidegate.contracts.command import CommandKind
from tidegate.contracts.plan import Phase
from tidegate.core.allocation.handover import Patience, longest_without_owner_ms

TICK_MS = 1500
"""A second between two batches, and half a second to commit one."""

DELIVERY_MS = 2000
"""A second between two reads, and up to a second for each answer and word."""

LONGEST_RUN_MS = 400_000

BOUND_MS = longest_without_owner_ms(
    int(SETTINGS.lease_seconds * 1000),
    Patience(int(SETTINGS.reserve_seconds * 1000), int(SETTINGS.clock_error_seconds * 1000)),
    TICK_MS,
    DELIVERY_MS,
)


class Fate(Enum):
    """What becomes of the gateway that is to lose its devices."""

    ANSWERS = "answers"
    CUT_OFF = "cut off"
    DIES = "dies"
    STANDS_STILL = "stands still"


@dataclass
class Gap:
    """That `device` was without owner for so long, counted from when it was first told to be taken away, if that is later."""

    fate: Fate
    device: str
    lasted_ms: int


@dataclass
class TimelyRun:
    """One hand-over of everything that a gateway has; `gaps` is what came of it."""

    random_state: int
    gaps: list[Gap] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.random_state)
        self.world = World(self.random_state)
        self.numbers = count()
        self.queue: list[tuple[int, int, Callable[[], None]]] = []
        self.ill = self.draw.choice(GATEWAYS)
        self.fate = self.draw.choice(list(Fate))
        self.struck = False
        self.unowned_since: dict[str, int] = {}
        self.revoked_at: dict[str, int] = {}

    def run(self) -> "TimelyRun":
        """To the end: every device has an owner again."""
        self._in(0, self._work)
        for name in GATEWAYS:
            self._in(self.draw.randint(0, 1000), lambda name=name: self._read(name))
        self._in(10_000 + self.draw.randint(0, 3000), self._strike)
        while self.queue and self.world.now_ms < 1_000_000 + LONGEST_RUN_MS and not self._done():
            self.world.now_ms, _, act = heapq.heappop(self.queue)
            act()
            self._look()
        assert self._done(), f"random state {self.random_state}: somebody has no owner at the end"
        return self

    def _in(self, after_ms: int, act: Callable[[], None]) -> None:
        heapq.heappush(self.queue, (self.world.now_ms + after_ms, next(self.numbers), act))

    def _work(self) -> None:
        self.world.step()
        self._in(self.draw.randint(0, 500), self.world.commit)
        self._in(self.draw.randint(500, 1000), self._work)

    def _strike(self) -> None:
        """The gateway falls ill, and a moment before or later its devices are to go."""
        self.struck = True
        self.world.command(CommandKind.DRAIN, gateway=self.ill)
        if self.draw.random() < 0.5:
            self.world.silent = frozenset([self.ill])
        if self.fate is Fate.DIES:
            self._in(self.draw.randint(0, 5000), lambda: self.world.reboot(self.ill))

    def _deaf(self, name: str) -> bool:
        return self.struck and name == self.ill and self.fate is not Fate.ANSWERS

    def _read(self, name: str) -> None:
        if not self._deaf(name):
            self.world.ask(name)
            self._in(self.draw.randint(0, 500), lambda: self._answered(name))
        self._in(self.draw.randint(600, 1000), lambda: self._read(name))

    def _answered(self, name: str) -> None:
        if not self._deaf(name):
            self.world.answer(name)
            self.world.speak(name)
            for _ in range(len(self.world.in_flight)):
                self.world.deliver(0)

    def _look(self) -> None:
        self.world.judge()
        for device in DEVICES:
            known = self.world.known.get(device)
            if known is not None and known.phase in (Phase.REVOKING, Phase.UNSERVED):
                self.revoked_at.setdefault(device, self.world.now_ms)
            if not self.world.owners(device):
                self.unowned_since.setdefault(device, self.world.now_ms)
            elif device in self.unowned_since:
                since = self.unowned_since.pop(device)
                if self.struck:
                    since = max(since, self.revoked_at.get(device, since))
                    self.gaps.append(Gap(self.fate, device, self.world.now_ms - since))

    def _done(self) -> bool:
        moved = all(device in self.world.known and self.world.known[device].gateway != self.ill for device in DEVICES)
        return self.struck and moved and all(self.world.owners(device) for device in DEVICES)
