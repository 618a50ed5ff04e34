"""Sound messages to start from: a simulated fleet that goes on speaking, recorded data, commands, plans and acks."""

import json
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from random import Random

from fuzz.message import Message
from tidegate.adapters.profiles import shipped_profiles
from tidegate.api import examples
from tidegate.contracts import topics
from tidegate.contracts.ack import Ack, AckKind
from tidegate.contracts.codec import encode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.content import ContentType
from tidegate.contracts.ids import CommandId, SiteId
from tidegate.contracts.plan import Plan
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.fleet.forms import Form, messages
from tidegate.fleet.merge import merge, to_reading
from tidegate.fleet.placement import set_topology
from tidegate.fleet.readers import open_dataset
from tidegate.fleet.simulator.fleet import Fleet
from tidegate.fleet.simulator.layout import lay_out
from tidegate.fleet.simulator.schedule import Programme, schedule
from tidegate.fleet.simulator.spec import FleetSpec

START_MS = 1_767_571_200_000
"""2026-01-05 00:00 UTC, where the simulated stream begins."""

RECORDED_READINGS = 50_000
"""Of recorded data that are kept to start from, at most; they come again from the first when all were sent."""

_RECENT = 64
_TOGETHER = 8


class Corpus:
    """An endless source, the same for the same seed and data. `now_ms` is where the simulated fleet's clock stands."""

    def __init__(self, seed: int, data: Path | None) -> None:
        spec = FleetSpec(start_ms=START_MS, sites=2, gateways=3, devices=8, seed=seed)
        layout = lay_out(spec, shipped_profiles(), revision=1)
        self._fleet = Fleet(spec, layout, schedule(Programme(START_MS, every_seconds=60.0), spec, layout))
        self._recorded = None if data is None else cycle(_recorded(data))
        self._recent: deque[Message] = deque(maxlen=_RECENT)
        self._fresh: deque[Message] = deque()
        self._plans: deque[Plan] = deque(maxlen=_RECENT)
        self._numbered = 0

    @property
    def now_ms(self) -> int:
        """Event time of the next readings."""
        return self._fleet.next_moment_ms

    def topologies(self) -> list[Message]:
        """The commands that register the simulated sites."""
        return [_command(set_topology(topology)) for topology in self._fleet.layout.topologies]

    def learn(self, plans: Sequence[Plan]) -> None:
        """Let `plans` come back as commands."""
        self._plans.extend(plans)

    def draw(self, random: Random) -> Message:
        """The next sound message; now and then one that was drawn before."""
        dice = random.random()
        if dice < 0.10 and self._recent:
            return random.choice(self._recent)
        drawn = self._telemetry(random) if dice < 0.76 else self._word(random) if dice < 0.90 else self._ack(random)
        self._recent.append(drawn)
        return drawn

    def another(self, random: Random) -> Message:
        """One of those drawn lately."""
        return random.choice(self._recent)

    def _telemetry(self, random: Random) -> Message:
        while not self._fresh:  # a slot in which everybody is silent has none
            self._fresh += self._readings(random)
        return self._fresh.popleft()

    def _readings(self, random: Random) -> Iterator[Message]:
        readings = list(self._fleet.step().readings)
        if self._recorded is not None and random.random() < 0.3:
            readings = [next(self._recorded) for _ in range(_TOGETHER)]
        for site in dict.fromkeys(reading.site for reading in readings):
            batch = ReadingBatch(site, [reading for reading in readings if reading.site == site])
            form, values = messages(batch, random.choice(list(Form)))
            for value in values:
                yield Message(topics.TELEMETRY, value, None if random.random() < 0.1 and form != ContentType.PACKED else form)

    def _word(self, random: Random) -> Message:
        self._numbered += 1
        identity = CommandId(f"fuzz-{self._numbered}")
        if self._plans and random.random() < 0.5:
            return _command(self._about_a_plan(random, identity))
        site = random.choice(self._fleet.layout.sites)
        if random.random() < 0.1:
            topology = replace(random.choice(self._fleet.layout.topologies), revision=1 + self._numbered)
            return _command(Command(identity, topology.site, CommandKind.SET_TOPOLOGY, "fuzz", topology=topology))
        body = random.choice(list(examples.COMMAND_BODIES.values())) | {"id": identity}
        if random.random() < 0.8:
            body |= {"site": site} | ({"gateway": random.choice(self._fleet.layout.gateways)} if "gateway" in body else {})
        return Message(topics.COMMANDS, json.dumps(body).encode())

    def _about_a_plan(self, random: Random, identity: CommandId) -> Command:
        plan = random.choice(self._plans)
        kind = random.choice((CommandKind.SUBMIT_PLAN, CommandKind.APPROVE_PLAN, CommandKind.REFUSE_PLAN))
        return Command(identity, plan.site, kind, "fuzz", plan=plan, plan_id=plan.id, digest=plan.digest)

    def _ack(self, random: Random) -> Message:
        layout = self._fleet.layout
        kind = random.choice(list(AckKind))
        about = None if kind is AckKind.HEARTBEAT else random.choice(layout.devices)
        epoch = None if about is None else random.randrange(4)
        site: SiteId = random.choice(layout.sites)
        return Message(topics.ACKS, encode(Ack(site, random.choice(layout.gateways), kind, self.now_ms, about, epoch)))


def _command(command: Command) -> Message:
    return Message(topics.COMMANDS, encode(command))


def _recorded(data: Path) -> list[Reading]:
    series = open_dataset(data)
    return [to_reading(series[owner], row, SiteId("recorded")) for owner, row in merge(series, RECORDED_READINGS)]
