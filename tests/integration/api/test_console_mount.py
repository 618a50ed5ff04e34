"""The console as a part of the door: who gets a page, what the login takes, and several services in one process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from tidegate.adapters.memory import ManualClock, MemoryKeys
from tidegate.api.access.authenticator import AccessControl, Authenticator
from tidegate.api.access.keys import KeyRing
from tidegate.console.boards import Boards
from tidegate.console.mount import Console


@asynccontextmanager
async def console_of(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at the console of `app`."""
    console, around = Console(app), Starlette()
    console.install(around.router)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(around), base_url="http://door") as browser:
        yield browser
    await console.close()


async def test_two_services_of_a_process_have_a_console_each_and_one_may_end_before_the_other(house: Any) -> None:
    async with console_of(house.app) as one:
        async with console_of(house.app) as other:
            assert (await one.get("/console/")).status_code == httpx.codes.OK
            assert (await other.get("/console/health")).status_code == httpx.codes.OK
        assert (await one.get("/console/plans")).status_code == httpx.codes.OK
    async with console_of(house.app) as third:
        assert (await third.get("/console/")).status_code == httpx.codes.OK


async def test_the_way_without_a_slash_leads_to_the_front(house: Any) -> None:
    async with console_of(house.app) as browser:
        assert (await browser.get("/console")).headers["location"] == "/console/"


async def test_requests_are_counted_by_one_name(house: Any) -> None:
    console = Console(house.app)
    console.install(house.app.router)
    await house.client.get("/console/device", params={"site": "s", "device": "d"})
    await console.close()
    assert ("/console", "GET", 200) in house.metrics.requests


async def test_pages_of_one_visitor_share_one_board_and_the_last_to_leave_ends_it(house: Any) -> None:
    boards = Boards(house.app)
    first, leave_first = boards.look("", "10.0.0.1")
    second, leave_second = boards.look("", "10.0.0.1")
    stranger, leave_stranger = boards.look("", "10.0.0.2")
    assert first is second
    assert first is not stranger
    await house.has_listeners(2)
    leave_first()
    leave_second()
    await house.has_listeners(1)
    leave_stranger()
    await house.has_listeners(0)


@pytest.mark.parametrize(
    ("way_back", "leads_to"),
    [
        ("anomalies?site=a%3Ab", "anomalies?site=a%3Ab"),
        ("https://evil.example", "./"),
        ("//evil.example", "./"),
        ("/\\evil.example", "./"),
        ("javascript:alert(1)", "./"),
        ("", "./"),
    ],
)
async def test_the_login_leads_back_to_a_page_of_the_console_and_nowhere_else(house: Any, way_back: str, leads_to: str) -> None:
    async with console_of(house.app) as browser:
        answer = await browser.post("/console/login", data={"key": "tdg_1_2", "next": way_back})
    assert (answer.status_code, answer.headers["location"]) == (httpx.codes.SEE_OTHER, leads_to)
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/console"))
    assert "max-age" not in cookie


@pytest.mark.parametrize("key", ["", "with blank", "semi;colon", "new\nline", "ümlaut", "x" * 5000])
async def test_what_cannot_be_a_key_is_not_kept(house: Any, key: str) -> None:
    async with console_of(house.app) as browser:
        answer = await browser.post("/console/login", data={"key": key})
    assert answer.headers["location"] == "login?refused=1"
    assert "set-cookie" not in answer.headers


async def test_a_form_that_is_too_large_is_not_read_to_its_end(house: Any) -> None:
    async with console_of(house.app) as browser:
        assert (await browser.post("/console/login", content=b"key=" + b"x" * 100_000)).status_code == 413


class TestWithAccessControl:
    @pytest.fixture
    def access(self) -> Callable[[MemoryKeys, ManualClock], AccessControl]:
        return lambda keys, clock: AccessControl(Authenticator(KeyRing(keys, clock)))

    async def test_strangers_are_sent_to_the_login_and_back_to_what_they_asked_for(self, house: Any) -> None:
        async with console_of(house.app) as browser:
            answer = await browser.get("/console/device", params={"site": "a b", "device": "d"})
            assert answer.headers["location"] == "login?next=device%3Fsite%3Da%2Bb%26device%3Dd"
            browser.cookies.set("tidegate_console", "tdg_0123456789abcdef_wrong", path="/console")
            assert "refused=1" in (await browser.get("/console/")).headers["location"]
            assert (await browser.get("/console/login")).status_code == httpx.codes.OK

    async def test_whoever_tries_many_keys_is_slowed_down(self, house: Any) -> None:
        async with console_of(house.app) as browser:
            browser.cookies.set("tidegate_console", "tdg_0123456789abcdef_wrong", path="/console")
            answers = await _many(lambda: browser.get("/console/"), 60)
        assert answers[-1].status_code == httpx.codes.TOO_MANY_REQUESTS


async def _many(ask: Callable[[], Awaitable[httpx.Response]], count: int) -> list[httpx.Response]:
    answers = []
    for _ in range(count):
        answers.append(await ask())
        await asyncio.sleep(0)
    return answers
