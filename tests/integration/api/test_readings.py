"""Telemetry through the door: what is taken goes on the log as it came, what is not says which field is wrong."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest

from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.content import ContentType, declared_in
from tidegate.contracts.packing import to_packed
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.reading import MAX_BATCH_READINGS, Reading, ReadingBatch
from tidegate.errors import DependencyError, LogFullError

JSON = {"content-type": "application/json"}
PACKED = {"content-type": ContentType.PACKED.value}


def reading(**changes: Any) -> dict[str, Any]:
    return {"site": "plant", "device": "d1", "profile": "p", "event_time_ms": 1, "metrics": {"a": 1.5}} | changes


async def post(house: Any, body: Any, **headers: str) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await house.client.post("/v1/readings", content=raw, headers=JSON | headers)


def assert_problem(response: Any, status: int, pointer: str | None = None) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["detail"]
    if pointer is not None:
        assert [each["pointer"] for each in problem["errors"]] == [pointer]
    return dict(problem)


@pytest.mark.parametrize(
    "body", [{"site": "plant", "readings": [reading(), reading(device="d2")]}, [reading(), reading(device="d2")], reading()]
)
async def test_a_batch_a_list_and_a_single_reading_become_one_batch_record_in_the_sites_partition(house: Any, body: Any) -> None:
    response = await post(house, body)
    assert response.status_code == 202
    receipt = response.json()
    [record] = await house.records(topics.TELEMETRY)
    batch = decode(record.value, ReadingBatch)
    assert receipt == {"accepted": len(batch.readings), "site": "plant", "partition": record.partition, "offset": record.offset}
    assert record.partition == partition_of("plant", house.log.partitions)
    assert record.key == b"plant"
    assert dict(record.headers)["content-type"].endswith(b"batch+json")
    assert {each.site for each in batch.readings} == {"plant"}


async def test_the_bytes_of_a_batch_are_not_changed(house: Any) -> None:
    raw = b'{ "site": "plant", "note": "kept", "readings": [ %s ] }' % json.dumps(reading()).encode()
    assert (await post(house, raw)).status_code == 202
    [record] = await house.records(topics.TELEMETRY)
    assert record.value == raw


async def test_a_byte_order_mark_is_forgiven_and_not_passed_on(house: Any) -> None:
    assert (await post(house, b"\xef\xbb\xbf" + json.dumps(reading()).encode())).status_code == 202
    [record] = await house.records(topics.TELEMETRY)
    assert b"\xef\xbb\xbf" not in record.value


async def test_a_charset_beside_the_content_type_is_fine(house: Any) -> None:
    assert (await post(house, reading(), **{"content-type": "Application/JSON; charset=utf-8"})).status_code == 202


async def test_missing_metrics_are_a_null_or_absent_and_are_taken(house: Any) -> None:
    assert (await post(house, reading(metrics={"a": None}))).status_code == 202
    assert (await post(house, reading(metrics={}))).status_code == 202


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([reading(), reading(metrics={"a": "1.5"})], "#/1/metrics"),
        ({"site": "plant", "readings": [reading(), reading(event_time_ms="1")]}, "#/readings/1/event_time_ms"),
        ({"site": "plant", "readings": [reading(device="")]}, "#/readings/0/device"),
        (reading(device="x" * 10_000), "#/device"),
        (reading(event_time_ms=1.5), "#/event_time_ms"),
        (reading(event_time_ms=10**30), "#/event_time_ms"),
        (reading(metrics={"a": True}), "#/metrics"),
        (reading(metrics=None), "#/metrics"),
        ([reading(), reading(site="mill")], "#/1/site"),
        ({"site": "mill", "readings": [reading()]}, "#/readings/0/site"),
        ([reading(schema_version=1), reading(schema_version=9)], "#/1/schema_version"),
    ],
)
async def test_a_wrong_field_refuses_the_request_and_is_named(house: Any, body: Any, pointer: str) -> None:
    assert_problem(await post(house, body), 422, pointer)
    assert await house.records(topics.TELEMETRY) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"   ",
        b"null",
        b"7",
        b'"text"',
        b"[]",
        b'{"site":"plant","readings":[]}',
        b'{"site":"plant"}',
        b"{not json",
        b'{"site":"pl\xff"}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"site":"plant","junk":%s,"readings":[]}' % (b"[" * 50_000 + b"]" * 50_000),
        b'[{"site":"plant","device":"d","profile":"p","event_time_ms":1,"metrics":{"a":NaN}}]',
        b'[{"site":"plant","device":"d","profile":"p","event_time_ms":1,"metrics":{"a":Infinity}}]',
        b'[{"site":"plant","device":"d","profile":"p","event_time_ms":1,"metrics":{"a":1e999}}]',
        b'[{"site":"plant","device":"d","profile":"p","event_time_ms":%s,"metrics":{}}]' % (b"9" * 5000),
        b'[{"site":"\\ud800","device":"d","profile":"p","event_time_ms":1,"metrics":{}}]',
        b'[{"site":" plant","device":"d","profile":"p","event_time_ms":1,"metrics":{}}]',
        b'[{"site":"pl\\u0000ant","device":"d","profile":"p","event_time_ms":1,"metrics":{}}]',
    ],
    ids=lambda raw: repr(raw[:60]),
)
async def test_what_is_no_reading_is_a_problem_and_never_on_the_log(house: Any, raw: bytes) -> None:
    assert_problem(await post(house, raw), 422)
    assert await house.records(topics.TELEMETRY) == []


async def test_an_unknown_schema_version_is_refused_with_its_own_code(house: Any) -> None:
    problem = assert_problem(await post(house, {"site": "plant", "readings": [reading()], "schema_version": 2}), 422)
    assert problem["code"] == "schema-version-unknown"


async def test_a_body_declared_too_large_is_refused_unread(house: Any) -> None:
    async def endless() -> Any:
        yield b"["
        raise AssertionError("the body was read on")

    headers = JSON | {"content-length": str(10**9)}
    response = await house.client.post("/v1/readings", content=endless(), headers=headers)
    assert_problem(response, 413)


async def test_a_body_that_turns_out_too_large_is_refused_and_not_kept(house: Any) -> None:
    async def chunks() -> Any:
        for _ in range(100):
            yield b" " * 10_000

    assert_problem(await house.client.post("/v1/readings", content=chunks(), headers=JSON), 413)


async def test_a_list_that_outgrows_a_message_when_wrapped_is_refused(house: Any) -> None:
    limit = house.app.state.door.ports.limits.max_body_bytes
    body = json.dumps([reading()]).encode()
    assert_problem(await post(house, b" " * (limit - len(body)) + body), 413)
    assert await house.records(topics.TELEMETRY) == []


def packed(**changes: Any) -> bytes:
    message = {
        "site": "plant",
        "profile": "p",
        "metrics": ["a"],
        "devices": ["d1", "d2"],
        "event_time_ms": np.array([1, 2], "<i8").tobytes(),
        "values": np.array([1.5, np.nan], "<f4").tobytes(),
    }
    return msgspec.msgpack.encode(message | changes)


async def test_a_packed_batch_goes_on_the_log_as_it_came(house: Any) -> None:
    readings = [Reading("plant", f"d{number}", "p", number, {"a": 1.5}) for number in range(3)]
    [body] = to_packed(ReadingBatch("plant", readings))
    response = await house.client.post("/v1/readings", content=body, headers=PACKED)
    assert response.status_code == 202, response.text
    [record] = await house.records(topics.TELEMETRY)
    assert (response.json()["accepted"], record.value, record.partition) == (3, body, partition_of("plant", house.log.partitions))
    assert declared_in(record.headers) == ContentType.PACKED


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (packed(values=b"1234"), None),
        (packed(event_time_ms=b"", values=b"", devices=[]), None),
        (packed(event_time_ms=bytes(8 * (MAX_BATCH_READINGS + 1))), None),
        (packed(site=" plant"), None),
        (packed(site=""), "#/site"),
        (packed(metrics=["a", 1]), "#/metrics/1"),
        (packed(event_time_ms=np.array([1, 2**60], "<i8").tobytes()), "#/event_time_ms/1"),
        (packed(device_index=np.array([1, 2], "<u4").tobytes()), "#/device_index/1"),
        (packed(devices=["d1", ""]), "#/devices/1"),
        (packed(schema_version=2), None),
        (b"[]", None),
        (b"", None),
    ],
)
async def test_a_packed_batch_with_one_wrong_row_or_column_is_refused_whole(house: Any, body: bytes, pointer: str | None) -> None:
    assert_problem(await house.client.post("/v1/readings", content=body, headers=PACKED), 422, pointer)
    assert await house.records(topics.TELEMETRY) == []


@pytest.mark.parametrize("declared", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
async def test_another_content_type_is_refused_with_the_right_one_named(house: Any, declared: str) -> None:
    response = await house.client.post("/v1/readings", content=b"{}", headers={"content-type": declared})
    assert "application/json" in assert_problem(response, 415)["advice"]


async def test_a_compressed_body_is_refused_as_such(house: Any) -> None:
    assert_problem(await post(house, reading(), **{"content-encoding": "gzip"}), 415)


async def test_when_the_worker_is_too_far_behind_the_door_says_when_to_come_back(house: Any) -> None:
    house.live.waiting = {topics.TELEMETRY: 100}
    response = await post(house, reading())
    assert_problem(response, 503)
    assert int(response.headers["retry-after"]) >= 1
    assert await house.records(topics.TELEMETRY) == []
    house.live.waiting = {topics.TELEMETRY: 0}
    house.clock.advance(1)
    assert (await post(house, reading())).status_code == 202


async def test_the_backlog_counts_what_came_in_since_the_worker_was_asked(house: Any) -> None:
    statuses = [(await post(house, reading(sequence=n))).status_code for n in range(102)]
    assert statuses == [202] * 100 + [503] * 2


@pytest.mark.parametrize(("error", "status"), [(LogFullError("the disk is full"), 507), (DependencyError("no broker"), 503)])
async def test_a_log_that_cannot_take_it_is_the_services_fault_and_said(house: Any, error: Exception, status: int) -> None:
    house.log.fail("append", error)
    assert_problem(await post(house, reading()), status)
    assert (await post(house, reading())).status_code == 202
