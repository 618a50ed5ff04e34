"""Dead letters in plain words, safe to print: their bytes came from anybody."""

import contextlib
import json
from collections.abc import Iterator

from tidegate.cli.times import shown_time
from tidegate.cli.wording import counted, printable
from tidegate.contracts.letter_advice import ADVICE
from tidegate.contracts.letters import KeptLetter, coordinates
from tidegate.contracts.rest import ReplayVerdict

_HEX_BYTES = 512
"""Bytes shown of an original that is no text: enough to tell what it is."""


def letter_line(letter: KeptLetter) -> str:
    """A letter in one line: id, time, reason, whose, where from, and whether it was replayed."""
    whose = "/".join(part for part in (letter.site, letter.device) if part) or "?"
    again = f"  replayed {letter.replayed}×" if letter.replayed else ""
    looped = f"  of replay {letter.replays}" if letter.replays else ""
    time = shown_time(letter.received_at_ms)
    return printable(f"{letter.id:>10}  {time}  {letter.reason:<20}  {whose}  {coordinates(letter)}{looped}{again}")


def letter_page(letter: KeptLetter) -> Iterator[str]:
    """Everything about a letter, line by line."""
    meaning, advice = ADVICE[letter.reason]
    yield f"letter      {letter.id}"
    yield f"reason      {letter.reason}: {printable(letter.message)}"
    yield f"meaning     {meaning}"
    yield f"what to do  {advice}"
    yield f"came from   {printable(coordinates(letter))} at {shown_time(letter.received_at_ms)}"
    yield f"site        {printable(letter.site or 'not known')}"
    yield f"device      {printable(letter.device or 'not known')}"
    yield f"replayed    {_replayed(letter)}"
    if letter.replays:
        yield f"replay      it is replay {letter.replays} of {printable(letter.replay_of or 'we do not know what')}"
    for name, value in letter.headers:
        yield f"header      {printable(name)}: {printable(value.decode('utf-8', 'backslashreplace'))}"
    yield f"original    {_size(letter)}, sha256 {letter.original_sha256}"
    yield from _original(letter.original)


def verdict_line(verdict: ReplayVerdict) -> str:
    """What became of one replay, in one line."""
    if verdict.refusal is not None:
        return printable(f"{verdict.letter:>10}  skipped  {verdict.refusal}: {verdict.detail}")
    place = f"{verdict.topic}/{verdict.partition}" + ("" if verdict.offset is None else f"/{verdict.offset}")
    return printable(f"{verdict.letter:>10}  {verdict.detail}  {place}")


def _replayed(letter: KeptLetter) -> str:
    if not letter.replayed:
        return "not yet"
    last = "" if letter.replayed_at_ms is None else f", last at {shown_time(letter.replayed_at_ms)}"
    return f"{counted(letter.replayed, 'time')}{last}"


def _size(letter: KeptLetter) -> str:
    head = len(letter.original) < letter.original_size
    return counted(letter.original_size, "byte") + (f", of which the first {len(letter.original):,} are kept" if head else "")


def _original(raw: bytes) -> Iterator[str]:
    """The bytes: JSON laid out, other text as it is, anything else in hexadecimal."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        shown = raw[:_HEX_BYTES]
        yield from (shown[start : start + 32].hex(" ") for start in range(0, len(shown), 32))
        if len(raw) > _HEX_BYTES:
            yield f"… and {counted(len(raw) - _HEX_BYTES, 'byte')} more; --json has all"
        return
    with contextlib.suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    yield from map(printable, text.splitlines())
