"""Rebuild a partition after a stop of any kind: newest usable snapshot, then the journal's batches over it.

A replay reads what the journal says was read and steps the core with the ticks it saw; the facts it computes again were
published then, and are dropped now. Only those of the last batch are kept: its owner may have ended before they were written.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

import structlog

from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.journal import JournalRecord, Trial
from tidegate.contracts.snapshot import SnapshotChunk
from tidegate.core.forecaster import Forecaster
from tidegate.core.partition import Facts, Partition
from tidegate.errors import BundleError, InputError, StateLostError
from tidegate.pipeline.portion import Decoded, Portion, decode_portion, journaled_ranges
from tidegate.pipeline.snapshots import Snapshot, join_chunks, read_chunk
from tidegate.ports import Log, Record

_log = structlog.get_logger(__name__)

_PAGE_RECORDS = 500
_PAGE_BYTES = 16 * 1024 * 1024


@dataclass(slots=True)
class Restored:
    """A partition as of its last committed batch. `sequence` is the next journal sequence, `generation` the next snapshot's.

    `taken` readings of the record at the telemetry position were taken already; `trial` is what the last batch announced.
    `last` is what the last replayed batch took and came to.
    """

    partition: Partition
    positions: dict[str, int] = field(default_factory=dict)
    sequence: int = 0
    generation: int = 0
    tick_ms: int = 0
    taken: int = 0
    trial: Trial | None = None
    replayed_batches: int = 0
    last: tuple[Decoded, Facts] | None = None


@dataclass(frozen=True, slots=True)
class Restorer:
    """Restores one partition from `log`. `progress` is called with the number of batches replayed so far."""

    log: Log
    index: int
    forecasters: Mapping[str, Forecaster]
    configuration: CoreConfiguration
    progress: Callable[[int], None] = lambda _: None

    async def restore(self) -> Restored:
        """Return the partition as of the last commit; a partition never seen before starts empty.

        Raises:
            StateLostError: the log no longer reaches back to the newest usable snapshot.
            BundleError: the batches to replay were scored by a bundle that is not installed.
        """
        restored = await self._from_snapshot()
        async for record in self._journal(restored.sequence):
            await self._replay(restored, record)
            self.progress(restored.replayed_batches)
        await self._check_positions(restored)
        return restored

    async def _from_snapshot(self) -> Restored:
        snapshots, generation = await self._snapshots()
        for snapshot in snapshots:
            try:
                partition = Partition.restore(snapshot.state, self.forecasters)
            except InputError as error:
                _log.warning("snapshot_unusable", partition=self.index, reason=str(error))
                continue
            return Restored(partition, dict(snapshot.positions), snapshot.journal_sequence + 1, generation)
        return Restored(Partition(self.configuration, self.forecasters), generation=generation)

    async def _snapshots(self) -> tuple[list[Snapshot], int]:
        """Usable snapshots, newest first, and the generation the next one gets (never that of the newest usable)."""
        chunks: dict[int, list[SnapshotChunk]] = defaultdict(list)
        generations: dict[int, int] = {}
        async for record in self._records(topics.SNAPSHOTS):
            try:
                chunk = read_chunk(record.value or b"")
            except InputError as error:
                _log.warning("snapshot_chunk_unusable", partition=self.index, offset=record.offset, reason=str(error))
                continue
            chunks[chunk.journal_sequence].append(chunk)
            generations[chunk.journal_sequence] = int((record.key or b"0/0/0").split(b"/")[1])
        usable = []
        for sequence in sorted(chunks, reverse=True):
            try:
                usable.append(join_chunks(chunks[sequence]))
            except InputError as error:
                _log.warning("snapshot_unusable", partition=self.index, journal_sequence=sequence, reason=str(error))
        newest = generations[usable[0].journal_sequence] if usable else 1
        return usable, newest + 1

    async def _journal(self, from_sequence: int) -> AsyncIterator[JournalRecord]:
        expected = from_sequence
        async for raw in self._records(topics.JOURNAL):
            record = decode(raw.value or b"", JournalRecord)
            if record.sequence < from_sequence:
                continue
            if record.sequence != expected:
                raise StateLostError(
                    f"partition {self.index}: the journal has batch {record.sequence}, expected {expected}",
                    advice="restore the data directory from a backup, or start with an empty one",
                )
            expected += 1
            yield record

    async def _replay(self, restored: Restored, record: JournalRecord) -> None:
        partition = restored.partition
        self._check_bundles(record)
        if record.configuration is not None:
            partition.configure(record.configuration)
        portion = await self._portion(record)
        taken = decode_portion(portion, self.log.partitions)
        restored.last = taken, partition.step(taken.batch(record.tick_ms))
        restored.positions.update({span.topic: span.end for span in record.inputs})
        restored.sequence = record.sequence + 1
        restored.tick_ms = record.tick_ms
        restored.taken = portion.taken_after(restored.taken)
        restored.trial = record.trial
        restored.replayed_batches += 1

    async def _portion(self, record: JournalRecord) -> Portion:
        ranges = journaled_ranges(record)
        inputs = {each.topic: [r async for r in self._records(each.topic, each.start, each.end)] for each in ranges}
        return Portion(inputs, record.part, tuple(record.excluded))

    async def _records(self, topic: str, start: int = 0, end: int | None = None) -> AsyncIterator[Record]:
        oldest = await self.log.start_offset(topic, self.index)
        if end is not None and start < oldest:
            raise StateLostError(
                f"partition {self.index}: {topic} starts at offset {oldest}, the replay needs {start}",
                advice="restore the data directory from a backup, or start with an empty one",
            )
        offset = max(start, oldest)
        stop = await self.log.end_offset(topic, self.index) if end is None else end
        while offset < stop:
            page = await self.log.read(topic, self.index, offset, max_records=_PAGE_RECORDS, max_bytes=_PAGE_BYTES)
            if not page:
                return
            for record in page:
                if record.offset >= stop:
                    return
                yield record
            offset = page[-1].offset + 1

    def _check_bundles(self, record: JournalRecord) -> None:
        installed = {name: forecaster.identity for name, forecaster in self.forecasters.items()}
        for name, identity in record.bundles.items():
            if installed.get(name) != identity:
                raise BundleError(
                    f"batch {record.sequence} was scored by bundle {identity!r}, installed is {installed.get(name)!r}",
                    advice="install that bundle for one start; a clean stop then needs no replay",
                )

    async def _check_positions(self, restored: Restored) -> None:
        committed = await self.log.positions(self.index)
        if committed != restored.positions:
            raise StateLostError(
                f"partition {self.index}: the journal ends at {restored.positions}, the log committed {committed}",
                advice="restore the data directory from a backup, or start with an empty one",
            )
