"""One site, its allocator and its gateways' agents, with time, network, commits and restarts in somebody else's hand.

True time is `now_ms`; nobody in here knows it. The allocator goes by ticks, which jump by up to `JUMP_MS` either way and never
fall; each agent by a monotonic clock that runs up to `DRIFT` too fast or slow. Over a lease that comes to less than the clock
error that the settings allow for, which is what the guarantee is conditional on.
"""

import random
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tidegate.contracts.ack import Ack, AckKind
from tidegate.contracts.codec import pack, unpack
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.plan import Assignment, DecisionStatus
from tidegate.contracts.topology import DevicePlacement, Gateway, Topology
from tidegate.core.allocation.allocator import AllocationResult, Allocator
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.planner import plan
from tidegate.core.demand import SiteDemand
from tidegate.errors import TidegateError
from tidegate.fleet.gateway.following import Following

SITE = "north"
GATEWAYS = ("g1", "g2", "g3")
DEVICES = ("a", "b", "c")
_NOTHING = np.empty((0, 0))
NO_DEMAND = SiteDemand(SITE, [], [], np.empty(0, np.int64), [], _NOTHING, np.empty((0, 0, 4, 7)), _NOTHING, _NOTHING)

JUMP_MS = 1000
DRIFT = 0.12
SETTINGS = AllocationSettings(
    lease_seconds=60.0, clock_error_seconds=10.0, reserve_seconds=20.0, cooldown_seconds=30.0, period_seconds=60.0
)
"""60 s of drift and two jumps are 9.2 s."""

IN_WAVES = replace(SETTINGS, canary_moves=1, wave_moves=1, wave_seconds=5.0, at_once_moves=0)
"""Plans that take more than one device from its service go in waves."""

_MOVED = {DecisionStatus.ROLLING_OUT, DecisionStatus.APPLIED, DecisionStatus.HALTED}
"""Facts of plans that can be undone: under way, applied, or halted."""


class TwoOwnersError(AssertionError):
    """What must never be."""


@dataclass
class Agent:
    """One gateway's agent. `asked` is the request it waits for: the moment by its own clock; `told` the answer under way."""

    name: str
    rate: float
    offset_ms: float
    following: Following
    asked: float | None = None
    told: list[Assignment] | None = None

    def clock(self, now_ms: int) -> float:
        """Its monotonic clock, in seconds."""
        return (now_ms * self.rate + self.offset_ms) / 1000

    def wall_ms(self, now_ms: int) -> int:
        """What it stamps its words with; orders them, and is trusted for nothing else."""
        return int(now_ms + self.offset_ms)


@dataclass
class Batch:
    """A batch that was stepped and is not committed: what it says, and the state and inputs after it."""

    said: AllocationResult
    applied: list[str]
    state: bytes
    taken: tuple[int, int]


@dataclass
class World:
    """`random_state` draws clocks only, and whether plans go in waves (one in four); what happens is called for from outside."""

    random_state: int = 0
    now_ms: int = 1_000_000
    silent: frozenset[str] = frozenset()
    jump_ms: int = 0
    tick_ms: int = 0
    revision: int = 0
    known: dict[str, Assignment] = field(default_factory=dict)
    acks: list[Ack] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)
    in_flight: list[Ack] = field(default_factory=list)
    pending: Batch | None = None
    taken: tuple[int, int] = (0, 0)
    given: dict[tuple[str, int], str] = field(default_factory=dict)
    applied: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        draw = random.Random(self.random_state)
        self.agents = {
            name: Agent(name, 1 + draw.choice([-DRIFT, 0.0, DRIFT]), draw.uniform(-1e6, 1e6), self._fresh(name))
            for name in GATEWAYS
        }
        self.configuration = CoreConfiguration({}, allocation=IN_WAVES if self.random_state % 4 == 3 else SETTINGS)
        self.allocator = Allocator(self.configuration)
        self.durable = pack(self.allocator.export_state())
        self.command(CommandKind.SET_TOPOLOGY, topology=self.topology())

    def topology(self, without: str = "", without_gateway: str = "") -> Topology:
        """The site at its next revision; `without` a device or a gateway."""
        self.revision += 1
        names = [name for name in GATEWAYS if name != without_gateway]
        gateways = [Gateway(name, {"cpu_millicores": 10.0}) for name in names]
        devices = [
            DevicePlacement(name, "sensor", gateway=names[index % len(names)], demand={"cpu_millicores": 1.0})
            for index, name in enumerate(DEVICES)
            if name != without
        ]
        return Topology(SITE, self.revision, gateways, devices)

    def command(self, kind: CommandKind, **fields: Any) -> None:
        """Append a command to the log; it is taken with the next batch."""
        self.commands.append({"kind": kind, **fields})

    # The worker

    def step(self) -> None:
        """Take a batch of everything there is; it is not committed yet. Nothing happens while one is being committed."""
        if self.pending is not None:
            return
        self.tick_ms = max(self.tick_ms, self.now_ms + self.jump_ms)
        acks, commands = self.taken
        result = AllocationResult()
        for number in range(commands, len(self.commands)):
            self._obey(number, result)
        for ack in self.acks[acks:]:
            self.allocator.hear(ack, self.tick_ms)
        result.assignments += self.allocator.advance(self.tick_ms).assignments
        self._add(result, self.allocator.review(SITE, self.tick_ms, NO_DEMAND, self.silent))
        applied = [fact.plan_id for fact in result.decisions if fact.status in _MOVED]
        state = pack(self.allocator.export_state())
        self.pending = Batch(result, applied, state, (len(self.acks), len(self.commands)))
        self.counts["batches"] += 1

    def commit(self) -> None:
        """The batch that was stepped becomes durable and visible."""
        if self.pending is not None:
            done, self.pending = self.pending, None
            for fact in done.said.assignments:
                self._publish(fact)
            self.durable, self.taken = done.state, done.taken
            self.applied = list(dict.fromkeys(self.applied + done.applied))
            self._plan(done.said.requests)

    def restart(self, *, committed: bool) -> None:
        """The worker dies and another takes over; `committed` says whether the batch it was at had gone through."""
        if committed:
            self.commit()
        self.pending = None
        self.allocator = Allocator.restore(self.configuration, unpack(self.durable, dict))
        self._plan(self.allocator.pending_requests())
        self.counts["restarts"] += 1

    def _plan(self, requests: list[PlanRequest]) -> None:
        """The planner's answers come back through the log."""
        for request in requests:
            self.command(CommandKind.SUBMIT_PLAN, plan=plan(request))

    def _obey(self, number: int, result: AllocationResult) -> None:
        try:
            self._add(result, self.allocator.handle(Command(f"c{number}", SITE, **self.commands[number]), self.tick_ms))
        except TidegateError:
            self.counts["refused commands"] += 1

    def _add(self, result: AllocationResult, more: AllocationResult) -> None:
        result.decisions += more.decisions
        result.assignments += more.assignments
        result.requests += more.requests

    def _publish(self, fact: Assignment) -> None:
        before = self.known.get(fact.device)
        assert before is None or fact.epoch >= before.epoch, f"the epoch of {fact.device} falls: {before} {fact}"
        self.known[fact.device] = fact
        self.counts[fact.phase.value] += 1
        claims = [(fact.epoch, fact.gateway), *([(fact.coming.epoch, fact.coming.gateway)] if fact.coming else [])]
        for epoch, gateway in claims:
            if gateway is not None:
                owner = self.given.setdefault((fact.device, epoch), gateway)
                assert owner == gateway, f"epoch {epoch} of {fact.device} was given to {owner} and to {gateway}"

    # The gateways

    def ask(self, gateway: str, *, looked_up: bool = False) -> None:
        """The agent asks for its assignments; what it asked before and got no answer to it has given up.

        With `looked_up` the answer is made at once, and is under way from here on.
        """
        agent = self.agents[gateway]
        agent.asked = agent.clock(self.now_ms)
        agent.told = self._of(gateway) if looked_up else None

    def answer(self, gateway: str) -> None:
        """The answer arrives."""
        agent = self.agents[gateway]
        if agent.asked is not None:
            agent.following.learn(self._of(gateway) if agent.told is None else agent.told, agent.asked)
            agent.asked = agent.told = None
            self.judge()

    def _of(self, gateway: str) -> list[Assignment]:
        return [each for each in self.known.values() if gateway in (each.gateway, each.coming and each.coming.gateway)]

    def speak(self, gateway: str) -> None:
        """The agent says everything it has to say; it is on its way."""
        agent = self.agents[gateway]
        wall_ms = agent.wall_ms(self.now_ms)
        self.in_flight += [agent.following.heartbeat(wall_ms), *agent.following.words(wall_ms, agent.clock(self.now_ms))]

    def deliver(self, index: int, *, again: bool = False) -> None:
        """One of the words under way arrives, whichever; `again`: and is still under way, so that it can arrive twice."""
        if self.in_flight:
            index %= len(self.in_flight)
            self.acks.append(self.in_flight[index] if again else self.in_flight.pop(index))

    def reboot(self, gateway: str) -> None:
        """The agent dies and starts again knowing nothing."""
        agent = self.agents[gateway]
        agent.following, agent.asked, agent.told = self._fresh(gateway), None, None
        self.counts["reboots"] += 1

    def intrude(self, gateway: str, kind: AckKind, device: str, epoch: int) -> None:
        """Somebody who is nobody says something of a device, under some epoch that is not his."""
        self.acks.append(Ack(SITE, gateway, kind, self.now_ms, device, epoch))

    def owners(self, device: str) -> list[str]:
        """Who serves `device` now."""
        return [name for name, each in self.agents.items() if device in each.following.served(each.clock(self.now_ms))]

    def judge(self) -> None:
        """Raise when a device has two owners."""
        for device in DEVICES:
            owners = self.owners(device)
            if len(owners) > 1:
                raise TwoOwnersError(f"{device} is served by {' and '.join(owners)} at {self.now_ms}: {self.known[device]}")

    def _fresh(self, name: str) -> Following:
        return Following(SITE, name)
