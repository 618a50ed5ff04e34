"""A page that points a name of its own at our address gets nothing, by HTTP or by socket; our own names do."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from tidegate.api.app import create_app
from tidegate.api.hosts import Hosts
from tidegate.bootstrap.access import hosts_of
from tidegate.console.boards import Boards
from tidegate.settings import AccessSettings, ApiSettings, Settings


def door(house: Any, *names: str) -> httpx.AsyncClient:
    app = create_app(replace(house.app.state.door.ports, hosts=names))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "localhost", "LOCALHOST:80", "Plant.example", "plant.example.:443"]
)
async def test_our_own_names_are_answered(house: Any, host: str) -> None:
    async with door(house, "plant.example") as client:
        assert (await client.get("/v1/sites", headers={"host": host})).status_code == httpx.codes.OK


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example:8080", "[::1", "<b>", "a@localhost@evil"],
)
async def test_any_other_name_is_refused_with_what_to_do(house: Any, host: str) -> None:
    async with door(house, "plant.example") as client:
        answer = await client.post("/v1/commands", json={"site": "s", "kind": "freeze"}, headers={"host": host})
    assert (answer.status_code, answer.json()["code"]) == (421, "host-unknown")
    assert "api.hosts" in answer.json()["advice"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_console_asks_by_a_name_that_is_ours(house: Any) -> None:
    board, leave = Boards(create_app(replace(house.app.state.door.ports, hosts=()))).look("", "127.0.0.1")
    assert list(await board.client.sites.list()) == []
    leave()


async def test_a_socket_to_another_name_is_closed() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def nothing(*_: Any) -> None:
        raise AssertionError("it was let in")

    await Hosts(nothing, [])({"type": "websocket", "headers": [(b"host", b"evil.example")]}, nothing, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize(
    ("api", "access", "expected"),
    [
        ({}, {}, ()),
        ({"hosts": ["a"]}, {}, ("a",)),
        ({"host": "192.0.2.1"}, {"allow_anonymous": True}, None),
        ({"host": "192.0.2.1", "hosts": ["a"]}, {"allow_anonymous": True}, ("a",)),
        ({}, {"accept": ["keys"]}, None),
    ],
)
def test_names_are_looked_at_where_nobody_is_asked_who_they_are(api: Any, access: Any, expected: Any) -> None:
    assert hosts_of(Settings(api=ApiSettings(**api), access=AccessSettings(**access))) == expected
