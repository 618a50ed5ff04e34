"""Requests to the service in this process: answers as they come, and an end to what nobody reads any more."""

import asyncio

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from tidegate.console.transport import InProcess


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-client", scope["client"][0].encode())]})
    while True:
        await send({"type": "http.response.body", "body": b"tick\n", "more_body": True})
        await asyncio.sleep(0)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    await send({"type": "http.response.start", "status": 201, "headers": []})
    body = scope["raw_path"] + b"?" + scope["query_string"] + b" " + message["body"]
    await send({"type": "http.response.body", "body": body})


async def mute(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    assert (await receive())["type"] == "http.disconnect"


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("no")


def client(app: object, **options: float) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=InProcess(app, "10.1.2.3"), base_url="http://x", **options)  # type: ignore[arg-type]


async def test_an_endless_answer_is_read_as_it_comes_and_ends_with_its_reader() -> None:
    before = asyncio.all_tasks()
    async with client(endless) as http, http.stream("GET", "/") as answer:
        assert answer.headers["x-client"] == "10.1.2.3"
        assert await anext(answer.aiter_bytes()) == b"tick\n"
    assert asyncio.all_tasks() == before


async def test_path_query_and_body_arrive_as_sent() -> None:
    async with client(echo) as http:
        answer = await http.post("/a%2Fb", params={"q": "1 2"}, content=b"body")
    assert (answer.status_code, answer.content) == (201, b"/a%2Fb?q=1+2 body")


async def test_a_service_that_says_nothing_is_given_up() -> None:
    async with client(mute, timeout=0.05) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.get("/")


async def test_a_service_that_fails_is_a_broken_connection() -> None:
    async with client(broken) as http:
        with pytest.raises(httpx.ReadError):
            await http.get("/")
