"""Whatever lies where: the inputs that end the worker are found, every other is taken exactly once, in order."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.contracts import topics
from tidegate.contracts.journal import Excluded
from tidegate.pipeline.poison import FAILURES_TO_EXCLUDE, Bite, Suspicion, suspicion_after
from tidegate.pipeline.portion import Portion
from tidegate.ports import Record

Place = tuple[str, int, int]
"""Topic, offset and index of one command or reading."""


@dataclass
class Worker:
    """The rules of `poison` played on paper: `sizes` are the readings of each telemetry record."""

    sizes: list[int]
    commands: int
    poison: frozenset[Place]
    kills: list[bool] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=lambda: {topics.COMMANDS: 0, topics.TELEMETRY: 0})
    within: int = 0
    taken: list[Place] = field(default_factory=list)
    excluded: list[Place] = field(default_factory=list)
    failures: int = 0

    def run(self) -> None:
        suspicion: Suspicion | None = suspicion_after(None, "")
        while any(waiting := self.waiting().values()):
            assert self.failures < 100 * (1 + len(self.poison)) + len(self.kills), "it has to come to an end"
            if suspicion is None:
                bite: Bite | None = Bite(Portion(self.waiting()), None)
                suspicion = suspicion_after(None, "") if self.ends(bite) else None
                continue
            bite = suspicion.bite(self.waiting(), self.within, lambda record: self.sizes[record.offset])
            if bite is None:
                suspicion = None
            elif self.ends(bite):
                suspicion = suspicion_after(bite.trial, "it failed")
            else:
                suspicion = suspicion.passed(bite)
        assert not waiting

    def waiting(self) -> dict[str, list[Record]]:
        counts = {topics.COMMANDS: self.commands, topics.TELEMETRY: len(self.sizes)}
        found = {
            topic: [Record(topic, 0, offset, None, b"", (), 0) for offset in range(self.positions[topic], count)]
            for topic, count in counts.items()
        }
        return {topic: records for topic, records in found.items() if records}

    def ends(self, bite: Bite) -> bool:
        """Take `bite`; true when that ends the worker, and then nothing is taken."""
        gone = {(each.topic, each.offset, each.index or 0) for each in bite.portion.excluded}
        places = self.places(bite.portion)
        if self.poison & set(places) - gone or self.killed(bite):
            self.failures += 1
            return True
        self.taken += [place for place in places if place not in gone]
        self.excluded += sorted(gone)
        self.positions |= {each.topic: each.end for each in bite.portion.finished()}
        self.within = bite.portion.taken_after(self.within)
        return False

    def killed(self, bite: Bite) -> bool:
        """A kill from outside; at most once in a row while one thing is taken alone."""
        last = bite.trial is not None and bite.trial.failures == FAILURES_TO_EXCLUDE - 1
        return bool(self.kills) and self.kills.pop() and not last and not bite.portion.excluded

    def places(self, portion: Portion) -> list[Place]:
        part = portion.part
        found = []
        for topic, records in portion.inputs.items():
            for record in records:
                size = self.sizes[record.offset] if topic == topics.TELEMETRY else 1
                cut = range(part.start, part.stop or size) if part and topic == topics.TELEMETRY else range(size)
                found += [(topic, record.offset, index) for index in cut]
        return found


@st.composite
def workers(draw: st.DrawFn) -> Worker:
    sizes = draw(st.lists(st.integers(1, 9), max_size=12))
    commands = draw(st.integers(0, 4))
    everything = [(topics.TELEMETRY, offset, index) for offset, size in enumerate(sizes) for index in range(size)]
    everything += [(topics.COMMANDS, offset, 0) for offset in range(commands)]
    chosen = draw(st.sets(st.sampled_from(everything), max_size=4)) if everything else set()
    return Worker(sizes, commands, frozenset(chosen), draw(st.lists(st.booleans(), max_size=20)))


@settings(deadline=None)
@given(workers())
def test_only_poison_is_excluded_and_everything_else_is_taken_once_and_in_order(worker: Worker) -> None:
    worker.run()
    assert frozenset(worker.excluded) == worker.poison
    assert len(worker.excluded) == len(worker.poison)
    telemetry = [(offset, index) for topic, offset, index in worker.taken if topic == topics.TELEMETRY]
    expected = [(offset, index) for offset, size in enumerate(worker.sizes) for index in range(size)]
    assert telemetry == [place for place in expected if (topics.TELEMETRY, *place) not in worker.poison]
    commands = [offset for topic, offset, _ in worker.taken if topic == topics.COMMANDS]
    assert commands == [offset for offset in range(worker.commands) if (topics.COMMANDS, offset, 0) not in worker.poison]


def test_one_poison_among_ten_thousand_readings_costs_few_failures() -> None:
    worker = Worker([1000] * 10, 0, frozenset({(topics.TELEMETRY, 7, 444)}))
    worker.run()
    assert worker.excluded == [(topics.TELEMETRY, 7, 444)]
    assert worker.failures <= 20


def test_a_single_failure_alone_excludes_nothing() -> None:
    alone = Excluded(topics.COMMANDS, 3)
    [record] = [Record(topics.COMMANDS, 0, 3, None, b"", (), 0)]
    suspicion = Suspicion({topics.COMMANDS: 4}, alone=alone, failures=1, why="it failed")
    bite = suspicion.bite({topics.COMMANDS: [record]}, 0, lambda _: 1)
    assert bite is not None
    assert bite.portion.excluded == ()
    again = suspicion_after(bite.trial, "it failed").bite({topics.COMMANDS: [record]}, 0, lambda _: 1)
    assert again is not None
    [excluded] = again.portion.excluded
    assert (excluded.offset, excluded.why) == (3, "taken alone it ended the worker 2 times: it failed")
