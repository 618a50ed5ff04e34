"""How fast the REST door takes requests of 1,000 readings, as a ratio to bare ASGI + msgspec on the same machine.

    python benchmarks/door.py [seconds per round]

The denominator is frozen: an ASGI function that reads the body, decodes it with msgspec and answers 202. Each server runs
in a process of its own under uvicorn with one worker; rounds take turns, because absolute figures move by half on a busy
machine and ratios taken in turns do not. Nothing is asserted.
"""

import asyncio
import multiprocessing
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from tidegate.adapters.clock import SystemClock
from tidegate.adapters.embedded import EmbeddedLog
from tidegate.adapters.memory import MemoryLog
from tidegate.adapters.metrics import PrometheusMetrics
from tidegate.api.app import create_app
from tidegate.api.dependencies import ApiDependencies, ApiLimits
from tidegate.api.feed import Feed
from tidegate.api.views import Projection
from tidegate.contracts import topics
from tidegate.contracts.codec import encode
from tidegate.contracts.ids import DeviceId, MetricName, ProfileName, SiteId
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.ports import Log

READINGS = 1000
CONNECTIONS = 8
ROUNDS = 5


def body() -> bytes:
    """A batch of 1,000 readings of two metrics, about 140 kB."""
    site, profile = SiteId("plant-7"), ProfileName("pump")
    names = (MetricName("temperature_celsius"), MetricName("flow_lpm"))
    values = [dict(zip(names, (70 + n / 7, 12 + n / 11), strict=True)) for n in range(READINGS)]
    readings = [Reading(site, DeviceId(f"pump-{n:04}"), profile, 1_795_000_000_000 + n, value) for n, value in enumerate(values)]
    return encode(ReadingBatch(site, readings))


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """The frozen denominator."""
    chunks, more = [], True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    _DECODER.decode(b"".join(chunks))
    await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


_DECODER = msgspec.json.Decoder(ReadingBatch)


class NoWorker:
    """A live state without a worker behind it: nothing waits, because nothing is taken."""

    async def lag(self) -> Mapping[str, int]:
        """Nothing waits."""
        return {topics.TELEMETRY: 0}


def door(log: Log) -> Any:
    """The real door over `log`, with the real metrics."""
    clock, feed = SystemClock(), Feed()
    limits = ApiLimits(max_pending_records=10**12)
    worker: Any = NoWorker()
    return create_app(ApiDependencies(log, Projection(log, feed), worker, PrometheusMetrics(), clock, feed, limits))


def serve(kind: str, listener: socket.socket) -> None:
    """Serve one of the three on `listener` until killed."""

    async def run() -> None:
        if kind == "bare":
            app: Any = bare
        elif kind == "door, memory log":
            app = door(_Forgetful(MemoryLog(1)))
        else:
            path = Path(tempfile.mkdtemp(prefix="tidegate-bench-")) / "log.db"
            app = door(await EmbeddedLog.open(path, partitions=1, clock=SystemClock()))
        await uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="off")).serve(sockets=[listener])

    asyncio.run(run())


class _Forgetful:
    """A log that keeps nothing, so that the door alone is measured."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    @property
    def partitions(self) -> int:
        return self._log.partitions

    async def append(self, records: Any) -> list[int]:
        return [0 for _ in records]


async def load(port: int, payload: bytes, seconds: float) -> float:
    """Requests per second over `CONNECTIONS` kept-alive connections."""
    head = b"POST /v1/readings HTTP/1.1\r\nhost: door\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(
        payload
    )
    end = time.monotonic() + seconds

    async def one() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        count = 0
        while time.monotonic() < end:
            writer.write(head + payload)
            answer = await reader.readuntil(b"\r\n\r\n")
            if b" 202 " not in answer[:20]:
                raise RuntimeError(answer.decode())
            length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            count += 1
        writer.close()
        return count

    started = time.monotonic()
    counts = await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return sum(counts) / (time.monotonic() - started)


def main(seconds: float) -> None:
    """Measure in turns and print."""
    kinds = ("bare", "door, memory log", "door, embedded log")
    context = multiprocessing.get_context("spawn")
    servers, ports = [], {}
    for kind in kinds:
        listener = socket.create_server(("127.0.0.1", 0))
        ports[kind] = listener.getsockname()[1]
        servers.append(context.Process(target=serve, args=(kind, listener), daemon=True))
        servers[-1].start()
    payload = body()
    rates: dict[str, list[float]] = {kind: [] for kind in kinds}
    for kind in kinds:
        asyncio.run(load(ports[kind], payload, 0.5))
    for _ in range(ROUNDS):
        for kind in kinds:
            rates[kind].append(asyncio.run(load(ports[kind], payload, seconds)))
    for server in servers:
        server.terminate()
    for kind in kinds:
        ratio = statistics.median(rate / bare_rate for rate, bare_rate in zip(rates[kind], rates["bare"], strict=True))
        print(f"{kind:<20} {statistics.median(rates[kind]):8.0f} requests/s of {READINGS} readings   {ratio:6.1%} of bare")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)
