"""A packed record to readings: the rows that are sound, and a dead letter for each that is not, as for a batch in JSON."""

from collections.abc import Iterator, Sequence

from tidegate.contracts.codec import encode
from tidegate.contracts.columns import Columns, RowFault, row_faults, unpack_batch
from tidegate.contracts.deadletter import DeadLetter, DeadLetterReason
from tidegate.contracts.packing import to_readings
from tidegate.contracts.reading import Reading
from tidegate.errors import InputError
from tidegate.pipeline.deadletters import dead_letter
from tidegate.pipeline.unusable import check_count, check_partition, unusable
from tidegate.ports import Record

Run = tuple[int, Sequence[Reading]]
"""Sound readings next to one another, and the row of the first."""


def decode_packed(record: Record, partitions: int) -> tuple[list[Run], list[DeadLetter]]:
    """The sound rows of `record` in order, and a letter for each other row, whose original is that reading in JSON.

    Raises:
        Unusable: the message as a whole.
    """
    columns = _columns(record.value or b"")
    check_count(len(columns))
    check_partition(columns.site, record, partitions, len(columns))
    faults, readings = row_faults(columns), to_readings(columns)
    letters = [_letter(record, fault, readings[fault.row]) for fault in faults]
    return list(_runs(readings, faults)), letters


def _columns(raw: bytes) -> Columns:
    try:
        return unpack_batch(raw)
    except InputError as error:
        refusal = unusable(error)
        if refusal.reason is DeadLetterReason.NOT_JSON:  # the closed list's word for bytes that are not what they are said to be
            refusal.message = f"no MessagePack: {refusal.message}"
        raise refusal from error


def _runs(readings: Sequence[Reading], faults: Sequence[RowFault]) -> Iterator[Run]:
    start = 0
    for end in [*(fault.row for fault in faults), len(readings)]:
        if end > start:
            yield start, readings[start:end]
        start = end + 1


def _letter(record: Record, fault: RowFault, reading: Reading) -> DeadLetter:
    return dead_letter(record, DeadLetterReason.SCHEMA_MISMATCH, fault.message, index=fault.row, original=encode(reading))
