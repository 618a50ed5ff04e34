"""Content types of telemetry: the header that says in which form a record of the telemetry topic, or a request, is written."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

HEADER: Final = "content-type"
"""Name of the header, on Kafka as at REST."""

Headers = tuple[tuple[str, bytes], ...]
"""Headers of a record, in order."""


class ContentType(StrEnum):
    """One reading in JSON, a batch of one site in JSON, or a packed batch of one site and profile in MessagePack."""

    READING = "application/vnd.tidegate.reading+json"
    BATCH = "application/vnd.tidegate.batch+json"
    PACKED = "application/vnd.tidegate.packed+msgpack"


def header(content_type: ContentType) -> Headers:
    """The headers of a record in this form."""
    return ((HEADER, content_type.encode()),)


def media_type(declared: str) -> str:
    """`declared` without its parameters, in small letters: `Application/JSON; charset=utf-8` gives `application/json`."""
    return declared.partition(";")[0].strip().lower()


def declared_in(headers: Iterable[tuple[str, bytes]]) -> str | None:
    """The media type that a record's headers declare; null when they declare none."""
    for name, value in headers:
        if name == HEADER:
            return media_type(value.decode("latin-1"))
    return None
