"""How fast facts go into history here, and what that costs the event loop: `python benchmarks/history.py [--postgres URL]`.

The same facts are made into rows without a database, then followed into SQLite and, with `--postgres` (and its password in
PGPASSWORD), into PostgreSQL. Prints and, with `--out`, writes; asserts nothing.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from tidegate.adapters.history import Follower, migrate, open_database
from tidegate.adapters.history.documents import Changes, take
from tidegate.adapters.history.export import status_of
from tidegate.adapters.history.writer import FactWriter
from tidegate.adapters.memory import MemoryLog, NullMetrics
from tidegate.api import examples
from tidegate.contracts import topics
from tidegate.contracts.codec import encode
from tidegate.ports import Log, Outgoing
from tidegate_training.evaluate import results

LOOK_SECONDS = 0.001
"""Between two looks of the task that measures how long others keep the loop."""

PARTITIONS = 4


def main(
    facts: Annotated[int, typer.Option(help="Facts of each kind.")] = 20_000,
    postgres: Annotated[str | None, typer.Option(help="URL of an empty database; its password in PGPASSWORD.")] = None,
    out: Annotated[Path | None, typer.Option(help="Results file to write.")] = None,
) -> None:
    """Measure and print."""
    found = asyncio.run(_measure(facts, postgres))
    for name, value in found.items():
        print(f"{name:<36} {value:>14,.1f}")
    if out is not None:
        results.write(out, found)


async def _measure(count: int, postgres: str | None) -> dict[str, float]:
    log = MemoryLog(PARTITIONS)
    total = await _fill(log, count)
    found: dict[str, float] = {"facts": total}
    seconds, _ = await _timed(lambda: _rows_only(log))
    found["rows_only_facts_per_s"] = total / seconds
    with TemporaryDirectory() as folder:
        found |= await _into("sqlite", f"sqlite:///{folder}/history.db", "", log, total)
    if postgres:
        found |= await _into("postgres", postgres, os.environ.get("PGPASSWORD", ""), log, total)
    return found


async def _into(name: str, url: str, password: str, log: Log, total: int) -> dict[str, float]:
    database = open_database(url, password)
    await migrate(database)
    follower = Follower(log, database, NullMetrics())

    async def follow() -> None:
        while await follower.catch_up():
            pass

    seconds, gaps = await _timed(follow)
    again = FactWriter(database)
    await again.begin_again()
    repeat, _ = await _timed(follow_anew(log, database))
    size = (await status_of(database)).bytes
    await database.close()
    return {
        f"{name}_facts_per_s": total / seconds,
        f"{name}_again_facts_per_s": total / repeat,
        f"{name}_loop_gap_p99_ms": 1000 * statistics.quantiles(gaps, n=100)[98],
        f"{name}_loop_gap_max_ms": 1000 * max(gaps),
        f"{name}_bytes_per_fact": size / total,
    }


def follow_anew(log: Log, database: Any) -> Callable[[], Awaitable[None]]:
    """Follow from the start, over rows that are there already."""

    async def follow() -> None:
        follower = Follower(log, database, NullMetrics())
        while await follower.catch_up():
            pass

    return follow


async def _timed(work: Callable[[], Awaitable[None]]) -> tuple[float, list[float]]:
    """Seconds that `work` took, and how long the loop was kept from a task that wants to look every millisecond."""
    gaps: list[float] = []

    async def look() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(LOOK_SECONDS)
            gaps.append(time.perf_counter() - before - LOOK_SECONDS)

    looking = asyncio.create_task(look())
    started = time.perf_counter()
    await work()
    seconds = time.perf_counter() - started
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    return seconds, gaps or [0.0]


async def _rows_only(log: Log) -> None:
    for topic in (topics.ANOMALIES, topics.ASSIGNMENTS, topics.FORECASTS):
        for partition in range(PARTITIONS):
            offset = 0
            while records := await log.read(topic, partition, offset, max_records=500, max_bytes=1 << 22):
                changes = Changes()
                for record in records:
                    take(record, changes)
                offset = records[-1].offset + 1
                await asyncio.sleep(0)


async def _fill(log: MemoryLog, count: int) -> int:
    """Anomalies, each opened and closed; assignments and forecasts of as many devices."""
    for start in range(0, count, 1000):
        records = []
        for number in range(start, min(start + 1000, count)):
            place, name = number % PARTITIONS, f"d{number}"
            key = f"{examples.ASSIGNMENT.site}/{name}".encode()
            opened = replace(examples.ANOMALY, id=f"anomaly-{number}", device=name, opened_at_ms=number)
            records += [
                Outgoing(topics.ANOMALIES, place, key, encode(opened)),
                Outgoing(topics.ANOMALIES, place, key, encode(replace(opened, version=2, closed_at_ms=number + 1))),
                Outgoing(topics.ASSIGNMENTS, place, key, encode(replace(examples.ASSIGNMENT, device=name))),
                Outgoing(topics.FORECASTS, place, key, encode(replace(examples.FORECAST, device=name))),
            ]
        await log.append(records)
    return 4 * count


if __name__ == "__main__":
    typer.run(main)
