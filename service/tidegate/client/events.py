"""Server-sent events out of bytes, as the HTML standard has it; knows nothing of what they say."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Final

from tidegate.errors import InputError

MAX_EVENT_BYTES: Final = 16 * 1024 * 1024
"""Bytes of one event. A decision is below 1 MB; what is larger is no stream of ours."""


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event. `id` is where to go on from; an event without data only moves it."""

    name: str
    id: str | None
    data: bytes


async def server_sent_events(chunks: AsyncIterable[bytes]) -> AsyncGenerator[ServerSentEvent, None]:
    """The events in `chunks`, however those are cut. An event that is not complete at the end is dropped.

    Not by lines of text: JSON may hold U+2028 and its like, which a text's `splitlines` takes for line ends.

    Raises:
        InputError: an event is larger than any of ours.
    """
    fields: dict[bytes, bytes] = {}
    async for line in _lines(chunks):
        if line.startswith(b":"):
            continue  # a comment: the service says that it is there
        if line:
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            fields[name] = fields[name] + b"\n" + value if name == b"data" and name in fields else value
        elif fields:
            event = ServerSentEvent(_text(fields.get(b"event")) or "message", _text(fields.get(b"id")), fields.get(b"data", b""))
            fields = {}
            yield event


async def _lines(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_EVENT_BYTES:
            raise InputError(f"an event of more than {MAX_EVENT_BYTES} bytes")
        for line in lines:
            yield line.removesuffix(b"\r")


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode("utf-8", "replace")
