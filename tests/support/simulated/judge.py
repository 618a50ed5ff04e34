"""What must hold in a world at every moment, and what must hold when its faults are over. Judges the broker's own log.

At every moment, for each partition:
  1. journal: sequences rise by one from 0; each batch takes up its inputs exactly where the one before left off; ticks never
     go back;
  2. facts: no committed output stands there twice by id and version;
  3. owners: the producer epochs of committed batches never go back, so nobody commits after a successor has;
  4. positions: what the group has committed is where the journal ends, unless a transaction is just being ended.
When all is drained:
  5. every input is in the journal, nothing is under way, and the state and all outputs are, byte for byte, those of a calm
     rerun of the journal's batches from an empty state.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest

from support.simulated.batches import Batch
from support.simulated.coordinator import Phase
from support.simulated.world import World
from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.deadletter import DeadLetter, DeadLetterReason
from tidegate.contracts.journal import JournalRecord, OffsetRange
from tidegate.contracts.topics import CLEANUP, INPUTS
from tidegate.core.partition import Partition
from tidegate.pipeline.portion import Portion, journaled_ranges
from tidegate.pipeline.replay import Restored
from tidegate.pipeline.step import Stepper
from tidegate.pipeline.worker import WORKER_INPUTS
from tidegate.ports import Record

OUTPUTS = tuple(topic for topic in CLEANUP if topic not in (*INPUTS, topics.SNAPSHOTS))

Said = tuple[bytes | None, bytes | None]
"""Key and value of a record."""


class Judge:
    """Follows one partition of one world."""

    def __init__(self, world: World, partition: int) -> None:
        self._world = world
        self._partition = partition
        self.journal: list[JournalRecord] = []
        self.ends: dict[str, int] = {}
        self.outputs: dict[str, list[Said]] = defaultdict(list)
        self._seen: dict[str, int] = {}
        self._owner = (-1, -1)

    def look(self) -> None:
        """Judge what has been committed since the last look."""
        for topic in OUTPUTS:
            batches = self._world.broker.log(topic, self._partition).committed(self._seen.get(topic, 0))
            for batch in batches:
                self._seen[topic] = batch.last + 1
                self._take(topic, batch)
        self._check_positions()

    def _take(self, topic: str, batch: Batch) -> None:
        said = [(key, value) for _, key, value, _ in batch.records()]
        before = self.outputs[topic]
        if topic == topics.JOURNAL:
            owner = (batch.producer_id, batch.epoch)
            assert owner >= self._owner, f"{owner} commits after {self._owner}"
            self._owner = owner
            for _, value in said:
                self._follow(decode(value or b"", JournalRecord))
        else:
            doubled = [one for one in said if one in before]
            assert not doubled, f"{topic} says twice: {doubled}"
        before += said

    def _follow(self, record: JournalRecord) -> None:
        assert record.sequence == len(self.journal), f"batch {record.sequence} after {len(self.journal) - 1}"
        if self.journal:
            assert record.tick_ms >= self.journal[-1].tick_ms, "the core's time went back"
        for span in record.inputs:
            begin = self.ends.get(span.topic, 0)
            assert span.start == begin, f"batch {record.sequence} takes {span}, expected from {begin}"
            self.ends[span.topic] = span.end
        self.journal.append(record)

    def _check_positions(self) -> None:
        known = self._world.broker.coordinator.ids.get(self._world.plan.connection.transactional_id(self._partition))
        if known is not None and known.phase is Phase.ENDING:
            return
        positions = self.positions()
        assert positions == self.ends, f"committed {positions}, the journal ends at {self.ends}"

    def positions(self) -> dict[str, int]:
        """The group's committed offsets."""
        committed = self._world.broker.offsets.committed.get(self._world.plan.connection.group, {})
        return {topic: offset for (topic, index), offset in committed.items() if index == self._partition}

    def backlog(self) -> int:
        """Input records that are in no committed batch."""
        logs = {topic: self._world.broker.log(topic, self._partition) for topic in WORKER_INPUTS}
        return sum(log.end - self.positions().get(topic, 0) for topic, log in logs.items())

    def set_aside(self) -> int:
        """How many inputs were committed as poison. None is: each was taken for it because take-overs hit it twice, alone."""
        letters = [decode(value or b"", DeadLetter) for _, value in self.outputs[topics.DEADLETTER]]
        return sum(letter.reason is DeadLetterReason.POISON for letter in letters)

    def conclude(self, digest: str) -> None:
        """Judge outputs and state as of the journal's last batch; `digest` is of the owner's state between two batches."""
        self.look()
        calm, expected = self._rerun()
        for topic in OUTPUTS:
            differing = [pair for pair in zip_longest(self.outputs[topic], expected[topic]) if pair[0] != pair[1]]
            assert not differing, f"{topic} differs from a calm rerun's, said and expected: {differing[0]}"
        assert calm.partition.digest() == digest, "the state differs from a calm rerun's"

    def _rerun(self) -> tuple[Restored, dict[str, list[Said]]]:
        plan = self._world.plan
        bundles = {name: forecaster.identity for name, forecaster in plan.forecasters.items()}
        partitions = len(self._world.broker.topics[topics.JOURNAL])
        stepper = Stepper(self._partition, partitions, plan.configuration, bundles, self._world.time)
        calm = Restored(Partition(plan.configuration, plan.forecasters))
        said: dict[str, list[Said]] = defaultdict(list)
        for record in self.journal:
            inputs = {each.topic: self._records(each) for each in journaled_ranges(record)}
            portion = Portion(inputs, record.part, tuple(record.excluded))
            step = stepper.step(calm, portion, record.tick_ms, snapshot=False, trial=record.trial)
            calm.positions, calm.taken = step.positions, step.taken
            calm.sequence, calm.tick_ms = record.sequence + 1, record.tick_ms
            for output in step.outputs:
                said[output.topic].append((output.key, output.value))
        return calm, said

    def _records(self, span: OffsetRange) -> Sequence[Record]:
        records = [record for batch in self._world.broker.log(span.topic, self._partition).batches for record in batch.records()]
        return [
            Record(span.topic, self._partition, offset, key, value, (), timestamp)
            for offset, key, value, timestamp in records
            if span.start <= offset < span.end
        ]
