"""One batch through the core: from records to the records of its commit. Touches no port but the clock."""

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate import __version__
from tidegate.contracts.codec import digest
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.deadletter import DeadLetter
from tidegate.contracts.journal import JournalRecord, Trial
from tidegate.core.partition import Facts
from tidegate.pipeline.decode import reject
from tidegate.pipeline.encode import FactEncoder
from tidegate.pipeline.portion import Decoded, Portion, decode_portion
from tidegate.pipeline.replay import Restored
from tidegate.pipeline.snapshots import chunk_snapshot
from tidegate.ports import Clock, Outgoing


@dataclass(frozen=True, slots=True)
class Step:
    """What one batch came to: `outputs` and `positions` to commit together, and what to tell once they are.

    `taken` counts the readings of the record at the telemetry position that were taken before the rest of it.
    """

    facts: Facts
    letters: list[DeadLetter]
    undecodable: int
    outputs: list[Outgoing]
    positions: dict[str, int]
    taken: int
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

    def step(self, state: Restored, portion: Portion, tick_ms: int, *, snapshot: bool, trial: Trial | None = None) -> Step:
        """Step `state.partition` with `portion` at `tick_ms`; the partition changes, the rest of `state` is the caller's.

        The journal's record carries `trial`, if there is one.
        """
        introduced = self._introduce(state)
        started = self._clock.monotonic()
        taken = decode_portion(portion, self._partitions)
        decoded = self._clock.monotonic()
        facts = state.partition.step(taken.batch(tick_ms))
        letters = _letters(taken, facts)
        positions = state.positions | {each.topic: each.end for each in portion.finished()}
        outputs = self._said(facts, letters)
        outputs.append(self._encoder.journal(self._record(state, portion, tick_ms, introduced, trial)))
        if snapshot:
            chunks = chunk_snapshot(self._index, state.sequence, positions, state.partition.export_state())
            outputs += self._encoder.snapshot(chunks, state.generation)
        seconds = {"decode": decoded - started, "core": self._clock.monotonic() - decoded}
        return Step(facts, letters, taken.undecodable, outputs, positions, portion.taken_after(state.taken), seconds)

    def said(self, taken: Decoded, facts: Facts) -> list[Outgoing]:
        """What a batch that took `taken` and came to `facts` tells the world, journal and snapshot aside."""
        return self._said(facts, _letters(taken, facts))

    def _said(self, facts: Facts, letters: list[DeadLetter]) -> list[Outgoing]:
        return [*self._encoder.facts(facts), *self._encoder.letters(letters)]

    def _introduce(self, state: Restored) -> bool:
        """Put the configuration in force where it is not; true when the journal has to carry it."""
        partition = state.partition
        partition.offer(self._bundles)
        if partition.base is self._configuration and state.sequence > 0:
            return False
        changed = state.sequence == 0 or partition.base != self._configuration
        partition.configure(self._configuration)
        return changed

    def _record(self, state: Restored, portion: Portion, tick_ms: int, introduced: bool, trial: Trial | None) -> JournalRecord:
        return JournalRecord(
            partition=self._index,
            sequence=state.sequence,
            tick_ms=tick_ms,
            inputs=portion.finished(),
            configuration_digest=self._configuration_digest,
            bundles=state.partition.bundles(),
            code_version=__version__,
            configuration=self._configuration if introduced else None,
            part=portion.part,
            excluded=list(portion.excluded),
            trial=trial,
        )


def _letters(taken: Decoded, facts: Facts) -> list[DeadLetter]:
    refused = [reject(taken.telemetry, rejection) for rejection in facts.rejections]
    return [*taken.letters, *refused, *map(taken.acks.reject, facts.ack_rejections)]
