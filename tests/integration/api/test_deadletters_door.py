"""Dead letters at the door: found, looked at whole, and sent again; safely also when the letter was tampered with."""

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from tidegate.adapters.metrics import PrometheusMetrics
from tidegate.api import examples
from tidegate.api.dependencies import ApiLimits
from tidegate.contracts import topics
from tidegate.contracts.content import ContentType, declared_in, header
from tidegate.contracts.deadletter import DeadLetter, DeadLetterReason
from tidegate.contracts.letters import REPLAY_COUNT, REPLAY_OF
from tidegate.contracts.packing import to_packed
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.reading import ReadingBatch
from tidegate.ports import Outgoing

SITE = str(examples.ANOMALY.site)
READING = b'{"site":"plant-7","device":"d","profile":"p","event_time_ms":1,"metrics":{"m":1}}'


@pytest.fixture
def limits() -> ApiLimits:
    return ApiLimits(max_pending_records=2)


def letter(original: bytes = READING, **changes: Any) -> DeadLetter:
    made = DeadLetter(
        reason=DeadLetterReason.UNKNOWN_PROFILE,
        message="no",
        topic=topics.TELEMETRY,
        partition=0,
        offset=40,
        index=None,
        readings=1,
        site=SITE,
        device="d",
        received_at_ms=1_000,
        original=original,
        original_size=len(original),
        original_sha256=hashlib.sha256(original).hexdigest(),
        headers=[("content-type", b"application/vnd.tidegate.reading+json"), ("traceparent", b"00-1")],
    )
    return replace(made, **changes)


async def put(house: Any, made: DeadLetter) -> str:
    """Publish a letter; its id."""
    await house.publish(topics.DEADLETTER, SITE, made)
    partition = partition_of(SITE, house.log.partitions)
    return f"{partition}-{await house.log.end_offset(topics.DEADLETTER, partition) - 1}"


async def replay(house: Any, identifier: str, **asked: Any) -> Any:
    answer = await house.client.post(f"/v1/deadletters/{identifier}/replay", json=asked)
    await house.follow()
    return answer


async def test_each_filter_narrows_the_list(house: Any) -> None:
    plain = await put(house, letter())
    other = await put(
        house,
        letter(reason=DeadLetterReason.POISON, site="x", device="y", partition=2, topic=topics.COMMANDS, received_at_ms=2_000),
    )
    for params in (
        {"reason": "poison"},
        {"site": "x"},
        {"device": "y"},
        {"partition": 2},
        {"topic": topics.COMMANDS},
        {"since_ms": 2_000},
    ):
        items = (await house.client.get("/v1/deadletters", params=params)).json()["items"]
        assert [item["id"] for item in items] == [other], params
    items = (await house.client.get("/v1/deadletters", params={"until_ms": 2_000})).json()["items"]
    assert [item["id"] for item in items] == [plain]


async def test_one_letter_comes_with_its_whole_original(house: Any) -> None:
    identifier = await put(house, letter(b"x" * 100_000))
    [listed] = (await house.client.get("/v1/deadletters")).json()["items"]
    assert len(base64.b64decode(listed["original"])) == 4096
    found = (await house.client.get(f"/v1/deadletters/{identifier}")).json()
    assert base64.b64decode(found["original"]) == b"x" * 100_000


async def test_a_replay_is_the_original_with_headers_that_say_so(house: Any) -> None:
    identifier = await put(house, letter(index=3))
    answer = await replay(house, identifier)
    assert answer.status_code == 202
    [record] = await house.records(topics.TELEMETRY)
    verdict = answer.json()
    assert (verdict["topic"], verdict["partition"], verdict["offset"]) == (record.topic, record.partition, record.offset)
    assert (record.value, record.key, record.partition) == (READING, SITE.encode(), partition_of(SITE, house.log.partitions))
    assert dict(record.headers) == {
        "content-type": b"application/vnd.tidegate.reading+json",
        "traceparent": b"00-1",
        REPLAY_OF: b"tidegate.telemetry.v1/0/40/3",
        REPLAY_COUNT: b"1",
    }
    [item] = (await house.client.get("/v1/deadletters", params={"replayed": True})).json()["items"]
    assert (item["id"], item["replayed"], item["replayed_at_ms"]) == (identifier, 1, house.clock.now_ms())
    assert (await house.client.get("/v1/deadletters", params={"replayed": False})).json()["items"] == []


async def test_a_second_replay_has_to_be_asked_for(house: Any) -> None:
    identifier = await put(house, letter())
    assert (await replay(house, identifier)).status_code == 202
    refused = await replay(house, identifier)
    assert (refused.status_code, refused.json()["code"]) == (409, "already-replayed")
    assert "again" in refused.json()["advice"]
    assert (await replay(house, identifier, again=True)).status_code == 202


async def test_the_loop_guard_counts_over_letters(house: Any) -> None:
    identifier = await put(house, letter(replays=1, replay_of="tidegate.telemetry.v1/0/4"))
    refused = await replay(house, identifier)
    assert (refused.status_code, refused.json()["code"]) == (409, "too-many-replays")
    assert (await replay(house, identifier, max_replays=2)).status_code == 202
    [record] = await house.records(topics.TELEMETRY)
    assert dict(record.headers)[REPLAY_COUNT] == b"2"


async def test_a_dry_run_says_and_sends_nothing(house: Any) -> None:
    fit, unfit = await put(house, letter()), await put(house, letter(replays=1))
    for identifier, refusal in ((fit, None), (unfit, "too-many-replays")):
        answer = await replay(house, identifier, dry_run=True)
        assert (answer.status_code, answer.json()["refusal"]) == (200, refusal)
    assert await house.records(topics.TELEMETRY) == []
    assert len(await house.records(topics.DEADLETTER)) == 2


async def test_of_a_huge_original_the_log_still_has_the_bytes_or_the_letter_says_so(house: Any) -> None:
    huge = json.dumps({"site": SITE, "readings": [], "pad": "x" * 600_000}).encode()
    await house.log.append([Outgoing(topics.TELEMETRY, 1, b"k", huge)])
    cut = replace(letter(huge, partition=1, offset=0, site=None), original=huge[: 512 * 1024])
    sent = await replay(house, await put(house, cut))
    assert sent.status_code == 202
    again = [record for record in await house.records(topics.TELEMETRY) if record.headers]
    assert [record.value for record in again] == [huge]
    for gone in (replace(cut, offset=7), replace(cut, partition=99), replace(cut, index=0)):
        refused = await replay(house, await put(house, gone))
        assert (refused.status_code, refused.json()["code"]) == (409, "not-kept")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"original_sha256": "0" * 64}, "altered"),
        ({"original": READING.replace(b"1", b"2")}, "altered"),
        ({"topic": topics.JOURNAL}, "not-an-input"),
        ({"topic": "somebody.else"}, "not-an-input"),
    ],
)
async def test_a_letter_that_was_tampered_with_is_not_sent(house: Any, changes: dict[str, Any], code: str) -> None:
    refused = await replay(house, await put(house, replace(letter(), **changes)))
    assert (refused.status_code, refused.json()["code"]) == (409, code)
    assert await house.records(topics.TELEMETRY) == []
    assert await house.records(topics.JOURNAL) == []


@pytest.mark.parametrize("identifier", ["0-0", "99-0", "0-99", "x", "-", "0-", "0-0-0", "-1-0", "0-" + "9" * 40, "0-%2F", "٣-٣"])
async def test_an_id_that_leads_nowhere_is_a_404(house: Any, identifier: str) -> None:
    assert (await house.client.get(f"/v1/deadletters/{identifier}")).status_code == 404
    assert (await replay(house, identifier)).status_code == 404


async def test_a_note_is_no_letter(house: Any) -> None:
    identifier = await put(house, letter())
    await replay(house, identifier)
    partition, offset = identifier.split("-")
    assert (await house.client.get(f"/v1/deadletters/{partition}-{int(offset) + 1}")).status_code == 404
    assert len((await house.client.get("/v1/deadletters")).json()["items"]) == 1


@pytest.mark.parametrize("body", ["", "[]", '{"dry_run": 1}', '{"max_replays": 0}', '{"max_replays": 1e9}', "null"])
async def test_what_is_no_request_is_refused(house: Any, body: str) -> None:
    identifier = await put(house, letter())
    path, headers = f"/v1/deadletters/{identifier}/replay", {"content-type": "application/json"}
    assert (await house.client.post(path, content=body, headers=headers)).status_code == 422
    assert (await house.client.post(path)).status_code == 415
    assert await house.records(topics.TELEMETRY) == []


async def test_a_worker_that_is_behind_gets_no_replays(house: Any) -> None:
    house.live.waiting = {topics.TELEMETRY: 2}
    assert (await replay(house, await put(house, letter()))).status_code == 503
    assert await house.records(topics.TELEMETRY) == []


async def test_depth_and_age_are_of_letters_kept_and_not_replayed(house: Any) -> None:
    metrics = PrometheusMetrics()
    metrics.letters_from(house.follower.waiting)
    first = await put(house, letter())
    house.clock.advance(5)
    await put(house, letter())
    await put(house, letter(reason=DeadLetterReason.POISON))
    await house.follower.count()
    assert 'tidegate_deadletters_waiting{reason="unknown-profile"} 2.0' in metrics.render().decode()
    await replay(house, first)
    await house.follower.count()
    waiting = house.follower.waiting()
    assert waiting.by_reason == {DeadLetterReason.UNKNOWN_PROFILE: 1, DeadLetterReason.POISON: 1}
    assert waiting.oldest_ms == house.clock.now_ms()
    partition = int(first.split("-")[0])
    await house.log.trim(topics.DEADLETTER, partition, 3)
    await house.follow()
    await house.follower.count()
    assert house.follower.waiting().by_reason == {}
    assert "tidegate_deadletters_oldest_age_seconds 0.0" in metrics.render().decode()


async def test_a_packed_batch_goes_packed_to_the_partition_of_the_site_it_names(house: Any) -> None:
    [packed] = to_packed(ReadingBatch(examples.READING.site, [examples.READING]))
    home = partition_of(SITE, house.log.partitions)
    made = letter(
        packed, site=None, device=None, partition=(home + 1) % house.log.partitions, headers=list(header(ContentType.PACKED))
    )
    assert (await replay(house, await put(house, made))).status_code == 202
    [record] = await house.records(topics.TELEMETRY)
    assert (record.value, record.partition, declared_in(record.headers)) == (packed, home, ContentType.PACKED)
