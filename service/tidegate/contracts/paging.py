"""Pages of facts: what a list answers with, and the cursor that asks for the next page.

A cursor is the sort key of the last item seen, so a page never repeats or skips an item because new ones arrived. It is
opaque to clients: they send back what they got.
"""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import msgspec

from tidegate.errors import InputError

T = TypeVar("T")

MAX_PAGE: Final = 1000
"""Items. About 1 MB of anomalies with their reasons; a client that wants more asks again with the cursor."""

SortKey = tuple[int | str, str]
"""Where an item stands in its list: event time in milliseconds and id, or site and device."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """How fresh an answer is: the log time of the newest fact read, and the next offset by topic and partition."""

    time_ms: int | None = None
    offsets: dict[str, list[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items in order; `next_cursor` is null on the last page."""

    items: list[T]
    next_cursor: str | None
    as_of: AsOf


@dataclass(frozen=True, slots=True)
class PageRequest:
    """At most `limit` items (1 to `MAX_PAGE`) that come after `after`; null starts at the beginning."""

    limit: int = 100
    after: SortKey | None = None


def to_cursor(key: SortKey) -> str:
    """`key` as opaque text that survives a URL."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode("ascii")


def from_cursor(cursor: str) -> SortKey:
    """The key inside `cursor`.

    Raises:
        InputError: this is not a cursor we gave out.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        key: SortKey = msgspec.json.decode(raw, type=SortKey)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise InputError(
            f"cursor {cursor[:80]!r} is not one of ours", advice="send next_cursor of the page before, or none to start over"
        ) from error
    return key
