"""Telemetry records to readings. What cannot be decoded becomes a dead letter, never an exception.

A telemetry record is one reading or one batch of a single site, JSON, or a packed batch; the content type says which. Without
one it is JSON, and the bytes decide. Pure: a replay decodes the same records to the same values.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from tidegate.contracts.codec import decode, encode, split_batch
from tidegate.contracts.content import ContentType, declared_in
from tidegate.contracts.deadletter import DeadLetter, DeadLetterReason
from tidegate.contracts.reading import MAX_BATCH_READINGS, Reading, ReadingBatch
from tidegate.core.detection.results import Rejection
from tidegate.errors import InputError
from tidegate.pipeline.deadletters import dead_letter
from tidegate.pipeline.packed import decode_packed
from tidegate.pipeline.unusable import Unusable, check_count, check_partition, too_large, unusable
from tidegate.ports import Record

MAX_MESSAGE_BYTES: Final = 8 * 1024 * 1024
"""Bytes of one telemetry message. 10,000 readings of 40 metrics in JSON are about 7 MB; larger is refused unread."""

_BATCH_MARK: Final = b'"readings"'


@dataclass(frozen=True, slots=True)
class Span:
    """A run of readings from one record: the first is `readings[start]`, which stood at `index` of a batch (null: no batch)."""

    start: int
    record: Record
    index: int | None


@dataclass(slots=True)
class Telemetry:
    """Decoded telemetry: `spans` say where readings came from, in order; `letters` are the messages that never became any."""

    readings: list[Reading] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)

    def add(self, record: Record, readings: Sequence[Reading], index: int | None) -> None:
        """Append `readings` of `record`, the first of which stood at `index` of its batch."""
        self.spans.append(Span(len(self.readings), record, index))
        self.readings += readings

    def origin(self, place: int) -> tuple[Record, int | None]:
        """The record of `readings[place]`, and its place in that record's batch (null: it is no batch)."""
        span = self.spans[bisect_right(self.spans, place, key=lambda span: span.start) - 1]
        return span.record, None if span.index is None else span.index + place - span.start


def decode_telemetry(records: Sequence[Record], partitions: int) -> Telemetry:
    """Decode `records` of the telemetry topic, in order."""
    telemetry = Telemetry()
    for record in records:
        try:
            _decode_into(telemetry, record, partitions)
        except Unusable as error:
            telemetry.letters.append(dead_letter(record, error.reason, error.message, readings=error.readings))
    return telemetry


def reject(telemetry: Telemetry, rejection: Rejection) -> DeadLetter:
    """The dead letter of a decoded reading that admission refused, with that reading alone as the original."""
    record, index = telemetry.origin(rejection.index)
    reading = telemetry.readings[rejection.index]
    original = record.value if index is None else encode(reading)
    return dead_letter(record, rejection.reason, rejection.message, index=index, original=original, reading=reading)


def _decode_into(telemetry: Telemetry, record: Record, partitions: int) -> None:
    raw = record.value or b""
    if len(raw) > MAX_MESSAGE_BYTES:
        raise Unusable(DeadLetterReason.MESSAGE_TOO_LARGE, f"{len(raw)} bytes, expected at most {MAX_MESSAGE_BYTES}")
    form = _form(record, raw)
    if form == ContentType.PACKED:
        _decode_packed(telemetry, record, partitions)
    elif form == ContentType.BATCH:
        _decode_batch(telemetry, record, raw, partitions)
    else:
        reading = _decode_or_fail(raw, Reading)
        check_partition(reading.site, record, partitions)
        telemetry.add(record, (reading,), None)


def _decode_packed(telemetry: Telemetry, record: Record, partitions: int) -> None:
    runs, letters = decode_packed(record, partitions)
    for row, readings in runs:
        telemetry.add(record, readings, row)
    telemetry.letters += letters


def _decode_batch(telemetry: Telemetry, record: Record, raw: bytes, partitions: int) -> None:
    try:
        batch = _decode_or_fail(raw, ReadingBatch)
    except Unusable as error:
        if error.reason is not DeadLetterReason.SCHEMA_MISMATCH:
            raise
        _salvage(telemetry, record, raw, partitions, error)
        return
    _check_batch(batch)
    check_partition(batch.site, record, partitions, len(batch.readings))
    telemetry.add(record, batch.readings, 0)


def _salvage(telemetry: Telemetry, record: Record, raw: bytes, partitions: int, whole: Unusable) -> None:
    """Take the good readings of a batch in which some are malformed: one bad sensor must not cost its site a batch."""
    try:
        site, parts = split_batch(raw)
    except InputError:
        raise whole from None
    if len(parts) > MAX_BATCH_READINGS:
        raise too_large(len(parts))
    check_partition(site, record, partitions, max(1, len(parts)))
    for index, part in enumerate(parts):
        try:
            reading = _decode_or_fail(part, Reading)
            if reading.site != site:
                raise _mixed(index, reading.site, site)
        except Unusable as error:
            telemetry.letters.append(dead_letter(record, error.reason, error.message, index=index, original=part))
            continue
        telemetry.add(record, (reading,), index)


def _form(record: Record, raw: bytes) -> ContentType:
    declared = declared_in(record.headers)
    if declared is None:
        return ContentType.BATCH if _BATCH_MARK in raw else ContentType.READING
    if declared == ContentType.PACKED:
        return ContentType.PACKED
    return ContentType.BATCH if "batch" in declared else ContentType.READING


def _check_batch(batch: ReadingBatch) -> None:
    check_count(len(batch.readings))
    for index, reading in enumerate(batch.readings):
        if reading.site != batch.site:
            raise _mixed(index, reading.site, batch.site, len(batch.readings))


def _mixed(index: int, site: str, expected: str, readings: int = 1) -> Unusable:
    message = f"reading {index} is of site {site!r}, the batch of {expected!r}"
    return Unusable(DeadLetterReason.MIXED_SITES, message, readings)


T = TypeVar("T")


def _decode_or_fail(raw: bytes, kind: type[T]) -> T:
    try:
        return decode(raw, kind)
    except InputError as error:
        raise unusable(error) from error
