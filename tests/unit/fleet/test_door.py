"""The client of the public door: patient with a busy service, final about refusals, clear about an absent one."""

from collections.abc import Callable

import httpx
import msgspec
import pytest

from tidegate.contracts.codec import to_builtins
from tidegate.contracts.ids import DeviceId, GatewayId, MetricName, ProfileName, SiteId
from tidegate.contracts.plan import Assignment, Phase
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.errors import ConfigurationError, DependencyError, InputError
from tidegate.fleet.door import LONGEST_PAUSE_SECONDS, RestDoor

SITE = SiteId("plant 7/a")
BATCH = ReadingBatch(SITE, [Reading(SITE, DeviceId("d"), ProfileName("pump"), 1, {MetricName("flow"): 1.0})])


class HandClock:
    """Time that moves only when somebody pauses."""

    def __init__(self) -> None:
        self.now, self.pauses = 0.0, list[float]()

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def door(answer: Callable[[httpx.Request], httpx.Response], clock: HandClock) -> RestDoor:
    return RestDoor("http://door:1", transport=httpx.MockTransport(answer), pause=clock.pause, monotonic=lambda: clock.now)


async def test_readings_are_posted_as_a_batch() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(202, json={"accepted": 1})

    await door(answer, HandClock()).send(BATCH)
    assert (seen[0].method, seen[0].url.path) == ("POST", "/v1/readings")
    assert msgspec.json.decode(seen[0].content, type=ReadingBatch) == BATCH


async def test_a_full_service_is_asked_again_when_it_says() -> None:
    clock = HandClock()
    answers = iter([httpx.Response(429, headers={"retry-after": "2"}), httpx.Response(503), httpx.Response(202)])
    await door(lambda _: next(answers), clock).send(BATCH)
    assert clock.pauses == [2.0, 0.2]


async def test_no_pause_is_longer_than_ours_whatever_the_service_says() -> None:
    clock = HandClock()
    answers = iter([httpx.Response(503, headers={"retry-after": "3600"}), httpx.Response(202)])
    await door(lambda _: next(answers), clock).send(BATCH)
    assert clock.pauses == [LONGEST_PAUSE_SECONDS]


async def test_patience_ends_with_a_busy_service() -> None:
    clock = HandClock()
    with pytest.raises(DependencyError, match=r"was busy \(status 503\) for 30 s"):
        await door(lambda _: httpx.Response(503), clock).send(BATCH)
    assert clock.now <= 30


async def test_an_absent_service_is_named_with_what_to_do() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    with pytest.raises(DependencyError, match=r"http://door:1 cannot be reached: connection refused .*tidegate serve"):
        await door(refuse, HandClock()).send(BATCH)


async def test_a_refusal_is_final_and_says_why() -> None:
    clock = HandClock()
    with pytest.raises(InputError, match="refused with 422: mixed sites"):
        await door(lambda _: httpx.Response(422, json={"detail": "mixed sites"}), clock).send(BATCH)
    assert clock.pauses == []


@pytest.mark.parametrize("body", [b"no", b"[]", b'{"items": 3}', b'{"items": [{"device": 1}]}'])
async def test_an_answer_that_is_no_list_of_assignments_is_refused(body: bytes) -> None:
    with pytest.raises(InputError, match="did not answer with assignments"):
        await door(lambda _: httpx.Response(200, content=body), HandClock()).assignments(SITE)


async def test_assignments_are_read_page_by_page_of_the_encoded_site() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.raw_path.startswith(b"/v1/sites/plant%207%2Fa/assignments")
        last = "cursor" in request.url.params
        item = to_builtins(Assignment(SITE, DeviceId("b" if last else "a"), GatewayId("g"), 1, {}, Phase.ACTIVE, None, 0, "why"))
        return httpx.Response(200, json={"items": [item], "next_cursor": None if last else "more", "as_of": {}})

    found = await door(answer, HandClock()).assignments(SITE)
    assert [assignment.device for assignment in found] == ["a", "b"]


@pytest.mark.parametrize("url", ["", "here", "ftp://x", "http://", "http://x:port"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="address is"):
        RestDoor(url)
