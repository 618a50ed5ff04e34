"""The forms in which a fleet may send its readings."""

from enum import StrEnum

from tidegate.contracts.codec import encode
from tidegate.contracts.content import ContentType
from tidegate.contracts.packing import to_packed
from tidegate.contracts.reading import ReadingBatch


class Form(StrEnum):
    """`json`: a message per reading; `batch`: JSON, all of a site; `packed`: float32 columns, all of a site and profile."""

    JSON = "json"
    BATCH = "batch"
    PACKED = "packed"


def messages(batch: ReadingBatch, form: Form) -> tuple[ContentType, list[bytes]]:
    """`batch` in `form`: the content type, and the messages in the order in which they have to be sent."""
    match form:
        case Form.JSON:
            return ContentType.READING, [encode(reading) for reading in batch.readings]
        case Form.BATCH:
            return ContentType.BATCH, [encode(batch)]
        case Form.PACKED:
            return ContentType.PACKED, to_packed(batch)
