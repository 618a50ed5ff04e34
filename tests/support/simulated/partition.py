"""One partition's log: offsets, sequences, open transactions, the last stable offset, and what was aborted."""

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from aiokafka.errors import InvalidProducerEpoch, OutOfOrderSequenceNumber

from support.simulated.batches import ABORT, Batch, marker, stamped

_REMEMBERED = 5
"""Batches of a producer that a broker recognises when they come again."""


class Aborted(NamedTuple):
    """Records of `producer_id` from `first` to the marker at `last` never happened."""

    producer_id: int
    first: int
    last: int


@dataclass(slots=True)
class _Producer:
    epoch: int
    batches: deque[Batch] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    open_since: int | None = None


@dataclass(slots=True)
class PartitionLog:
    """Everything ever appended stays in `batches`, for judges; readers see it from `start` on."""

    batches: list[Batch] = field(default_factory=list)
    start: int = 0
    end: int = 0
    aborted: list[Aborted] = field(default_factory=list)
    _producers: dict[int, _Producer] = field(default_factory=dict)

    @property
    def stable_end(self) -> int:
        """Where the first open transaction starts, or else the end."""
        return min((p.open_since for p in self._producers.values() if p.open_since is not None), default=self.end)

    def is_open(self, producer_id: int) -> bool:
        """True while records of `producer_id` wait for their marker."""
        known = self._producers.get(producer_id)
        return known is not None and known.open_since is not None

    def append(self, raw: bytes, now_ms: int) -> int:
        """Store a producer's batch and return its first offset; one that was stored before keeps its place.

        Raises:
            InvalidProducerEpoch: a later producer has this id.
            OutOfOrderSequenceNumber: a batch before this one is missing.
        """
        batch = stamped(raw, self.end, now_ms)
        if batch.producer_id >= 0:
            known = self._producers.setdefault(batch.producer_id, _Producer(batch.epoch))
            before = _same(known, batch)
            if before is not None:
                return before.base
            _check(known, batch)
            known.batches.append(batch)
            if batch.transactional and known.open_since is None:
                known.open_since = batch.base
        self._store(batch)
        return batch.base

    def end_transaction(self, producer_id: int, epoch: int, kind: int, now_ms: int) -> None:
        """Write the marker; from here on a lower epoch is refused."""
        batch = stamped(marker(producer_id, epoch, kind), self.end, now_ms, kind)
        known = self._producers.setdefault(producer_id, _Producer(epoch))
        if kind == ABORT and known.open_since is not None:
            self.aborted.append(Aborted(producer_id, known.open_since, batch.last))
        known.open_since = None
        if epoch > known.epoch:
            known.epoch = epoch
            known.batches.clear()
        self._store(batch)

    def fetch(self, offset: int, max_bytes: int, stable: bool) -> tuple[bytes, list[Aborted]]:
        """Whole batches from the one that holds `offset` on, at least one, and what of them was aborted."""
        upper = self.stable_end if stable else self.end
        data = bytearray()
        if max(offset, self.start) >= upper:
            return b"", []
        for batch in self._from(max(offset, self.start)):
            if batch.last >= upper:
                break
            if data and len(data) + len(batch.data) > max_bytes:
                break
            data += batch.data
        return bytes(data), [gone for gone in self.aborted if gone.last >= offset and gone.first < upper]

    def committed(self, offset: int = 0) -> list[Batch]:
        """Batches from `offset` on that read-committed readers see or saw, trimmed ones included."""
        stable = self.stable_end
        found = [batch for batch in self._from(offset) if batch.last < stable and batch.marker is None]
        return [batch for batch in found if not self._was_aborted(batch)]

    def _from(self, offset: int) -> list[Batch]:
        return self.batches[bisect_left(self.batches, offset, key=lambda batch: batch.last) :]

    def _was_aborted(self, batch: Batch) -> bool:
        return batch.transactional and any(
            gone.producer_id == batch.producer_id and gone.first <= batch.base <= gone.last for gone in self.aborted
        )

    def _store(self, batch: Batch) -> None:
        self.batches.append(batch)
        self.end = batch.last + 1


def _same(known: _Producer, batch: Batch) -> Batch | None:
    """The batch that `batch` repeats."""
    count = batch.last - batch.base
    for one in known.batches:
        if (one.epoch, one.sequence, one.last - one.base) == (batch.epoch, batch.sequence, count):
            return one
    return None


def _check(known: _Producer, batch: Batch) -> None:
    if batch.epoch < known.epoch:
        raise InvalidProducerEpoch
    if batch.epoch > known.epoch:
        if batch.sequence != 0:
            raise OutOfOrderSequenceNumber
        known.epoch = batch.epoch
        known.batches.clear()
    elif known.batches:
        last = known.batches[-1]
        if batch.sequence != last.sequence + last.last - last.base + 1:
            raise OutOfOrderSequenceNumber
