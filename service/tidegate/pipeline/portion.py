"""What one batch takes of its input, and that decoded. Usually all of it; while poison is looked for, a part. Pure.

A live step and a replay of it come through here with the same portion, hence to the same readings and commands.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tidegate.contracts import topics
from tidegate.contracts.ack import Ack
from tidegate.contracts.codec import encode
from tidegate.contracts.command import Command
from tidegate.contracts.deadletter import DeadLetter, DeadLetterReason
from tidegate.contracts.journal import Excluded, JournalRecord, OffsetRange, Part
from tidegate.core.partition import Batch
from tidegate.pipeline.deadletters import dead_letter
from tidegate.pipeline.decode import Telemetry, decode_telemetry
from tidegate.pipeline.decode_words import Words, decode_acks, decode_commands
from tidegate.ports import Record

Inputs = Mapping[str, Sequence[Record]]
"""Records of one batch by input topic, in offset order."""


@dataclass(frozen=True, slots=True)
class Portion:
    """`inputs` narrowed to `part` and without what is `excluded` as poison."""

    inputs: Inputs = field(default_factory=dict)
    part: Part | None = None
    excluded: tuple[Excluded, ...] = ()

    def finished(self) -> list[OffsetRange]:
        """The records of which nothing is left to take after this."""
        return [
            OffsetRange(topic, records[0].offset, records[-1].offset + 1)
            for topic, records in self.inputs.items()
            if records and not (topic == topics.TELEMETRY and self.part and self.part.stop is not None)
        ]

    def taken_after(self, taken: int) -> int:
        """Readings already taken of the record at the telemetry position; `taken` of them were before."""
        if self.part is not None:
            return self.part.stop or 0
        return 0 if self.inputs.get(topics.TELEMETRY) else taken


@dataclass(frozen=True, slots=True)
class Decoded:
    """A portion as the core takes it. `letters` are the inputs that never became a reading or a command, poison included.

    `undecodable` is how many readings those of telemetry account for.
    """

    telemetry: Telemetry
    commands: Words[Command]
    acks: Words[Ack]
    letters: list[DeadLetter]
    undecodable: int

    def batch(self, tick_ms: int) -> Batch:
        """The core's batch at `tick_ms`."""
        return Batch(tick_ms, self.telemetry.readings, self.commands.messages, self.acks.messages, self.undecodable)


def decode_portion(portion: Portion, partitions: int) -> Decoded:
    """Decode what `portion` takes. A record that is excluded whole is not even looked into."""
    whole = {(each.topic, each.offset): each.why for each in portion.excluded if each.index is None}
    left = {
        topic: [record for record in records if (topic, record.offset) not in whole] for topic, records in portion.inputs.items()
    }
    telemetry = decode_telemetry(left.get(topics.TELEMETRY, ()), partitions)
    commands = decode_commands(left.get(topics.COMMANDS, ()), partitions)
    acks = decode_acks(left.get(topics.ACKS, ()), partitions)
    poison = _records_as_letters(portion, whole)
    if portion.part is not None:
        telemetry = _within(telemetry, portion.part)
    if len(whole) < len(portion.excluded):
        telemetry, more = _without(telemetry, portion)
        poison += more
    undecodable = sum(letter.readings for letter in (*telemetry.letters, *poison) if letter.topic == topics.TELEMETRY)
    letters = [*telemetry.letters, *commands.letters, *acks.letters, *poison]
    return Decoded(telemetry, commands, acks, letters, undecodable)


def journaled_ranges(record: JournalRecord) -> list[OffsetRange]:
    """Where the records of a journaled batch are, the one included of which only a part was taken."""
    part = record.part
    if part is None or part.stop is None:
        return record.inputs
    return [*record.inputs, OffsetRange(topics.TELEMETRY, part.offset, part.offset + 1)]


def count_readings(record: Record, partitions: int) -> int:
    """How many parts the telemetry `record` can be taken in: 1 for a reading, and for what cannot be decoded."""
    try:
        telemetry = decode_telemetry([record], partitions)
    except Exception:  # what raises here is looked for as a whole record
        return 1
    places = [telemetry.origin(place)[1] for place in range(len(telemetry.readings))]
    places += [letter.index for letter in telemetry.letters]
    return 1 + max((place for place in places if place is not None), default=0)


def _within(telemetry: Telemetry, part: Part) -> Telemetry:
    stop = float("inf") if part.stop is None else part.stop
    return _select(telemetry, lambda offset, index: offset != part.offset or part.start <= (index or 0) < stop)


def _without(telemetry: Telemetry, portion: Portion) -> tuple[Telemetry, list[DeadLetter]]:
    excluded = {(each.offset, each.index): each.why for each in portion.excluded if each.topic == topics.TELEMETRY}
    letters = []
    for place, reading in enumerate(telemetry.readings):
        record, index = telemetry.origin(place)
        why = excluded.get((record.offset, index))
        if why is not None:
            original = encode(reading)
            letters.append(dead_letter(record, DeadLetterReason.POISON, why, index=index, original=original, reading=reading))
    return _select(telemetry, lambda offset, index: (offset, index) not in excluded), letters


def _select(telemetry: Telemetry, keep: Callable[[int, int | None], bool]) -> Telemetry:
    """The readings and letters of which `keep` accepts record offset and index."""
    chosen = Telemetry(letters=[letter for letter in telemetry.letters if keep(letter.offset, letter.index)])
    for place, reading in enumerate(telemetry.readings):
        record, index = telemetry.origin(place)
        if keep(record.offset, index):
            chosen.add(record, (reading,), index)
    return chosen


def _records_as_letters(portion: Portion, whole: Mapping[tuple[str, int], str]) -> list[DeadLetter]:
    return [
        dead_letter(record, DeadLetterReason.POISON, whole[topic, record.offset], readings=int(topic == topics.TELEMETRY))
        for topic, records in portion.inputs.items()
        for record in records
        if (topic, record.offset) in whole
    ]
