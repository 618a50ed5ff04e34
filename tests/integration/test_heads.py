"""The head of a request is bounded: in bytes, in time, and neither a body nor a second request is counted as one."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import uvicorn

from tidegate.adapters import heads
from tidegate.adapters.heads import MAX_HEAD_BYTES, BoundedHeads


class _QuietServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


async def _count(scope: Any, receive: Any, send: Any) -> None:
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = f"{len(scope['headers'])} {size}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


@pytest_asyncio.fixture
async def connection() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    server = _QuietServer(uvicorn.Config(_count, log_config=None, lifespan="off", http=BoundedHeads))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        yield reader, writer
        writer.close()
        server.should_exit = True
        await serving


@pytest.mark.parametrize("start", [b"GET /", b"GET / HTTP/1.1\r\nauthorization: Bearer ", b"GET / HTTP/1.1\r\n"])
async def test_a_head_that_does_not_end_is_refused_long_before_it_fills_the_memory(connection: Any, start: bytes) -> None:
    reader, writer = connection
    writer.write(start)
    sent = 0
    part = b"a: b\r\n" * 1000 if start.endswith(b"\r\n") else b"a" * 6000
    with contextlib.suppress(ConnectionError):
        while sent < 20 * MAX_HEAD_BYTES and not reader.at_eof():
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.001)
            sent += len(part)
    assert sent < 10 * MAX_HEAD_BYTES
    with contextlib.suppress(ConnectionError):
        assert b" 431 " in await reader.readline()


async def test_a_head_that_does_not_arrive_ends_the_connection(monkeypatch: pytest.MonkeyPatch, connection: Any) -> None:
    monkeypatch.setattr(heads, "HEAD_SECONDS", 0.1)
    _, first = connection
    reader, writer = await asyncio.open_connection(*first.get_extra_info("peername"))
    writer.write(b"GET / HTTP/1.1\r\nhost:")
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


async def test_bodies_and_further_requests_on_a_connection_are_not_part_of_a_head(connection: Any) -> None:
    reader, writer = connection
    for _ in range(3):
        body = b"x" * (3 * MAX_HEAD_BYTES)
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in answer
        assert await reader.readexactly(8) == b"2 196608"
