"""Packed batches: the same readings as in JSON, the same reasons when they are wrong, and nothing believed unchecked."""

import json
import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from tidegate.contracts import topics
from tidegate.contracts.content import ContentType, header
from tidegate.contracts.deadletter import DeadLetterReason
from tidegate.contracts.ids import MAX_INTEGER
from tidegate.contracts.packed import MAX_PACKED_METRICS
from tidegate.contracts.packing import BEYOND_FLOAT32, to_packed
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.reading import MAX_BATCH_READINGS, Reading, ReadingBatch
from tidegate.pipeline.decode import Telemetry, decode_telemetry
from tidegate.ports import Record

ROWS = 4


def packed(**changes: Any) -> dict[str, Any]:
    """A sound message of four rows as a producer's dictionary."""
    return {
        "site": "s",
        "profile": "p",
        "metrics": ["heat", "load"],
        "devices": ["a", "b"],
        "device_index": np.array([0, 1, 0, 1], "<u4").tobytes(),
        "event_time_ms": np.arange(1, ROWS + 1, dtype="<i8").tobytes(),
        "values": np.array([[1, 2], [3, np.nan], [5, 6], [7, 8]], "<f4").tobytes(),
    } | changes


def record(value: object, *, partition: int = 0, declared: str = ContentType.PACKED) -> Record:
    raw = value if isinstance(value, bytes) else msgspec.msgpack.encode(value)
    return Record(topics.TELEMETRY, partition, 7, b"s", raw, (("content-type", declared.encode()),), 1_000)


def decoded(value: object) -> Telemetry:
    return decode_telemetry([record(value)], 1)


def test_rows_become_readings_in_order_and_nan_is_missing() -> None:
    telemetry = decoded(packed(sequence=np.array([7, -1, 8, -1], "<i8").tobytes()))
    assert telemetry.readings[:2] == [
        Reading("s", "a", "p", 1, {"heat": 1.0, "load": 2.0}, sequence=7),
        Reading("s", "b", "p", 2, {"heat": 3.0, "load": None}),
    ]
    assert [telemetry.origin(row)[1] for row in range(ROWS)] == [0, 1, 2, 3]
    assert telemetry.letters == []


def test_gateway_and_epoch_come_along_where_a_row_has_them() -> None:
    gateways = {"gateways": ["g"], "gateway_index": np.array([0, -1, 0, -1], "<i4").tobytes()}
    readings = decoded(packed(**gateways, epoch=np.array([3, -1, 4, -1], "<i8").tobytes())).readings
    assert [(reading.gateway, reading.epoch) for reading in readings] == [("g", 3), (None, None), ("g", 4), (None, None)]


def test_without_an_index_each_row_names_its_device() -> None:
    message = packed(devices=["a", "b", "c", "d"])
    del message["device_index"]
    assert [reading.device for reading in decoded(message).readings] == ["a", "b", "c", "d"]


def test_the_type_of_the_content_is_read_without_regard_to_case_and_parameters() -> None:
    odd = "Application/vnd.tidegate.PACKED+msgpack; v=1"
    assert len(decode_telemetry([record(packed(), declared=odd)], 1).readings) == ROWS


def test_an_infinite_value_is_kept_beyond_what_is_believed_and_can_be_said_in_json() -> None:
    values = np.array([[np.inf, -np.inf]] * ROWS, "<f4").tobytes()
    assert decoded(packed(values=values)).readings[0].metrics == {"heat": BEYOND_FLOAT32, "load": -BEYOND_FLOAT32}


def test_a_signalling_nan_is_missing_too() -> None:
    values = struct.pack("<8I", *([0x7FA00000] * 8))
    assert decoded(packed(values=values)).readings[0].metrics == {"heat": None, "load": None}


def without(name: str) -> dict[str, Any]:
    return {field: value for field, value in packed().items() if field != name}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", DeadLetterReason.NOT_JSON),
        (b"{}", DeadLetterReason.SCHEMA_MISMATCH),  # a small whole number in MessagePack
        (b"\xc1", DeadLetterReason.NOT_JSON),
        (msgspec.msgpack.encode(packed())[:-1], DeadLetterReason.NOT_JSON),
        (b"\x91" * 100_000, DeadLetterReason.SCHEMA_MISMATCH),
        (b"\x81\xa1x" + b"\x91" * 100_000, DeadLetterReason.NOT_JSON),
        ([], DeadLetterReason.SCHEMA_MISMATCH),
        ({}, DeadLetterReason.SCHEMA_MISMATCH),
        (without("values"), DeadLetterReason.SCHEMA_MISMATCH),
        (without("device_index"), DeadLetterReason.SCHEMA_MISMATCH),
        (packed(values="text"), DeadLetterReason.SCHEMA_MISMATCH),
        (packed(values=bytes(31)), DeadLetterReason.SCHEMA_MISMATCH),
        (packed(values=bytes(36)), DeadLetterReason.SCHEMA_MISMATCH),
        (packed(event_time_ms=bytes(31)), DeadLetterReason.SCHEMA_MISMATCH),
        (packed(sequence=bytes(8)), DeadLetterReason.SCHEMA_MISMATCH),
        (packed(epoch=b""), DeadLetterReason.SCHEMA_MISMATCH),
        (packed(gateways=["g"]), DeadLetterReason.SCHEMA_MISMATCH),
        (packed(metrics=["heat", "heat"]), DeadLetterReason.SCHEMA_MISMATCH),
        (packed(metrics=["heat", 1]), DeadLetterReason.SCHEMA_MISMATCH),
        (packed(metrics=[str(n) for n in range(MAX_PACKED_METRICS + 1)]), DeadLetterReason.SCHEMA_MISMATCH),
        (packed(devices=["d"] * (MAX_BATCH_READINGS + 1)), DeadLetterReason.SCHEMA_MISMATCH),
        (packed(site="x" * 129), DeadLetterReason.SCHEMA_MISMATCH),
        (packed(site="a\nb"), DeadLetterReason.BAD_IDENTIFIER),
        (packed(schema_version=2), DeadLetterReason.UNKNOWN_SCHEMA_VERSION),
        (packed(event_time_ms=b"", values=b"", device_index=b""), DeadLetterReason.BATCH_EMPTY),
    ],
)
def test_a_message_that_is_no_packed_batch_becomes_a_dead_letter_with_its_reason(value: object, reason: DeadLetterReason) -> None:
    telemetry = decoded(value)
    assert telemetry.readings == []
    (letter,) = telemetry.letters
    assert letter.reason is reason
    assert letter.original == record(value).value
    assert "MessagePack" in letter.message or reason is not DeadLetterReason.NOT_JSON


def test_one_row_too_many_is_refused_with_the_number_of_readings_it_accounts_for() -> None:
    rows = MAX_BATCH_READINGS + 1
    message = packed(event_time_ms=bytes(8 * rows), values=bytes(8 * rows), device_index=bytes(4 * rows))
    (letter,) = decoded(message).letters
    assert (letter.reason, letter.readings) == (DeadLetterReason.BATCH_TOO_LARGE, rows)


def test_json_under_the_packed_type_and_the_other_way_round_are_refused() -> None:
    as_json = decode_telemetry([record(packed(), declared=ContentType.BATCH), record(packed(), declared="")], 1)
    assert [letter.reason for letter in as_json.letters] == [DeadLetterReason.NOT_JSON] * 2
    (letter,) = decoded(b'{"site":"s","readings":[]}').letters
    assert letter.reason is DeadLetterReason.SCHEMA_MISMATCH


def test_a_packed_batch_on_a_partition_that_is_not_its_sites_accounts_for_each_row() -> None:
    wrong = (partition_of("s", 8) + 1) % 8
    (letter,) = decode_telemetry([record(packed(), partition=wrong)], 8).letters
    assert (letter.reason, letter.readings) == (DeadLetterReason.WRONG_PARTITION, ROWS)


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"device_index": np.array([0, 2, 0, 1], "<u4").tobytes()}, "device"),
        ({"device_index": np.array([0, 2**32 - 1, 0, 1], "<u4").tobytes()}, "device"),
        ({"event_time_ms": np.array([1, 2**62, 3, 4], "<i8").tobytes()}, "event_time_ms"),
        ({"event_time_ms": np.array([1, -(2**63), 3, 4], "<i8").tobytes()}, "event_time_ms"),
        ({"sequence": np.array([1, -2, 3, 4], "<i8").tobytes()}, "sequence"),
        ({"epoch": np.array([1, MAX_INTEGER + 1, 3, 4], "<i8").tobytes()}, "epoch"),
        ({"gateways": ["g"], "gateway_index": np.array([0, 1, 0, -1], "<i4").tobytes()}, "gateway"),
        ({"gateways": ["g", ""], "gateway_index": np.array([0, 1, 0, 0], "<i4").tobytes()}, "gateway"),
    ],
)
def test_one_bad_row_does_not_cost_its_batch(changes: dict[str, Any], column: str) -> None:
    telemetry = decoded(packed(**changes))
    assert [telemetry.origin(place)[1] for place in range(3)] == [0, 2, 3]
    (letter,) = telemetry.letters
    assert (letter.index, letter.reason, letter.readings) == (1, DeadLetterReason.SCHEMA_MISMATCH, 1)
    assert letter.message.startswith(f"{column} of row 1 is ")


@pytest.mark.parametrize("name", ["", "x" * 129, 5, None, ["b"], b"b"])
def test_a_malformed_name_costs_its_own_rows_only(name: object) -> None:
    telemetry = decoded(packed(devices=["a", name]))
    assert [reading.device for reading in telemetry.readings] == ["a", "a"]
    assert [letter.index for letter in telemetry.letters] == [1, 3]


def test_a_name_that_is_no_utf8_costs_its_own_rows_only() -> None:
    raw = msgspec.msgpack.encode(packed()).replace(b"\xa1b", b"\xa1\xff")
    assert [reading.device for reading in decoded(raw).readings] == ["a", "a"]


def test_the_letter_of_a_row_shows_it_as_json_and_is_refused_again_when_sent() -> None:
    (letter,) = decoded(packed(event_time_ms=np.array([1, 2**62, 3, 4], "<i8").tobytes())).letters
    assert json.loads(letter.original)["event_time_ms"] == 2**62
    (again,) = decode_telemetry([record(letter.original, declared=ContentType.READING)], 1).letters
    assert again.reason is letter.reason


def _huge(field: str, head: bytes) -> bytes:
    """A message whose last field claims far more than it brings."""
    return b"\x81" + msgspec.msgpack.encode(field) + head


@pytest.mark.parametrize(
    "raw",
    [
        _huge("devices", b"\xdd\x7f\xff\xff\xff"),
        _huge("metrics", b"\xdd\x7f\xff\xff\xff"),
        _huge("values", b"\xc6\x7f\xff\xff\xff"),
        _huge("site", b"\xdb\x7f\xff\xff\xff"),
        _huge("unknown", b"\xdd\x7f\xff\xff\xff"),
        _huge("unknown", b"\xdf\x7f\xff\xff\xff"),
        b"\xdf\x7f\xff\xff\xff",
    ],
)
def test_what_a_header_claims_is_not_allocated(raw: bytes) -> None:
    decoded(raw)  # whatever is imported or compiled once
    tracemalloc.start()
    telemetry = decoded(raw)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(telemetry.letters) == 1
    assert peak < 100_000


def _same(readings: list[Reading]) -> list[Reading]:
    """What a reader of the packed form of `readings` gets, profile after profile."""
    records = [record(raw) for raw in to_packed(ReadingBatch("s", readings))]
    return decode_telemetry(records, 1).readings


@pytest.mark.parametrize("mix", [lambda n: "p", lambda n: f"p{n % 2}"])
def test_readings_of_several_profiles_become_a_message_each(mix: Callable[[int], str]) -> None:
    readings = [Reading("s", f"d{n % 3}{mix(n)}", mix(n), n, {"heat": float(n)}, "g" if n % 4 else None) for n in range(12)]
    assert _same(readings) == sorted(readings, key=lambda reading: reading.profile)


def test_a_packed_record_carries_the_header_that_decoding_asks_for() -> None:
    assert header(ContentType.PACKED) == (("content-type", b"application/vnd.tidegate.packed+msgpack"),)
