"""Dead letters as the log has them, whole: one by its id, or all that are meant. Changes nothing."""

from collections.abc import AsyncIterator
from dataclasses import replace
from heapq import heappush, heapreplace
from typing import Final

from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.deadletter import DeadLetter
from tidegate.contracts.letters import NOTE_HEADERS, KeptLetter, LetterFilter, LetterReplayed, kept, letter_id, place_of
from tidegate.ports import Log, Record

_PAGE_RECORDS: Final = 200
_PAGE_BYTES: Final = 8 * 1024 * 1024
_HEAD_BYTES: Final = 4096
"""Bytes of each original that a list keeps; a replay reads the letter again."""

_Ranked = tuple[int, str, KeptLetter]


def is_note(record: Record) -> bool:
    """Whether a record of the dead-letter topic says that a letter was replayed; otherwise it is a letter."""
    return record.headers == NOTE_HEADERS


def letter_of(record: Record) -> KeptLetter:
    """The letter in a record of the dead-letter topic.

    Raises:
        InputError: it holds none.
    """
    return kept(decode(record.value or b"", DeadLetter), letter_id(record.partition, record.offset))


async def read_letter(log: Log, identifier: str) -> KeptLetter | None:
    """The letter `identifier`, its original as kept; null when there is none, or the log no longer has it."""
    place = place_of(identifier)
    if place is None or place[0] >= log.partitions:
        return None
    partition, offset = place
    found = await log.read(topics.DEADLETTER, partition, offset, max_records=1, max_bytes=_PAGE_BYTES)
    if not found or found[0].offset != offset or is_note(found[0]):
        return None
    return letter_of(found[0])


async def find_letters(log: Log, wanted: LetterFilter, limit: int) -> list[KeptLetter]:
    """The newest `limit` letters that are meant, newest first, with their replays counted and only the head of the original."""
    notes: dict[str, list[LetterReplayed]] = {}
    letters: list[_Ranked] = []
    unreplayed = replace(wanted, replayed=None)
    # Whether a letter was replayed is only known at the end, for the note stands behind it.
    room = limit if wanted.replayed is None else None
    async for record in _records(log):
        if is_note(record):
            note = decode(record.value or b"", LetterReplayed)
            notes.setdefault(note.letter, []).append(note)
            continue
        letter = letter_of(record)
        if unreplayed.matches(letter):
            _keep(letters, replace(letter, original=letter.original[:_HEAD_BYTES]), room)
    noted = [_with(letter, notes.get(letter.id, [])) for *_, letter in sorted(letters, reverse=True)]
    return [letter for letter in noted if wanted.matches(letter)][:limit]


async def replays_of(log: Log, letter: KeptLetter) -> int:
    """How many notes beside `letter` say that it was replayed."""
    partition, offset = place_of(letter.id) or (0, 0)
    notes = [record async for record in _partition(log, partition, offset) if is_note(record)]
    return sum(decode(note.value or b"", LetterReplayed).letter == letter.id for note in notes)


def _keep(letters: list[_Ranked], letter: KeptLetter, room: int | None) -> None:
    ranked = (letter.received_at_ms, letter.id, letter)
    if room is None or len(letters) < room:
        heappush(letters, ranked)
    elif letters[0][:2] < ranked[:2]:
        heapreplace(letters, ranked)


def _with(letter: KeptLetter, notes: list[LetterReplayed]) -> KeptLetter:
    last = max((note.replayed_at_ms for note in notes), default=None)
    return replace(letter, replayed=len(notes), replayed_at_ms=last)


async def _records(log: Log) -> AsyncIterator[Record]:
    for partition in range(log.partitions):
        async for record in _partition(log, partition, await log.start_offset(topics.DEADLETTER, partition)):
            yield record


async def _partition(log: Log, partition: int, offset: int) -> AsyncIterator[Record]:
    while page := await log.read(topics.DEADLETTER, partition, offset, max_records=_PAGE_RECORDS, max_bytes=_PAGE_BYTES):
        for record in page:
            yield record
        offset = page[-1].offset + 1
