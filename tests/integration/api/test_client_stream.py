"""Facts through a real socket, and the client that follows them through breaks, restarts and refusals."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tidegate.api import examples
from tidegate.client import RequestRefusedError, Retry, StreamEvent, TidegateClient, UnreachableError
from tidegate.contracts import topics
from tidegate.contracts.ids import AnomalyId, SiteId
from tidegate.contracts.stream import FactKind, GapReason, StreamGap

SITE = examples.ANOMALY.site


def anomaly(number: int, site: str = SITE) -> Any:
    return replace(examples.ANOMALY, id=AnomalyId(f"a-{number}"), site=SiteId(site))


async def some(following: AsyncIterator[StreamEvent], count: int) -> list[StreamEvent]:
    return [await asyncio.wait_for(anext(following), 20) for _ in range(count)]


async def test_facts_are_streamed_as_they_are_committed(house: Any, url: str) -> None:
    async with TidegateClient(url) as client:
        following = client.stream.follow()
        first = asyncio.ensure_future(anext(following))
        await house.has_listeners(1)
        await house.publish(topics.ANOMALIES, SITE, examples.ANOMALY)
        event = await asyncio.wait_for(first, 20)
        assert event.fact == examples.ANOMALY
        assert event.position
        await following.aclose()
    await house.has_listeners(0)


async def test_a_stream_that_keeps_breaking_is_whole_all_the_same(house: Any, socket_for: Any) -> None:
    """The server cuts every connection after its third part."""

    async def cutting(scope: Any, receive: Any, send: Any) -> None:
        parts = 0

        async def counted(message: Any) -> None:
            nonlocal parts
            parts += message["type"] == "http.response.body"
            if parts > 3:
                raise ConnectionResetError
            await send(message)

        await house.app(scope, receive, counted)

    async with socket_for(cutting) as url, TidegateClient(url) as client:
        following = client.stream.follow()
        first = asyncio.ensure_future(anext(following))
        await house.has_listeners(1)
        for number in range(10):
            await house.publish(topics.ANOMALIES, SITE, anomaly(number))
        events = [await asyncio.wait_for(first, 20), *await some(following, 9)]
        assert [event.fact.id for event in events] == [f"a-{number}" for number in range(10)]  # type: ignore[union-attr]
        await following.aclose()


async def test_a_position_is_good_for_another_connection_with_filters(house: Any, url: str) -> None:
    async with TidegateClient(url) as client:
        following = client.stream.follow()
        first = asyncio.ensure_future(anext(following))
        await house.has_listeners(1)
        await house.publish(topics.ANOMALIES, SITE, anomaly(0))
        position = (await asyncio.wait_for(first, 20)).position
        await following.aclose()
        for number, site in enumerate(("other", SITE, "other", SITE)):
            await house.publish(topics.ANOMALIES, site, anomaly(number, site))
        await house.publish(topics.INCIDENTS, SITE, examples.INCIDENT)
        resumed = client.stream.follow(after=position, site=SITE, kinds=[FactKind.ANOMALY])
        assert [event.fact.id for event in await some(resumed, 2)] == ["a-1", "a-3"]  # type: ignore[union-attr]
        await resumed.aclose()
        only = client.stream.follow(after=position, kinds=[FactKind.INCIDENT])
        assert [event.fact for event in await some(only, 1)] == [examples.INCIDENT]
        await only.aclose()


async def test_facts_that_are_gone_are_said_to_be_gone(house: Any, url: str) -> None:
    for number in range(5):
        await house.publish(topics.ANOMALIES, SITE, anomaly(number))
    subscription = await house.feed.subscribe(size=1, max_clients=9)
    end = house.feed.position()
    house.feed.unsubscribe(subscription)
    partition = next(each for each in range(end.partitions) if end.at(topics.ANOMALIES, each))
    start = type(end)({topic: [0] * end.partitions for topic in end._offsets})
    await house.log.trim(topics.ANOMALIES, partition, 3)
    async with TidegateClient(url) as client:
        following = client.stream.follow(after=start.token())
        events = [event.fact for event in await some(following, 3)]
        assert events == [StreamGap(GapReason.NO_LONGER_KEPT, 3), anomaly(3), anomaly(4)]
        await following.aclose()


@pytest.mark.parametrize("parameters", [{"after": "nonsense"}, {"kind": "weather"}, {"site": "x" * 200}])
async def test_a_stream_that_cannot_be_asked_for_is_refused_with_the_reason(house: Any, parameters: Any) -> None:
    response = await house.client.get("/v1/stream", params=parameters)
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")


async def test_a_refused_stream_is_not_asked_for_again(url: str) -> None:
    async with TidegateClient(url) as client:
        with pytest.raises(RequestRefusedError, match="no position"):
            await anext(client.stream.follow(after="nonsense"))


async def test_patience_with_a_service_that_went_away_has_an_end() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    retry = Retry(unreachable_seconds=0.3)
    async with TidegateClient("http://door:1", transport=httpx.MockTransport(refuse), retry=retry) as client:
        with pytest.raises(UnreachableError):
            await anext(client.stream.follow())
