"""Facts through a real socket: the client that follows them."""

import asyncio
from typing import Any

from tidegate.api import examples
from tidegate.client import TidegateClient
from tidegate.contracts import topics

SITE = examples.ANOMALY.site


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
