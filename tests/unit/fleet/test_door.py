"""The door as a sink: what goes out and what comes back. Patience and refusals are the client's: `tests/unit/client`."""

import httpx
import msgspec
import pytest

from tidegate.contracts.codec import encode, to_builtins
from tidegate.contracts.ids import DeviceId, GatewayId, MetricName, ProfileName, SiteId
from tidegate.contracts.paging import AsOf, Page
from tidegate.contracts.plan import Assignment, Phase
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.contracts.rest import ReadingsReceipt
from tidegate.errors import ConfigurationError
from tidegate.fleet.door import RestDoor

SITE = SiteId("plant 7/a")
BATCH = ReadingBatch(SITE, [Reading(SITE, DeviceId("d"), ProfileName("pump"), 1, {MetricName("flow"): 1.0})])


async def test_readings_are_posted_as_a_batch() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(202, content=encode(ReadingsReceipt(1, SITE, 0, 0)))

    await RestDoor("http://door:1", transport=httpx.MockTransport(answer)).send(BATCH)
    assert (seen[0].method, seen[0].url.path) == ("POST", "/v1/readings")
    assert msgspec.json.decode(seen[0].content, type=ReadingBatch) == BATCH


async def test_assignments_are_read_page_by_page_of_the_encoded_site() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.raw_path.startswith(b"/v1/sites/plant%207%2Fa/assignments")
        last = "cursor" in request.url.params
        item = Assignment(SITE, DeviceId("b" if last else "a"), GatewayId("g"), 1, {}, Phase.ACTIVE, None, 0, "why")
        return httpx.Response(200, json=to_builtins(Page([item], None if last else "more", AsOf())))

    found = await RestDoor("http://door:1", transport=httpx.MockTransport(answer)).assignments(SITE)
    assert [assignment.device for assignment in found] == ["a", "b"]


@pytest.mark.parametrize("url", ["", "here", "ftp://x", "http://", "http://x:port"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="address is"):
        RestDoor(url)
