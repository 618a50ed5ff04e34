"""Where a client stands in the stream: the next offset of every streamed topic and partition, as one opaque text.

Several topics and partitions have no common order, so one number cannot say what was seen. The text survives a restart and
another process of the same log; it says nothing of the client and needs no secret: a false one only asks for other facts.
"""

import base64
import binascii
import zlib
from collections.abc import Iterable, Iterator
from typing import Final, Self

from tidegate.contracts.stream import STREAMED
from tidegate.errors import InputError

MAX_TOKEN: Final = 8192
"""Characters. 5 topics of 256 partitions with offsets of 4 bytes; far below what a header may have."""

_FORM: Final = 1
"""Of the text; another one is another release's."""

_TOPICS: Final = tuple(STREAMED)


class Position:
    """Next offsets by streamed topic and partition; only moves forward."""

    def __init__(self, offsets: dict[str, list[int]]) -> None:
        self._offsets = offsets

    @property
    def partitions(self) -> int:
        """How many partitions each topic has."""
        return len(self._offsets[_TOPICS[0]])

    def at(self, topic: str, partition: int) -> int:
        """The next offset."""
        return self._offsets[topic][partition]

    def advance(self, topic: str, partition: int, offset: int) -> None:
        """Let `offset` be the next one, unless that would be a step back."""
        self._offsets[topic][partition] = max(offset, self._offsets[topic][partition])

    def become(self, other: "Position") -> None:
        """Stand where `other` stands, wherever this stood."""
        self._offsets = other.copy()._offsets

    def copy(self) -> Self:
        """The same position, moved independently."""
        return type(self)({topic: list(offsets) for topic, offsets in self._offsets.items()})

    def token(self) -> str:
        """This position as text for an event's id."""
        numbers = [_FORM, len(_TOPICS), self.partitions, *(offset for topic in _TOPICS for offset in self._offsets[topic])]
        raw = bytes(_varints(numbers))
        return base64.urlsafe_b64encode(zlib.crc32(raw).to_bytes(4, "big") + raw).rstrip(b"=").decode("ascii")

    @classmethod
    def parse(cls, token: str) -> Self:
        """The position inside `token`.

        Raises:
            InputError: it is not one of ours, of this release and undamaged.
        """
        numbers = _numbers(token)
        if numbers[:2] != [_FORM, len(_TOPICS)] or len(numbers) < 3 or len(numbers) != 3 + numbers[2] * len(_TOPICS):
            raise _not_ours(token)
        count = numbers[2]
        return cls({topic: numbers[3 + n * count : 3 + (n + 1) * count] for n, topic in enumerate(_TOPICS)})


def _numbers(token: str) -> list[int]:
    if len(token) > MAX_TOKEN:
        raise _not_ours(token)
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _not_ours(token) from error
    if len(raw) < 5 or zlib.crc32(raw[4:]).to_bytes(4, "big") != raw[:4]:
        raise _not_ours(token)
    numbers, number, shift = [], 0, 0
    for byte in raw[4:]:
        number |= (byte & 0x7F) << shift
        shift = shift + 7 if byte & 0x80 else 0
        if not shift:
            numbers.append(number)
            number = 0
    return numbers


def _varints(numbers: Iterable[int]) -> Iterator[int]:
    """Seven bits a byte, the lowest first; the eighth says that more follow. Most offsets are small or alike."""
    for number in numbers:
        rest = number
        while rest > 0x7F:
            yield rest & 0x7F | 0x80
            rest >>= 7
        yield rest


def _not_ours(token: str) -> InputError:
    return InputError(
        f"{token[:80]!r} is no position of this stream",
        advice="send the id of the last event, or none to start with what comes next",
    )
