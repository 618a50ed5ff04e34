"""Dead letters as people look for them and send them again: by place, by filter, with what became of their replay.

A replay is the original message on its original topic, with two headers that say whose replay it is and how often it was
replayed before; and a note (`LetterReplayed`) on the dead-letter topic, beside the letter.
"""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

from tidegate.contracts.content import HEADER
from tidegate.contracts.deadletter import DeadLetter, DeadLetterReason
from tidegate.contracts.version import SCHEMA_VERSION

REPLAY_OF: Final = "tidegate-replay-of"
"""Header of a replay: topic/partition/offset of the original, and /index for one reading of a batch."""

REPLAY_COUNT: Final = "tidegate-replay-count"
"""Header of a replay: 1 for the first, one more for the replay of a replay's dead letter."""

MAX_REPLAY_COUNT: Final = 1000
"""What a count is taken for that is larger, or no number: a header that somebody made up must not open the loop guard."""

NOTE_TYPE: Final = "application/vnd.tidegate.replay+json"
"""Content type of a note."""

NOTE_HEADERS: Final = ((HEADER, NOTE_TYPE.encode()),)
"""Headers of a note on the dead-letter topic; a record without them is a letter."""


@dataclass(frozen=True, slots=True)
class LetterReplayed:
    """The letter `letter` was sent again to `topic`, as its `replays`-th replay, and stands there at `partition` and `offset`."""

    letter: str
    topic: str
    partition: int
    offset: int
    replays: int
    replayed_at_ms: int
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLetter(DeadLetter):
    """A dead letter with its `id` (partition-offset on the dead-letter topic) and how often this very letter was replayed."""

    id: str
    replayed: int = 0
    replayed_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which letters are meant; null asks for nothing. `partition` and `topic` are the original's, times are when it came in.

    `since_ms` is included, `until_ms` is not.
    """

    reason: DeadLetterReason | None = None
    site: str | None = None
    device: str | None = None
    partition: int | None = None
    topic: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    replayed: bool | None = None

    def matches(self, letter: KeptLetter) -> bool:
        """Whether `letter` is meant."""
        wanted = {name: getattr(self, name) for name in ("reason", "site", "device", "partition", "topic")}
        return (
            all(value is None or getattr(letter, name) == value for name, value in wanted.items())
            and (self.since_ms is None or letter.received_at_ms >= self.since_ms)
            and (self.until_ms is None or letter.received_at_ms < self.until_ms)
            and (self.replayed is None or (letter.replayed > 0) == self.replayed)
        )


ALL_LETTERS: Final = LetterFilter()


class ReplayRefusal(StrEnum):
    """Why a letter is not sent again. A closed list: summaries count by it."""

    ALREADY_REPLAYED = "already-replayed"
    TOO_MANY_REPLAYS = "too-many-replays"
    NOT_KEPT = "not-kept"
    ALTERED = "altered"
    NOT_AN_INPUT = "not-an-input"


def letter_id(partition: int, offset: int) -> str:
    """The id of the letter at this place of the dead-letter topic."""
    return f"{partition}-{offset}"


def place_of(identifier: str) -> tuple[int, int] | None:
    """Partition and offset that the letter id `identifier` names; null when it is no such id."""
    partition, _, offset = identifier.partition("-")
    if not all(part.isascii() and part.isdecimal() and len(part) <= 15 for part in (partition, offset)):
        return None
    return int(partition), int(offset)


def kept(letter: DeadLetter, identifier: str) -> KeptLetter:
    """`letter` under its id, not replayed yet."""
    return KeptLetter(**{each.name: getattr(letter, each.name) for each in fields(DeadLetter)}, id=identifier)


def coordinates(letter: DeadLetter) -> str:
    """Where the original of `letter` came from: topic/partition/offset, and /index for a reading of a batch."""
    place = f"{letter.topic}/{letter.partition}/{letter.offset}"
    return place if letter.index is None else f"{place}/{letter.index}"
