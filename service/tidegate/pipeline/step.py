"""One batch through the core: from records to the records of its commit. Touches no port but the clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tidegate import __version__
from tidegate.contracts import topics
from tidegate.contracts.codec import digest
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.deadletter import DeadLetter
from tidegate.contracts.journal import JournalRecord, OffsetRange
from tidegate.core.partition import Batch, Facts
from tidegate.pipeline.decode import Telemetry, decode_telemetry, reject
from tidegate.pipeline.decode_words import decode_acks, decode_commands
from tidegate.pipeline.encode import FactEncoder
from tidegate.pipeline.replay import Restored
from tidegate.pipeline.snapshots import chunk_snapshot
from tidegate.ports import Clock, Outgoing, Record

Inputs = Mapping[str, Sequence[Record]]
"""Records of one batch by input topic, in offset order."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one batch came to: `outputs` and `positions` to commit together, and what to tell once they are."""

    facts: Facts
    letters: list[DeadLetter]
    undecodable: int
    outputs: list[Outgoing]
    positions: dict[str, int]
    seconds: dict[str, float]


class Stepper:
    """Steps one partition under one configuration; `bundles` maps each loaded bundle to its identity."""

    def __init__(
        self, index: int, partitions: int, configuration: CoreConfiguration, bundles: Mapping[str, str], clock: Clock
    ) -> None:
        self._index = index
        self._partitions = partitions
        self._configuration = configuration
        self._configuration_digest = digest(configuration)
        self._bundles = dict(bundles)
        self._clock = clock
        self._encoder = FactEncoder(index)

    def step(self, state: Restored, inputs: Inputs, tick_ms: int, *, snapshot: bool) -> Step:
        """Step `state.partition` with `inputs` at `tick_ms`; the partition changes, the rest of `state` is the caller's."""
        introduced = self._introduce(state)
        started = self._clock.monotonic()
        telemetry = decode_telemetry(inputs.get(topics.TELEMETRY, ()), self._partitions)
        commands = decode_commands(inputs.get(topics.COMMANDS, ()), self._partitions)
        acks = decode_acks(inputs.get(topics.ACKS, ()), self._partitions)
        undecodable = sum(letter.readings for letter in telemetry.letters)
        decoded = self._clock.monotonic()
        facts = state.partition.step(Batch(tick_ms, telemetry.readings, commands.messages, acks.messages, undecodable))
        letters = [*telemetry.letters, *commands.letters, *acks.letters, *_rejected(telemetry, facts)]
        letters += map(acks.reject, facts.ack_rejections)
        positions = state.positions | {topic: records[-1].offset + 1 for topic, records in inputs.items() if records}
        outputs = [*self._encoder.facts(facts), *self._encoder.letters(letters)]
        outputs.append(self._encoder.journal(self._record(state.sequence, inputs, tick_ms, introduced)))
        if snapshot:
            chunks = chunk_snapshot(self._index, state.sequence, positions, state.partition.export_state())
            outputs += self._encoder.snapshot(chunks, state.generation)
        seconds = {"decode": decoded - started, "core": self._clock.monotonic() - decoded}
        return Step(facts, letters, undecodable, outputs, positions, seconds)

    def _introduce(self, state: Restored) -> bool:
        """Put the configuration in force where it is not; true when the journal has to carry it."""
        partition = state.partition
        if partition.configuration is self._configuration and state.sequence > 0:
            return False
        changed = state.sequence == 0 or partition.configuration != self._configuration
        partition.configure(self._configuration)
        return changed

    def _record(self, sequence: int, inputs: Inputs, tick_ms: int, introduced: bool) -> JournalRecord:
        return JournalRecord(
            partition=self._index,
            sequence=sequence,
            tick_ms=tick_ms,
            inputs=[OffsetRange(topic, r[0].offset, r[-1].offset + 1) for topic, r in inputs.items() if r],
            configuration_digest=self._configuration_digest,
            bundles=self._bundles,
            code_version=__version__,
            configuration=self._configuration if introduced else None,
        )


def _rejected(telemetry: Telemetry, facts: Facts) -> list[DeadLetter]:
    return [reject(telemetry, rejection) for rejection in facts.rejections]
