"""A TCP proxy on loopback that can cut, silence or slow what passes through it. Knows nothing of what it carries."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from enum import StrEnum
from typing import Final, Self

_CHUNK_BYTES: Final = 64 * 1024


class Mode(StrEnum):
    """What the proxy does with bytes."""

    FORWARD = "forward"
    """Hands them on."""
    CUT = "cut"
    """Resets every connection, old or new: the broker refuses."""
    SILENT = "silent"
    """Takes connections and bytes and hands nothing on until it passes again: packets get lost on the way."""
    SLOW = "slow"
    """Hands them on late and thinly."""


class Proxy:
    """Listens on a free port and forwards to `upstream`, a port of this machine that may be set, and open, later."""

    def __init__(self) -> None:
        self.upstream = 0
        self.mode = Mode.FORWARD
        self._latency_seconds = 0.0
        self._bytes_per_second = float("inf")
        self._open_gate = asyncio.Event()
        self._open_gate.set()
        self._links: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @classmethod
    async def open(cls) -> Self:
        """A proxy that listens."""
        proxy = cls()
        proxy._server = await asyncio.start_server(proxy._accept, "127.0.0.1", 0)
        return proxy

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._server is None:
            raise RuntimeError("the proxy does not listen")
        return int(self._server.sockets[0].getsockname()[1])

    def pass_on(self) -> None:
        """Forward at once whatever waits or comes."""
        self._become(Mode.FORWARD)

    def cut(self) -> None:
        """Reset all connections, and every new one, until another mode is set."""
        self._become(Mode.CUT)
        for link in self._links:
            link.cancel()

    def silence(self) -> None:
        """Forward nothing, in neither direction; what was sent meanwhile arrives when the proxy passes again."""
        self._become(Mode.SILENT)

    def slow(self, latency_seconds: float, bytes_per_second: float) -> None:
        """Delay every chunk by `latency_seconds` and by its length at `bytes_per_second`, each way and connection."""
        self._latency_seconds, self._bytes_per_second = latency_seconds, bytes_per_second
        self._become(Mode.SLOW)

    async def close(self) -> None:
        """Stop listening and drop all connections."""
        self.cut()
        await asyncio.gather(*self._links, return_exceptions=True)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def _become(self, mode: Mode) -> None:
        self.mode = mode
        if mode in (Mode.FORWARD, Mode.SLOW):
            self._open_gate.set()
        else:
            self._open_gate.clear()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode is Mode.CUT:
            writer.transport.abort()
            return
        link = asyncio.create_task(self._link(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its first byte until either end closes it."""
        writers = [writer]
        try:
            await self._open_gate.wait()
            with suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
                writers.append(far_writer)
                await _first_of(self._pump(reader, far_writer), self._pump(far_reader, writer))
            for each in writers:
                each.close()  # unlike abort, this still delivers what was written
        except asyncio.CancelledError:
            for each in writers:
                each.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await source.read(_CHUNK_BYTES):
                await self._open_gate.wait()
                if self.mode is Mode.SLOW:
                    await asyncio.sleep(self._latency_seconds + len(chunk) / self._bytes_per_second)
                    await self._open_gate.wait()
                sink.write(chunk)
                await sink.drain()


async def _first_of(*pumps: Coroutine[None, None, None]) -> None:
    tasks = [asyncio.create_task(pump) for pump in pumps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
