"""Acks through the door: taken whole or refused whole, and what gateways said is shown."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tidegate.api import examples
from tidegate.api.acking import MAX_ACKS
from tidegate.contracts import topics
from tidegate.contracts.ack import Ack
from tidegate.contracts.codec import decode
from tidegate.contracts.ids import DeviceId, SiteId
from tidegate.contracts.partitioner import partition_of

ACTIVE = examples.ACK_BODIES["active"]
HEARTBEAT = examples.ACK_BODIES["heartbeat"]


async def post(house: Any, body: Any) -> Any:
    return await house.client.post("/v1/acks", content=json.dumps(body), headers={"content-type": "application/json"})


async def test_one_ack_or_a_list_lands_where_the_worker_of_the_site_reads(house: Any) -> None:
    assert (await post(house, HEARTBEAT)).status_code == 202
    receipt = (await post(house, [ACTIVE, HEARTBEAT])).json()
    home = partition_of(examples.ACK.site, house.log.partitions)
    assert receipt == {"accepted": 2, "site": examples.ACK.site, "partition": home, "offset": 1}
    records = await house.records(topics.ACKS)
    assert [decode(record.value, Ack).kind for record in records] == ["heartbeat", "active", "heartbeat"]
    assert {(record.partition, record.key) for record in records} == {(home, examples.ACK.site.encode())}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], "0 acks"),
        ([HEARTBEAT] * (MAX_ACKS + 1), "1001 acks"),
        ([HEARTBEAT, HEARTBEAT | {"site": "other"}], "$[1].site"),
        ([HEARTBEAT, HEARTBEAT | {"gateway": "\x00"}], "$[1]"),
        (HEARTBEAT | {"kind": "active"}, "device and epoch"),
        (HEARTBEAT | {"schema_version": 9}, "schema version"),
        (HEARTBEAT | {"sent_at_ms": "now"}, "sent_at_ms"),
        ("heartbeat", "Ack"),
    ],
)
async def test_a_body_with_one_bad_ack_is_refused_whole_and_says_which(house: Any, body: Any, words: str) -> None:
    response = await post(house, body)
    assert response.status_code == 422
    assert words in json.dumps(response.json())
    assert await house.records(topics.ACKS) == []


async def test_acks_do_not_wait_behind_telemetry_and_are_bounded_themselves(house: Any) -> None:
    house.live.waiting = {topics.TELEMETRY: 10**6}
    assert (await post(house, HEARTBEAT)).status_code == 202
    house.live.waiting = {topics.ACKS: 10**6}
    house.clock.advance(1)
    assert (await post(house, HEARTBEAT)).status_code == 503


async def test_gateways_and_the_last_words_of_a_site_are_shown_in_pages(house: Any) -> None:
    site = examples.ACK.site
    house.live.gateway_views = [examples.GATEWAY]
    house.live.acks = [replace(examples.ACK, device=DeviceId(f"d{n}")) for n in range(5)]
    house.live.acks.append(replace(examples.ACK, site=SiteId("other")))
    (gateway,) = (await house.client.get(f"/v1/sites/{site}/gateways")).json()
    assert gateway["heartbeat_heard_at_ms"] == examples.GATEWAY.heartbeat_heard_at_ms
    first = (await house.client.get(f"/v1/sites/{site}/acks", params={"limit": 3})).json()
    rest = (await house.client.get(f"/v1/sites/{site}/acks", params={"cursor": first["next_cursor"]})).json()
    assert [ack["device"] for ack in first["items"] + rest["items"]] == [f"d{n}" for n in range(5)]
    assert rest["next_cursor"] is None
