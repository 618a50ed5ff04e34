"""Records to readings: good ones come through in order, bad ones become dead letters with their reason and their bytes."""

import json

import pytest

from tidegate.contracts import topics
from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.reading import MAX_BATCH_READINGS
from tidegate.pipeline.decode import MAX_MESSAGE_BYTES, decode_telemetry
from tidegate.pipeline.decode_words import decode_commands
from tidegate.ports import Record

READING = {"site": "s", "device": "d", "profile": "p", "event_time_ms": 1, "metrics": {"m": 1.0}}


def record(value: object, *, partition: int = 0, headers: tuple[tuple[str, bytes], ...] = ()) -> Record:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Record(topics.TELEMETRY, partition, 7, b"s", raw, headers, 1_000)


def test_single_readings_and_batches_come_through_in_order() -> None:
    batch = {"site": "s", "readings": [READING | {"device": "b1"}, READING | {"device": "b2"}]}
    telemetry = decode_telemetry([record(READING), record(batch), record(READING | {"device": "last"})], 1)
    assert [reading.device for reading in telemetry.readings] == ["d", "b1", "b2", "last"]
    assert [telemetry.origin(place)[1] for place in range(4)] == [None, 0, 1, None]
    assert telemetry.letters == []


def test_a_byte_order_mark_is_forgiven() -> None:
    assert len(decode_telemetry([record(b"\xef\xbb\xbf" + json.dumps(READING).encode())], 1).readings) == 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", DeadLetterReason.NOT_JSON),
        (b"\xff\xfe\x00", DeadLetterReason.NOT_JSON),
        (b"device=d;value=1", DeadLetterReason.NOT_JSON),
        (b"[" * 100_000, DeadLetterReason.SCHEMA_MISMATCH),
        (b'{"site":"s","device":"d","profile":"p","event_time_ms":1,"metrics":{"m":NaN}}', DeadLetterReason.NOT_JSON),
        ([], DeadLetterReason.SCHEMA_MISMATCH),
        ({}, DeadLetterReason.SCHEMA_MISMATCH),
        (READING | {"metrics": {"m": "1.0"}}, DeadLetterReason.SCHEMA_MISMATCH),
        (READING | {"event_time_ms": "now"}, DeadLetterReason.SCHEMA_MISMATCH),
        (READING | {"event_time_ms": 10**40}, DeadLetterReason.SCHEMA_MISMATCH),
        (READING | {"device": "x" * 10_000}, DeadLetterReason.SCHEMA_MISMATCH),
        (READING | {"site": "a\nb"}, DeadLetterReason.BAD_IDENTIFIER),
        (READING | {"schema_version": 2}, DeadLetterReason.UNKNOWN_SCHEMA_VERSION),
        ({"site": "s", "readings": []}, DeadLetterReason.BATCH_EMPTY),
        ({"site": "s", "readings": [READING, READING | {"site": "other"}]}, DeadLetterReason.MIXED_SITES),
        ({"site": "s", "readings": [READING] * (MAX_BATCH_READINGS + 1)}, DeadLetterReason.BATCH_TOO_LARGE),
        (b" " * (MAX_MESSAGE_BYTES + 1), DeadLetterReason.MESSAGE_TOO_LARGE),
    ],
)
def test_a_message_that_is_no_reading_becomes_a_dead_letter_with_its_reason(value: object, reason: DeadLetterReason) -> None:
    telemetry = decode_telemetry([record(value)], 1)
    assert telemetry.readings == []
    (letter,) = telemetry.letters
    assert letter.reason is reason
    assert (letter.topic, letter.offset, letter.original_size) == (topics.TELEMETRY, 7, len(record(value).value or b""))
    assert len(letter.message) <= 500


def test_a_refused_batch_accounts_for_each_of_its_readings() -> None:
    (letter,) = decode_telemetry([record({"site": "s", "readings": [READING, READING | {"site": "t"}]})], 1).letters
    assert letter.readings == 2


def test_one_malformed_reading_does_not_cost_its_batch() -> None:
    batch = {"site": "s", "readings": [READING, READING | {"metrics": "none"}, READING | {"device": "x" * 129}, READING]}
    telemetry = decode_telemetry([record(batch)], 1)
    assert [telemetry.origin(place)[1] for place in range(2)] == [0, 3]
    assert [(letter.index, letter.reason, letter.readings) for letter in telemetry.letters] == [
        (1, DeadLetterReason.SCHEMA_MISMATCH, 1),
        (2, DeadLetterReason.SCHEMA_MISMATCH, 1),
    ]
    assert json.loads(telemetry.letters[0].original)["metrics"] == "none"


def test_a_reading_on_a_partition_that_is_not_its_sites_is_not_served_twice() -> None:
    home = partition_of("s", 8)
    telemetry = decode_telemetry([record(READING, partition=home), record(READING, partition=(home + 1) % 8)], 8)
    assert len(telemetry.readings) == 1
    assert telemetry.letters[0].reason is DeadLetterReason.WRONG_PARTITION


def test_the_content_type_decides_before_the_bytes_do() -> None:
    odd = READING | {"metrics": {"readings": 1.0}}
    as_reading = ("content-type", b"application/vnd.tidegate.reading+json")
    assert len(decode_telemetry([record(odd, headers=(as_reading,))], 1).readings) == 1


def test_a_command_that_breaks_its_own_rules_becomes_a_dead_letter() -> None:
    good = {"id": "c1", "site": "s", "kind": "freeze"}
    bad = [{"id": "c2", "site": "s", "kind": "drain"}, {"id": "c3", "site": "s", "kind": "explode"}, b"{"]
    commands = decode_commands([record(value) for value in [good, *bad]], 1)
    assert [command.id for command in commands.messages] == ["c1"]
    assert [letter.reason for letter in commands.letters] == [DeadLetterReason.COMMAND_INVALID] * 3
