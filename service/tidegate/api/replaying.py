"""Sending a dead letter's original again, safely: what may not, or cannot, be sent again says why.

A replay has no effect twice: readings are recognised by device and event time, commands by their id. It goes to the topic
it came from and to the partition of its site, as a producer would send it, with headers that say that it is a replay; the
loop guard counts by them. A note beside the letter says that it was sent.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import msgspec

from tidegate.api.errors import ReplayRefusedError
from tidegate.contracts import topics
from tidegate.contracts.codec import encode
from tidegate.contracts.content import HEADER, ContentType, header
from tidegate.contracts.letters import (
    NOTE_HEADERS,
    REPLAY_COUNT,
    REPLAY_OF,
    KeptLetter,
    LetterReplayed,
    ReplayRefusal,
    coordinates,
)
from tidegate.contracts.partitioner import partition_of
from tidegate.ports import Log, Outgoing

_MAX_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReplayRules:
    """What may be sent again: `max_replays` bounds how often one original is, `again` allows a letter that was sent already."""

    max_replays: int = 1
    again: bool = False


async def prepare(log: Log, letter: KeptLetter, rules: ReplayRules) -> Outgoing:
    """The record that replays `letter`; sends nothing.

    `letter` is whole, but for an original above what a dead letter keeps, which is looked up where it came from.

    Raises:
        ReplayRefusedError: it may not, or cannot, be sent again; its code says which of the reasons it is.
    """
    _check_rules(letter, rules)
    original = letter.original if len(letter.original) == letter.original_size else await _look_up(log, letter)
    if hashlib.sha256(original).hexdigest() != letter.original_sha256:
        raise _refused(ReplayRefusal.ALTERED, "its bytes are not those it was made of", "look at who writes to the topic")
    site = letter.site if letter.site is not None else _site_of(original)
    partition = letter.partition % log.partitions if site is None else partition_of(site, log.partitions)
    return Outgoing(letter.topic, partition, None if site is None else site.encode(), original, _headers(letter))


async def send(log: Log, letter: KeptLetter, record: Outgoing, now_ms: int) -> LetterReplayed:
    """Append `record`, made by `prepare`, and then the note; a crash between the two only makes it look not yet sent."""
    [offset] = await log.append([record])
    note = LetterReplayed(letter.id, record.topic, record.partition, offset, letter.replays + 1, now_ms)
    beside = int(letter.id.partition("-")[0])
    await log.append([Outgoing(topics.DEADLETTER, beside, letter.id.encode(), encode(note), NOTE_HEADERS)])
    return note


def _check_rules(letter: KeptLetter, rules: ReplayRules) -> None:
    if letter.topic not in topics.INPUTS:
        raise _refused(ReplayRefusal.NOT_AN_INPUT, f"it names topic {letter.topic[:100]!r}, which takes no input", "")
    if letter.replayed and not rules.again:
        raise _refused(ReplayRefusal.ALREADY_REPLAYED, f"it was replayed {letter.replayed} times", "ask for it with `again`")
    if letter.replays >= rules.max_replays:
        raise _refused(
            ReplayRefusal.TOO_MANY_REPLAYS,
            f"its original is replay number {letter.replays} already, and at most {rules.max_replays} are allowed",
            "mend what makes it fail, then allow more with `max_replays`",
        )


async def _look_up(log: Log, letter: KeptLetter) -> bytes:
    """The whole original of a letter that has only its head, from the topic it came from."""
    known = letter.index is None and 0 <= letter.partition < log.partitions
    found = await log.read(letter.topic, letter.partition, letter.offset, max_records=1, max_bytes=_MAX_BYTES) if known else ()
    if not found or found[0].offset != letter.offset:
        kept, size = len(letter.original), letter.original_size
        raise _refused(
            ReplayRefusal.NOT_KEPT,
            f"only {kept} of its {size} bytes are kept, and {coordinates(letter)} is no longer on the log",
            "send it again from its source",
        )
    return found[0].value or b""


def _headers(letter: KeptLetter) -> tuple[tuple[str, bytes], ...]:
    theirs = [(name, value) for name, value in letter.headers if name not in (REPLAY_OF, REPLAY_COUNT)]
    if letter.index is not None:  # the reading alone, as JSON, whatever it was packed in
        theirs = [*header(ContentType.READING), *(each for each in theirs if each[0] != HEADER)]
    ours = [(REPLAY_OF, coordinates(letter).encode()), (REPLAY_COUNT, str(letter.replays + 1).encode())]
    return (*theirs, *ours)


class _Sited(msgspec.Struct):
    site: str


def _site_of(original: bytes) -> str | None:
    """The site that a message names, if it is JSON or MessagePack that does."""
    for decode in (msgspec.json.decode, msgspec.msgpack.decode):
        with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return decode(original.removeprefix(b"\xef\xbb\xbf"), type=_Sited).site
    return None


def _refused(refusal: ReplayRefusal, what: str, advice: str) -> ReplayRefusedError:
    return ReplayRefusedError(f"the letter is not sent again: {what}", refusal, advice=advice)
