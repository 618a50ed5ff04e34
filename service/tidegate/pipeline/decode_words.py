"""Records to commands and acks: one JSON message each, about one site. What cannot be used becomes a dead letter.

Pure: a replay decodes the same records to the same values. What needs the state to be judged is the core's to refuse.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from tidegate.contracts.ack import Ack, check_ack
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command, check_command
from tidegate.contracts.deadletter import DeadLetter, DeadLetterReason
from tidegate.contracts.partitioner import partition_of
from tidegate.core.detection.results import Rejection
from tidegate.errors import TidegateError
from tidegate.pipeline.deadletters import dead_letter
from tidegate.ports import Record

T = TypeVar("T", Command, Ack)

MAX_ACK_BYTES: Final = 64 * 1024
"""Bytes of one ack; ten times what its bounded fields can need, and larger is refused unread."""


@dataclass(frozen=True, slots=True)
class Words(Generic[T]):
    """Decoded messages with the records they came from, in order; `letters` are the records that never became any."""

    messages: list[T] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)

    def reject(self, rejection: Rejection) -> DeadLetter:
        """The dead letter of a decoded message that the core refused."""
        return _letter(self.records[rejection.index], rejection.reason, rejection.message)


@dataclass(frozen=True, slots=True)
class _Rule(Generic[T]):
    """How records become messages of `kind`, and the reason of those that break its own rules."""

    kind: type[T]
    check: Callable[[T], None]
    invalid: DeadLetterReason
    max_bytes: float


_COMMANDS: Final = _Rule(Command, check_command, DeadLetterReason.COMMAND_INVALID, math.inf)
_ACKS: Final = _Rule(Ack, check_ack, DeadLetterReason.ACK_INVALID, MAX_ACK_BYTES)


def decode_commands(records: Sequence[Record], partitions: int) -> Words[Command]:
    """Decode `records` of the commands topic."""
    return _decode(records, partitions, _COMMANDS)


def decode_acks(records: Sequence[Record], partitions: int) -> Words[Ack]:
    """Decode `records` of the acks topic."""
    return _decode(records, partitions, _ACKS)


def _decode(records: Sequence[Record], partitions: int, rule: _Rule[T]) -> Words[T]:
    words: Words[T] = Words()
    for record in records:
        message = _message(record, partitions, rule)
        if isinstance(message, DeadLetter):
            words.letters.append(message)
            continue
        words.messages.append(message)
        words.records.append(record)
    return words


def _message(record: Record, partitions: int, rule: _Rule[T]) -> T | DeadLetter:
    raw = record.value or b""
    if len(raw) > rule.max_bytes:
        return _letter(record, DeadLetterReason.MESSAGE_TOO_LARGE, f"{len(raw)} bytes, expected at most {rule.max_bytes}")
    try:
        message = decode(raw, rule.kind)
        rule.check(message)
    except TidegateError as error:
        return _letter(record, rule.invalid, error.message)
    home = partition_of(message.site, partitions)
    if record.partition != home:  # served here, the site would have two owners
        text = f"site {message.site!r} belongs to partition {home} of {partitions}, not {record.partition}"
        return _letter(record, DeadLetterReason.WRONG_PARTITION, text)
    return message


def _letter(record: Record, reason: DeadLetterReason, message: str) -> DeadLetter:
    """A dead letter that stands for no reading: commands and acks are not in the balance."""
    return dead_letter(record, reason, message, readings=0)
