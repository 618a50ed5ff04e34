"""Telemetry records to readings. What cannot be decoded becomes a dead letter, never an exception.

A telemetry record is one reading or one batch of a single site, JSON; the content type says which, and without one the
bytes decide. Pure: a replay decodes the same records to the same values.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from tidegate.contracts.codec import decode, encode, split_batch
from tidegate.contracts.deadletter import DeadLetter, DeadLetterReason
from tidegate.contracts.ids import is_clean
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.reading import MAX_BATCH_READINGS, Reading, ReadingBatch
from tidegate.core.detection.results import Rejection
from tidegate.errors import InputError, SchemaVersionError
from tidegate.pipeline.deadletters import dead_letter
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
        except _Unusable as error:
            telemetry.letters.append(dead_letter(record, error.reason, error.message, readings=error.readings))
    return telemetry


def reject(telemetry: Telemetry, rejection: Rejection) -> DeadLetter:
    """The dead letter of a decoded reading that admission refused, with that reading alone as the original."""
    record, index = telemetry.origin(rejection.index)
    reading = telemetry.readings[rejection.index]
    original = record.value if index is None else encode(reading)
    return dead_letter(record, rejection.reason, rejection.message, index=index, original=original, reading=reading)


class _Unusable(Exception):  # noqa: N818 - control flow inside this module, not an error of ours
    def __init__(self, reason: DeadLetterReason, message: str, readings: int = 1) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.readings = readings


def _decode_into(telemetry: Telemetry, record: Record, partitions: int) -> None:
    raw = record.value or b""
    if len(raw) > MAX_MESSAGE_BYTES:
        raise _Unusable(DeadLetterReason.MESSAGE_TOO_LARGE, f"{len(raw)} bytes, expected at most {MAX_MESSAGE_BYTES}")
    if _is_batch(record, raw):
        _decode_batch(telemetry, record, raw, partitions)
        return
    reading = _decode_or_fail(raw, Reading)
    _check_partition(reading.site, record, partitions)
    telemetry.add(record, (reading,), None)


def _decode_batch(telemetry: Telemetry, record: Record, raw: bytes, partitions: int) -> None:
    try:
        batch = _decode_or_fail(raw, ReadingBatch)
    except _Unusable as error:
        if error.reason is not DeadLetterReason.SCHEMA_MISMATCH:
            raise
        _salvage(telemetry, record, raw, partitions, error)
        return
    _check_batch(batch)
    _check_partition(batch.site, record, partitions, len(batch.readings))
    telemetry.add(record, batch.readings, 0)


def _salvage(telemetry: Telemetry, record: Record, raw: bytes, partitions: int, whole: _Unusable) -> None:
    """Take the good readings of a batch in which some are malformed: one bad sensor must not cost its site a batch."""
    try:
        site, parts = split_batch(raw)
    except InputError:
        raise whole from None
    if len(parts) > MAX_BATCH_READINGS:
        raise _too_large(len(parts))
    _check_partition(site, record, partitions, max(1, len(parts)))
    for index, part in enumerate(parts):
        try:
            reading = _decode_or_fail(part, Reading)
            if reading.site != site:
                raise _mixed(index, reading.site, site)
        except _Unusable as error:
            telemetry.letters.append(dead_letter(record, error.reason, error.message, index=index, original=part))
            continue
        telemetry.add(record, (reading,), index)


def _is_batch(record: Record, raw: bytes) -> bool:
    for name, value in record.headers:
        if name == "content-type":
            return b"batch" in value
    return _BATCH_MARK in raw


def _check_batch(batch: ReadingBatch) -> None:
    count = len(batch.readings)
    if count == 0:
        raise _Unusable(DeadLetterReason.BATCH_EMPTY, "a batch holds no reading, expected at least 1")
    if count > MAX_BATCH_READINGS:
        raise _too_large(count)
    for index, reading in enumerate(batch.readings):
        if reading.site != batch.site:
            raise _mixed(index, reading.site, batch.site, count)


def _too_large(count: int) -> _Unusable:
    message = f"{count} readings, expected at most {MAX_BATCH_READINGS}"
    return _Unusable(DeadLetterReason.BATCH_TOO_LARGE, message, count)


def _mixed(index: int, site: str, expected: str, readings: int = 1) -> _Unusable:
    message = f"reading {index} is of site {site!r}, the batch of {expected!r}"
    return _Unusable(DeadLetterReason.MIXED_SITES, message, readings)


def _check_partition(site: str, record: Record, partitions: int, readings: int = 1) -> None:
    if not is_clean(site):
        message = f"site id {site[:64]!r} has control characters, surrounding blanks or more than 128 characters"
        raise _Unusable(DeadLetterReason.BAD_IDENTIFIER, message, readings)
    expected = partition_of(site, partitions)
    if record.partition != expected:
        # Served here, the site would have two owners: this worker and the one that owns its partition.
        message = (
            f"site {site!r} belongs to partition {expected} of {partitions} (murmur2 of the site id), not {record.partition}"
        )
        raise _Unusable(DeadLetterReason.WRONG_PARTITION, message, readings)


T = TypeVar("T")


def _decode_or_fail(raw: bytes, kind: type[T]) -> T:
    try:
        return decode(raw, kind)
    except SchemaVersionError as error:
        raise _Unusable(DeadLetterReason.UNKNOWN_SCHEMA_VERSION, error.message) from error
    except InputError as error:
        raise _Unusable(_mismatch(error), error.message) from error


def _mismatch(error: InputError) -> DeadLetterReason:
    """JSON that is no reading, against bytes that are no JSON: msgspec names the first a ValidationError."""
    cause = type(error.__cause__).__name__
    return DeadLetterReason.SCHEMA_MISMATCH if cause == "ValidationError" else DeadLetterReason.NOT_JSON
