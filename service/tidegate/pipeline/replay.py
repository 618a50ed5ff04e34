"""Rebuild a partition after a stop of any kind: newest usable snapshot, then the journal's batches over it.

A replay reads what the journal says was read and steps the core with the ticks it saw; the facts it computes again were
published then, and are dropped now. Only those of the last batch are kept: its owner may have ended before they were written.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog

from tidegate.adapters.tail import last_record
from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.journal import JournalRecord, OffsetRange, Trial
from tidegate.contracts.snapshot import SnapshotChunk
from tidegate.core.classifier import Model
from tidegate.core.partition import Facts, Partition
from tidegate.errors import InputError, OwnerReplacedError, StateLostError
from tidegate.pipeline.portion import Decoded, Portion, decode_portion, journaled_ranges
from tidegate.pipeline.snapshots import Snapshot, join_chunks, read_chunk
from tidegate.ports import Log, Record

_log = structlog.get_logger(__name__)

T = TypeVar("T")

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
    """Restores one partition from `log`. `progress` is called with the number of batches replayed so far.

    The core runs in `executor` (by default the event loop's own), as it does at work: a restore that held up the event loop
    would cost this process its place in the group, and its partitions the next restore.
    """

    log: Log
    index: int
    forecasters: Mapping[str, Model]
    configuration: CoreConfiguration
    progress: Callable[[int], None] = lambda _: None
    executor: Executor | None = None

    async def restore(self) -> Restored:
        """Return the partition as of the last commit; a partition never seen before starts empty.

        Raises:
            StateLostError: the log no longer reaches back to the newest usable snapshot.
            OwnerReplacedError: another process went on meanwhile, so that what was read does not fit together.
            BundleError: the batches to replay were scored by a bundle that is not installed.
        """
        before = await last_record(self.log, topics.JOURNAL, self.index)
        try:
            return await self._restore()
        except StateLostError as error:
            if await last_record(self.log, topics.JOURNAL, self.index) == before:
                raise
            raise OwnerReplacedError(
                f"partition {self.index}: another process has committed during the restore",
                advice="nothing to do: it is restored once the group says that it is this process's",
            ) from error

    async def _restore(self) -> Restored:
        restored = await self._from_snapshot()
        async for record in self.journal(restored.sequence):
            await self._replay(restored, record)
            self.progress(restored.replayed_batches)
        await self._check_positions(restored)
        return restored

    async def _from_snapshot(self) -> Restored:
        snapshots, generation = await self.snapshots_and_generation()
        for snapshot in snapshots:
            try:
                partition = await self._aside(Partition.restore, snapshot.state, self.forecasters)
            except InputError as error:
                _log.warning("snapshot_unusable", partition=self.index, reason=str(error))
                continue
            return Restored(partition, dict(snapshot.positions), snapshot.journal_sequence + 1, generation)
        return Restored(Partition(self.configuration, self.forecasters), generation=generation)

    async def snapshots(self) -> list[Snapshot]:
        """Usable snapshots, newest first."""
        return (await self.snapshots_and_generation())[0]

    async def snapshots_and_generation(self) -> tuple[list[Snapshot], int]:
        """Usable snapshots, newest first, and the generation the next one gets (never that of the newest usable)."""
        chunks: dict[int, list[SnapshotChunk]] = defaultdict(list)
        generations: dict[int, int] = {}
        async for record in self.records(topics.SNAPSHOTS):
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
                usable.append(await self._aside(join_chunks, chunks[sequence]))
            except InputError as error:
                _log.warning("snapshot_unusable", partition=self.index, journal_sequence=sequence, reason=str(error))
        newest = generations[usable[0].journal_sequence] if usable else 1
        return usable, newest + 1

    async def journal(self, from_sequence: int) -> AsyncIterator[JournalRecord]:
        """Journal records from `from_sequence` on.

        Raises:
            StateLostError: one is missing.
        """
        expected = from_sequence
        async for raw in self.records(topics.JOURNAL):
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
        partition.offer(record.bundles)
        if record.configuration is not None:
            partition.configure(record.configuration)
        portion = await self.portion(record)
        restored.last = await self._aside(self._step, partition, portion, record.tick_ms)
        restored.positions.update({span.topic: span.end for span in record.inputs})
        restored.sequence = record.sequence + 1
        restored.tick_ms = record.tick_ms
        restored.taken = portion.taken_after(restored.taken)
        restored.trial = record.trial
        restored.replayed_batches += 1

    def _step(self, partition: Partition, portion: Portion, tick_ms: int) -> tuple[Decoded, Facts]:
        taken = decode_portion(portion, self.log.partitions)
        return taken, partition.step(taken.batch(tick_ms))

    async def _aside(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.executor, work, *arguments)

    async def portion(self, record: JournalRecord) -> Portion:
        """What the batch of `record` took, as the log has it.

        Raises:
            StateLostError: it is trimmed.
        """
        ranges = journaled_ranges(record)
        inputs = {each.topic: await self._span(each) for each in ranges}
        return Portion(inputs, record.part, tuple(record.excluded))

    async def records(self, topic: str) -> AsyncIterator[Record]:
        """Everything there is of `topic`."""
        offset = await self.log.start_offset(topic, self.index)
        stop = await self.log.end_offset(topic, self.index)
        while offset < stop:
            page = await self.log.read(topic, self.index, offset, max_records=_PAGE_RECORDS, max_bytes=_PAGE_BYTES)
            for record in page:
                if record.offset < stop:
                    yield record
            offset = page[-1].offset + 1 if page else stop

    async def _span(self, span: OffsetRange) -> list[Record]:
        """The records of `span`. Never asks for more, so that what the log has at hand beyond it serves the next span."""
        found: list[Record] = []
        offset = span.start
        while offset < span.end:
            wanted = min(_PAGE_RECORDS, span.end - offset)
            page = await self.log.read(span.topic, self.index, offset, max_records=wanted, max_bytes=_PAGE_BYTES)
            if not page or page[0].offset != offset:
                await self._check_kept(span.topic, offset)
            found += [record for record in page if record.offset < span.end]
            offset = page[-1].offset + 1 if page else span.end
        return found

    async def _check_kept(self, topic: str, offset: int) -> None:
        """An offset without a record is either nobody's, or its record is gone."""
        oldest = await self.log.start_offset(topic, self.index)
        if offset < oldest:
            raise StateLostError(
                f"partition {self.index}: {topic} starts at offset {oldest}, the replay needs {offset}",
                advice="restore the data directory from a backup, or start with an empty one",
            )

    async def _check_positions(self, restored: Restored) -> None:
        committed = await self.log.positions(self.index)
        if committed != restored.positions:
            raise StateLostError(
                f"partition {self.index}: the journal ends at {restored.positions}, the log committed {committed}",
                advice="restore the data directory from a backup, or start with an empty one",
            )
