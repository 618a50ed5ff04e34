"""Dead letters from records: reason, coordinates and the original bytes, bounded in size."""

import hashlib
from typing import Final

from tidegate.contracts.deadletter import MAX_ORIGINAL_BYTES, DeadLetter, DeadLetterReason
from tidegate.contracts.ids import MAX_ID_LENGTH
from tidegate.contracts.letters import MAX_REPLAY_COUNT, REPLAY_COUNT, REPLAY_OF
from tidegate.contracts.reading import Reading
from tidegate.ports import Record

MAX_MESSAGE_CHARACTERS = 500
"""Of a reason's text: it may quote hostile input."""

MAX_HEADERS: Final = 16
MAX_HEADER_NAME: Final = 128
MAX_HEADER_BYTES: Final = 1024
"""Of a record's headers this many are kept, cut to this: content type and tracing are far below, and nobody bounds the rest."""


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
    headers = [(name[:MAX_HEADER_NAME], value[:MAX_HEADER_BYTES]) for name, value in record.headers[:MAX_HEADERS]]
    replay_of, replays = _replay(dict(headers))
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
        headers=headers,
        replay_of=replay_of,
        replays=replays,
    )


def _replay(headers: dict[str, bytes]) -> tuple[str | None, int]:
    """What a record's headers say of its being a replay: whose, and the how manieth; null and 0 when it is none."""
    count = headers.get(REPLAY_COUNT)
    if count is None and REPLAY_OF not in headers:
        return None, 0
    number = int(count) if count is not None and count.isdigit() and len(count) <= 4 else MAX_REPLAY_COUNT
    return headers.get(REPLAY_OF, b"").decode("utf-8", "replace"), max(1, min(number, MAX_REPLAY_COUNT))
