"""A campaign: draws messages, spoils most of them, and steps a partition with them as a worker would.

Everything is drawn from one seed. Whatever goes wrong is counted, written to a file from which `repeat` makes it happen
again, and the campaign goes on from the last checkpoint.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from random import Random
from typing import Any, Final

import psutil

from fuzz.account import look, not_finite, unaccounted, unreadable
from fuzz.byte_mutators import BYTE_MUTATORS, Mutator
from fuzz.corpus import Corpus
from fuzz.evidence import Case, Evidence
from fuzz.message import Message
from fuzz.tree_mutators import TREE_MUTATORS, hostile_head, on_tree
from tidegate.adapters.clock import SystemClock
from tidegate.contracts import topics
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.core.allocation.planner import plan
from tidegate.core.forecaster import Forecaster
from tidegate.core.partition import Partition
from tidegate.pipeline.portion import Portion
from tidegate.pipeline.replay import Restored
from tidegate.pipeline.snapshots import chunk_snapshot, join_chunks, read_chunk
from tidegate.pipeline.step import Step, Stepper
from tidegate.ports import Record

MUTATORS: Final[tuple[Mutator, ...]] = (*BYTE_MUTATORS, *map(on_tree, TREE_MUTATORS), hostile_head)

SOUND_SHARE: Final = 0.2
"""Of the messages that go out as they are: without them no state would grow for the others to spoil."""

MOST_DEVICES: Final = 400
"""`max_devices` of a campaign: few enough to be full soon."""

LATE_INTERVALS: Final = 10
"""Intervals that a reading of a late profile may be late by."""

BATCH_MESSAGES: Final = (1, 16, 128, 512)
"""How many messages a step may take; up to half of what a worker takes at once."""

CHECKPOINT_BATCHES: Final = 50
PLAN_BATCHES: Final = 3
READ_BATCHES: Final = 4
"""Batches between two checkpoints, two plans, and two looks at whether outputs can be read."""

SETTLED_SHARE: Final = 0.2
"""Of the inputs after which memory is taken as settled: the fleet is known and the device table full."""


@dataclass(slots=True)
class Tally:
    """What a campaign came to. `inputs` are the mutated and random messages, `sound` the others."""

    inputs: int = 0
    sound: int = 0
    crashes: int = 0
    unaccounted: int = 0
    not_finite: int = 0
    unreadable: int = 0
    not_restored: int = 0
    restores: int = 0
    batches: int = 0
    facts: int = 0
    rss_settled_mb: float = 0.0
    rss_growth_mb: float = 0.0
    mutators: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)
    balance: dict[str, int] = field(default_factory=dict)

    def broken(self) -> int:
        """How many promises were broken; 0 is good."""
        return self.crashes + self.unaccounted + self.not_finite + self.unreadable + self.not_restored

    def figures(self) -> dict[str, Any]:
        """Plain numbers first, then what was counted by name."""
        groups = {"balance": self.balance, "mutators": self.mutators, "letters": self.letters}
        plain = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in groups}
        return plain | {name: dict(sorted(counted.items())) for name, counted in groups.items()}


class Campaign:
    """One run from `seed`; `folder` takes what goes wrong, `told` hears how far it is."""

    def __init__(
        self,
        seed: int,
        configuration: CoreConfiguration,
        forecasters: Mapping[str, Forecaster],
        folder: Path,
        data: Path | None = None,
        told: Callable[[Tally], None] = lambda _: None,
    ) -> None:
        self._configuration = _exacting(configuration)
        self._forecasters, self._told = forecasters, told
        self._random = Random(seed)
        self._corpus = Corpus(seed, data)
        self._stepper = _stepper(self._configuration, forecasters)
        self._state = Restored(Partition(self._configuration, forecasters))
        self._offsets: Counter[str] = Counter()
        self._evidence = Evidence(folder, self._snapshot())
        self.tally = Tally()

    def run(self, inputs: int) -> Tally:
        """Go on until `inputs` spoiled messages went through."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy says "overflow" once and goes on
            self._take(self._corpus.topologies())
            while self.tally.inputs < inputs:
                self._take([self._message() for _ in range(self._random.choice(BATCH_MESSAGES))])
                self._measure(inputs)
            self._checkpoint()
        self.tally.balance = asdict(self._state.partition.balance)
        return self.tally

    def _message(self) -> Message:
        message = self._corpus.draw(self._random)
        if self._random.random() < SOUND_SHARE:
            self.tally.sound += 1
            return message
        self.tally.inputs += 1
        for _ in range(self._random.choice((1, 1, 1, 2, 3))):
            mutate = self._random.choice(MUTATORS)
            self.tally.mutators[mutate.__name__] += 1
            message = mutate(self._random, message, self._corpus.another(self._random))
        return message

    def _take(self, messages: Sequence[Message]) -> None:
        records = [self._record(message) for message in messages]
        tick_ms = max(self._state.tick_ms, self._corpus.now_ms)
        self._evidence.note(records, tick_ms)
        before = look(self._state.partition, records)
        try:
            step = _step(self._stepper, self._state, records, tick_ms)
        except Exception as error:
            self.tally.crashes += 1
            self._evidence.keep("crash", repr(error))
            self._state = _restored(self._evidence.checkpoint, self._forecasters, self._state.tick_ms)
            return
        self._judge("unaccounted", unaccounted(records, step, before, self._state.partition))
        self._judge("not_finite", not_finite(step))
        self._after(step)

    def _after(self, step: Step) -> None:
        tally = self.tally
        tally.batches += 1
        tally.facts += len(step.outputs) - len(step.letters) - 1
        tally.letters.update(letter.reason.value for letter in step.letters)
        if tally.batches % READ_BATCHES == 0:
            self._judge("unreadable", unreadable(step.outputs))
        if tally.batches % PLAN_BATCHES == 0:
            self._corpus.learn([plan(request) for request in self._state.partition.pending_requests()[:1]])
        if tally.batches % CHECKPOINT_BATCHES == 0:
            self._checkpoint()

    def _judge(self, count: str, findings: Sequence[str]) -> None:
        if findings:
            setattr(self.tally, count, getattr(self.tally, count) + len(findings))
            self._evidence.keep(count.replace("_", "-"), "\n".join(findings))

    def _checkpoint(self) -> None:
        """Export, restore, compare, and go on with what was restored."""
        snapshot = self._snapshot()
        restored = _restored(snapshot, self._forecasters, self._state.tick_ms)
        self.tally.restores += 1
        if restored.partition.digest() != self._state.partition.digest():
            self._judge("not_restored", [f"batch {self.tally.batches}: another digest after export and restore"])
        self._state = restored
        self._evidence.start_over(snapshot)

    def _snapshot(self) -> list[bytes]:
        return chunk_snapshot(0, self._state.sequence, {}, self._state.partition.export_state())

    def _record(self, message: Message) -> Record:
        self._offsets[message.topic] += 1
        return message.record(self._offsets[message.topic] - 1)

    def _measure(self, inputs: int) -> None:
        tally = self.tally
        if tally.batches % CHECKPOINT_BATCHES == 0:
            self._told(tally)
        if tally.inputs >= SETTLED_SHARE * inputs:
            rss_mb = psutil.Process().memory_info().rss / 2**20
            tally.rss_settled_mb = tally.rss_settled_mb or rss_mb
            tally.rss_growth_mb = rss_mb - tally.rss_settled_mb


def repeat(case: Case, forecasters: Mapping[str, Forecaster]) -> list[str]:
    """What the batches of `case` show when they are stepped again; raises what a crash raised."""
    state = _restored(case.snapshot, forecasters, 0)
    stepper = _stepper(state.partition.configuration, forecasters)
    found: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for batch in case.batches:
            before = look(state.partition, batch.records)
            step = _step(stepper, state, batch.records, batch.tick_ms)
            found += unaccounted(batch.records, step, before, state.partition)
            found += [*not_finite(step), *unreadable(step.outputs)]
    return found


def _exacting(configuration: CoreConfiguration) -> CoreConfiguration:
    """`configuration` with a device table that gets full, and every second profile taking late readings."""
    detection = replace(configuration.detection, max_devices=MOST_DEVICES)
    profiles = dict(configuration.profiles)
    for name in list(profiles)[::2]:
        profiles[name] = replace(profiles[name], lateness_seconds=LATE_INTERVALS * profiles[name].interval_seconds)
    return replace(configuration, detection=detection, profiles=profiles)


def _stepper(configuration: CoreConfiguration, forecasters: Mapping[str, Forecaster]) -> Stepper:
    return Stepper(0, 1, configuration, {name: one.identity for name, one in forecasters.items()}, SystemClock())


def _step(stepper: Stepper, state: Restored, records: Sequence[Record], tick_ms: int) -> Step:
    """One step as a worker makes it; `state` moves on as it does after a commit."""
    inputs = {topic: [record for record in records if record.topic == topic] for topic in topics.INPUTS}
    step = stepper.step(state, Portion(inputs), tick_ms, snapshot=False)
    state.positions, state.tick_ms = step.positions, tick_ms
    state.sequence += 1
    return step


def _restored(snapshot: Sequence[bytes], forecasters: Mapping[str, Forecaster], tick_ms: int) -> Restored:
    found = join_chunks([read_chunk(chunk) for chunk in snapshot])
    return Restored(Partition.restore(found.state, forecasters), sequence=found.journal_sequence, tick_ms=tick_ms)
