"""The proxy, in each of its modes, between a client and a server that echoes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chaos.proxy import Proxy

pytestmark = pytest.mark.timeout(30)

SOON = 0.2
"""Seconds within which nothing must come that is held back."""


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def before_an_echo() -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    proxy = await Proxy.open()
    proxy.upstream = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        await proxy.close()
        server.close()
        await server.wait_closed()


class Caller:
    """A client of the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def echo(self, data: bytes) -> bytes:
        self.writer.write(data)
        await self.writer.drain()
        return await self.reader.readexactly(len(data))

    async def is_cut(self) -> bool:
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True


@asynccontextmanager
async def calling(proxy: Proxy) -> AsyncIterator[Caller]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield Caller(reader, writer)
    finally:
        writer.transport.abort()


async def test_bytes_pass_unchanged_and_in_order_both_ways() -> None:
    data = bytes(range(256)) * 4096
    async with before_an_echo() as proxy, calling(proxy) as caller:
        sending = asyncio.create_task(caller.echo(data))
        assert await sending == data


async def test_a_cut_resets_open_connections_and_every_new_one_until_it_forwards_again() -> None:
    async with before_an_echo() as proxy, calling(proxy) as caller:
        assert await caller.echo(b"before") == b"before"
        proxy.cut()
        assert await caller.is_cut()
        async with calling(proxy) as late:
            assert await late.is_cut()
        proxy.pass_on()
        async with calling(proxy) as again:
            assert await again.echo(b"after") == b"after"


async def test_silence_holds_bytes_back_and_delivers_them_when_it_is_over() -> None:
    async with before_an_echo() as proxy, calling(proxy) as caller:
        assert await caller.echo(b"before") == b"before"
        proxy.silence()
        answer = asyncio.create_task(caller.echo(b"held"))
        _, waiting = await asyncio.wait([answer], timeout=SOON)
        assert waiting
        proxy.pass_on()
        assert await answer == b"held"


async def test_a_connection_made_in_silence_works_when_it_is_over() -> None:
    async with before_an_echo() as proxy:
        proxy.silence()
        async with calling(proxy) as caller:
            answer = asyncio.create_task(caller.echo(b"early"))
            _, waiting = await asyncio.wait([answer], timeout=SOON)
            assert waiting
            proxy.pass_on()
            assert await answer == b"early"


async def test_slow_delays_by_latency_and_by_size() -> None:
    async with before_an_echo() as proxy, calling(proxy) as caller:
        loop = asyncio.get_running_loop()
        proxy.slow(0.1, 1000.0)
        began = loop.time()
        assert await caller.echo(b"x" * 100) == b"x" * 100
        assert loop.time() - began >= 2 * (0.1 + 100 / 1000)


async def test_an_end_at_the_server_reaches_the_client() -> None:
    async def say_and_leave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(say_and_leave, "127.0.0.1", 0)
    proxy = await Proxy.open()
    proxy.upstream = server.sockets[0].getsockname()[1]
    async with calling(proxy) as caller:
        assert await caller.reader.read() == b"bye"
    await proxy.close()
    server.close()


async def test_without_a_server_behind_it_the_client_is_cut_off() -> None:
    proxy = await Proxy.open()
    proxy.upstream = 9
    async with calling(proxy) as caller:
        assert await caller.is_cut()
    await proxy.close()
