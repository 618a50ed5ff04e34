"""What many clients at once may claim: places are bounded, the rest waits unread, and nobody keeps a place for ever."""

import asyncio
import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from tidegate.api.dependencies import ApiLimits
from tidegate.contracts import topics

BODY = json.dumps({"site": "s", "device": "d", "profile": "p", "event_time_ms": 1, "metrics": {}}).encode()
JSON = {"content-type": "application/json"}


@pytest.fixture
def limits() -> ApiLimits:
    return ApiLimits(max_bodies=3, body_seconds=0.2)


async def test_when_the_log_stalls_only_so_many_bodies_are_read_and_all_are_taken_later(house: Any) -> None:
    reading = 0

    async def body() -> Any:
        nonlocal reading
        reading += 1
        yield BODY

    house.log.pause()
    posts = [asyncio.create_task(house.client.post("/v1/readings", content=body(), headers=JSON)) for _ in range(10)]
    for _ in range(200):
        await asyncio.sleep(0)
    assert reading == 3
    house.log.resume()
    assert [response.status_code for response in await asyncio.gather(*posts)] == [202] * 10
    assert len(await house.records(topics.TELEMETRY)) == 10


@pytest.mark.parametrize("path", ["/v1/readings", "/v1/commands"])
async def test_a_body_that_never_ends_gives_its_place_back(house: Any, path: str) -> None:
    async def endless() -> Any:
        yield b"["
        await asyncio.Event().wait()

    for _ in range(4):
        response = await house.client.post(path, content=endless(), headers=JSON)
        assert response.status_code == 408
        assert response.json()["code"] == "body-too-slow"
    assert (await house.client.post("/v1/readings", content=BODY, headers=JSON)).status_code == 202


async def test_a_refused_body_gives_its_place_back(house: Any) -> None:
    for _ in range(10):
        assert (await house.client.post("/v1/readings", content=b"no", headers=JSON)).status_code == 422
    assert (await house.client.post("/v1/readings", content=BODY, headers=JSON)).status_code == 202


async def test_a_client_that_leaves_while_sending_is_no_error_of_ours(house: Any) -> None:
    messages = iter([{"type": "http.request", "body": b"[", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/readings",
        "raw_path": b"/v1/readings",
        "query_string": b"",
        "headers": headers,
    }
    with capture_logs() as logged:
        await house.app(scope, receive, send)
    assert (sent, logged) == ([], [])
    assert house.metrics.requests == [("/v1/readings", "POST", 499)]
    assert (await house.client.post("/v1/readings", content=BODY, headers=JSON)).status_code == 202
