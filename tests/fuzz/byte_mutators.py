"""Mutators of bytes: what bad memory, bad links and bad code do to a message, whatever it says."""

import re
from collections.abc import Callable
from dataclasses import replace
from random import Random

from fuzz.message import Message
from tidegate.contracts.content import ContentType

Mutator = Callable[[Random, Message, Message], Message]
"""Makes another message of one; the second is there to take from."""

LONGEST_BYTES = 64 * 1024
"""Of what a mutator makes longer."""

_NO_UTF8 = (b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\x00")
_NO_NUMBERS = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e400",
    b"-1e400",
    b"9" * 400,
    b"1e-400",
    b"-0.0",
    b"0x1",
    b"01",
    b"+1",
    b".5",
)
_NESTS = (b"[", b'{"a":', b"\x91", b"\x81\xa1a", b"\xdd\x00\x00\x00\x01")
_TYPES = (None, "", "application/json", "text/plain", "application/vnd.tidegate.packed", "\x00", "BATCH", *ContentType)
_NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_KEY = re.compile(rb'"[a-z_]+":')


def truncate(random: Random, message: Message, _: Message) -> Message:
    """Keep the head."""
    return replace(message, value=message.value[: random.randrange(len(message.value) + 1)])


def flip(random: Random, message: Message, _: Message) -> Message:
    """Turn 1 to 8 bits over."""
    value = bytearray(message.value or b"\x00")
    for _bit in range(random.randint(1, 8)):
        value[random.randrange(len(value))] ^= 1 << random.randrange(8)
    return replace(message, value=bytes(value))


def splice(random: Random, message: Message, other: Message) -> Message:
    """The head of one and the tail of another."""
    head, tail = random.randrange(len(message.value) + 1), random.randrange(len(other.value) + 1)
    return replace(message, value=message.value[:head] + other.value[tail:])


def insert(random: Random, message: Message, _: Message) -> Message:
    """Random bytes somewhere."""
    return _put(random, message, random.randbytes(random.randint(1, 16)))


def remove(random: Random, message: Message, _: Message) -> Message:
    """A piece is missing."""
    start = random.randrange(len(message.value) + 1)
    return replace(message, value=message.value[:start] + message.value[start + random.randint(1, 32) :])


def repeat(random: Random, message: Message, _: Message) -> Message:
    """A piece comes again and again."""
    start = random.randrange(len(message.value) + 1)
    piece = message.value[start : start + random.randint(1, 200)]
    value = message.value[:start] + piece * random.randint(2, 50) + message.value[start:]
    return replace(message, value=value[:LONGEST_BYTES])


def noise(random: Random, message: Message, _: Message) -> Message:
    """Nothing but random bytes."""
    return replace(message, value=random.randbytes(random.choice((0, 1, 2, 8, 64, 1024))))


def no_utf8(random: Random, message: Message, _: Message) -> Message:
    """Bytes that no UTF-8 has."""
    return _put(random, message, random.choice(_NO_UTF8))


def byte_order_mark(random: Random, message: Message, _: Message) -> Message:
    """Byte order marks and blanks in front."""
    return replace(message, value=random.choice((b"\xef\xbb\xbf", b"\xff\xfe", b" \r\n\t", b"\xef\xbb\xbf" * 2)) + message.value)


def content_type(random: Random, message: Message, _: Message) -> Message:
    """Claim to be something else."""
    return replace(message, content_type=random.choice(_TYPES))


def nest(random: Random, message: Message, _: Message) -> Message:
    """Open brackets, up to 5,000 deep."""
    return _put(random, message, random.choice(_NESTS) * random.choice((3, 100, 1_000, 5_000)))


def no_number(random: Random, message: Message, _: Message) -> Message:
    """A number becomes one that JSON does not have, or a double does not."""
    found = list(_NUMBER.finditer(message.value))
    if not found:
        return message
    place = random.choice(found)
    return replace(message, value=message.value[: place.start()] + random.choice(_NO_NUMBERS) + message.value[place.end() :])


def repeat_key(random: Random, message: Message, _: Message) -> Message:
    """A key comes twice in one object."""
    found = list(_KEY.finditer(message.value))
    if not found:
        return message
    place = random.choice(found)
    extra = place.group() + random.choice((b"null", b"0", b'""', b"[]", b"{}", b'"x"', b"1e9")) + b","
    return replace(message, value=message.value[: place.start()] + extra + message.value[place.start() :])


def _put(random: Random, message: Message, piece: bytes) -> Message:
    start = random.randrange(len(message.value) + 1)
    return replace(message, value=message.value[:start] + piece + message.value[start:])


BYTE_MUTATORS: tuple[Mutator, ...] = (
    truncate,
    flip,
    splice,
    insert,
    remove,
    repeat,
    noise,
    no_utf8,
    byte_order_mark,
    content_type,
    nest,
    no_number,
    repeat_key,
)
