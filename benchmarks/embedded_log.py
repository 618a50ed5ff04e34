"""How fast the embedded log is here: batches, single records by concurrent callers, reading, compaction. Prints, asserts nothing.

python benchmarks/embedded_log.py [folder on the disk to measure]
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

from tidegate.adapters.embedded import EmbeddedLog
from tidegate.contracts.topics import FORECASTS, TELEMETRY
from tidegate.ports import Commit, Outgoing

RECORD = Outgoing(TELEMETRY, 0, b"site", b"x" * 200)
"""About one JSON reading."""


async def measure(what: str, records: int, work: Awaitable[None]) -> None:
    """Await `work`, which handles `records` records, and print the rate."""
    started = time.perf_counter()
    await work
    seconds = time.perf_counter() - started
    print(f"{what:<52} {records / seconds:>11,.0f} records/s {1e6 * seconds / records:>9.1f} µs each")


async def append_batches(log: EmbeddedLog, batches: int, size: int) -> None:
    """Append `batches` batches one after the other, an fsync each."""
    for _ in range(batches):
        await log.append([RECORD] * size)


async def append_concurrently(log: EmbeddedLog, callers: int, each: int) -> None:
    """Let `callers` append single records at the same time; who waits together shares an fsync."""
    await asyncio.gather(*(append_batches(log, each, 1) for _ in range(callers)))


async def read_everything(log: EmbeddedLog) -> None:
    """Read the telemetry topic from the start, 1,000 records at a time."""
    offset = 0
    while records := await log.read(TELEMETRY, 0, offset, max_records=1000, max_bytes=1 << 22):
        offset = records[-1].offset + 1


async def commit_batches(log: EmbeddedLog, batches: int) -> None:
    """Commit 100 outputs and a position, `batches` times."""
    for number in range(batches):
        await log.commit(Commit(0, [RECORD] * 100, {TELEMETRY: number}))


async def append_compacted(log: EmbeddedLog, rounds: int) -> None:
    """Replace the forecasts of 1,000 devices `rounds` times; compaction runs in between."""
    forecasts = [Outgoing(FORECASTS, 0, b"site/device-%d" % device, b"x" * 600) for device in range(1000)]
    for _ in range(rounds):
        await log.append(forecasts)


async def main(folder: Path) -> None:
    """Run all measurements on a fresh log in `folder`."""
    log = await EmbeddedLog.open(folder / "log.db")
    await measure("append, batches of 1,000", 200_000, append_batches(log, 200, 1000))
    await measure("read, 1,000 at a time", 200_000, read_everything(log))
    await measure("append, single records, one caller (one fsync each)", 500, append_batches(log, 500, 1))
    for callers in (8, 64, 512):
        await measure(f"append, single records, {callers} callers", 8192, append_concurrently(log, callers, 8192 // callers))
    await measure("commit, 100 outputs and positions", 20_000, commit_batches(log, 200))
    await measure("append to a compacted topic, batches of 1,000", 50_000, append_compacted(log, 50))
    end = await log.end_offset(TELEMETRY, 0)
    await measure("trim", end, log.trim(TELEMETRY, 0, end))
    await log.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as made:
        asyncio.run(main(Path(made)))
