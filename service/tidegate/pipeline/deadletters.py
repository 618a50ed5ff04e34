"""Dead letters from records: reason, coordinates and the original bytes, bounded in size."""

import hashlib

from tidegate.contracts.deadletter import MAX_ORIGINAL_BYTES, DeadLetter, DeadLetterReason
from tidegate.contracts.ids import MAX_ID_LENGTH
from tidegate.contracts.reading import Reading
from tidegate.ports import Record

MAX_MESSAGE_CHARACTERS = 500
"""Of a reason's text: it may quote hostile input."""


def dead_letter(
    record: Record,
    reason: DeadLetterReason,
    message: str,
    *,
    index: int | None = None,
    original: bytes | None = None,
    reading: Reading | None = None,
    readings: int = 1,
) -> DeadLetter:
    """The dead letter of `record`, or of the one `reading` at `index` in it; `original` defaults to the record's bytes."""
    raw = (record.value if original is None else original) or b""
    return DeadLetter(
        reason=reason,
        message=message[:MAX_MESSAGE_CHARACTERS],
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        index=index,
        readings=readings,
        site=reading.site[:MAX_ID_LENGTH] if reading else None,
        device=reading.device[:MAX_ID_LENGTH] if reading else None,
        received_at_ms=record.timestamp_ms,
        original=raw[:MAX_ORIGINAL_BYTES],
        original_size=len(raw),
        original_sha256=hashlib.sha256(raw).hexdigest(),
    )
