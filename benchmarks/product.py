"""The numerators: what Tidegate does end to end, measured with its own parts and no shortcut."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from tidegate.adapters.clock import SystemClock
from tidegate.adapters.embedded import EmbeddedLog
from tidegate.adapters.metrics import PrometheusMetrics
from tidegate.adapters.planner import InlinePlanner
from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.columns import row_faults, unpack_batch
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.packing import to_packed, to_readings
from tidegate.contracts.reading import Reading, ReadingBatch
from tidegate.core.detection.detection import Detection
from tidegate.core.forecaster import Forecaster
from tidegate.pipeline.worker import PartitionWorker, WorkerLimits, WorkerPorts
from tidegate.ports import Outgoing

BATCH_RECORDS = 500
"""Records a worker takes at once, its default."""


@dataclass(frozen=True, slots=True)
class Loop:
    """One drain of a filled log: readings per second from the worker's start to its last commit, and readings scored."""

    readings_per_second: float
    scored: int


def embedded_loop(
    folder: Path, configuration: CoreConfiguration, forecaster: Forecaster, messages: Sequence[bytes], readings: int
) -> Loop:
    """Fill an embedded log with `messages` of `readings` readings in all, then time a worker from its start to the last commit.

    The full path: poll, decode, score, encode, commit with fsync; metrics on, planner idle.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    return asyncio.run(_drain(folder, configuration, forecaster, messages, readings))


async def _drain(
    folder: Path, configuration: CoreConfiguration, forecaster: Forecaster, messages: Sequence[bytes], readings: int
) -> Loop:
    log = await EmbeddedLog.open(folder / "tidegate.db")
    try:
        for start in range(0, len(messages), 5_000):
            part = messages[start : start + 5_000]
            await log.append([Outgoing(topics.TELEMETRY, 0, b"bench", message) for message in part])
        ports = WorkerPorts(log, InlinePlanner(), SystemClock(), PrometheusMetrics(), {"universal": forecaster})
        worker = PartitionWorker(0, ports, configuration, WorkerLimits(batch_records=BATCH_RECORDS))
        stop, began = asyncio.Event(), time.perf_counter()
        running = asyncio.create_task(worker.run(stop))
        while (await log.positions(0)).get(topics.TELEMETRY, 0) < len(messages):
            await log.wait(1.0)
        seconds = time.perf_counter() - began
        balance = await worker.call(lambda partition: partition.balance)
        stop.set()
        await running
    finally:
        await log.close()
    if balance.received != readings:
        raise RuntimeError(f"the worker took {balance.received} readings, expected {readings}")
    return Loop(balance.received / seconds, balance.scored)


def core_loop(configuration: CoreConfiguration, forecaster: Forecaster, messages: Sequence[bytes]) -> float:
    """Readings per second of detection alone: decoded before the clock starts, no log, no facts written."""
    readings = [decode(message, Reading) for message in messages]
    detection = Detection(configuration, {"universal": forecaster})
    began = time.perf_counter()
    for start in range(0, len(readings), BATCH_RECORDS):
        batch = readings[start : start + BATCH_RECORDS]
        detection.observe(batch, batch[-1].event_time_ms)
    return len(readings) / (time.perf_counter() - began)


@dataclass(frozen=True, slots=True)
class Packed:
    """Readings per second of packed batches: decoded to checked columns, and on to the readings that the core takes today."""

    columns: float
    readings: float


def packed_decode(batches: Sequence[bytes]) -> Packed:
    """Decode JSON `batches` in their packed form, one message after the other."""
    packed = [message for batch in batches for message in to_packed(decode(batch, ReadingBatch))]
    began = time.perf_counter()
    for message in packed:
        row_faults(unpack_batch(message))
    columns_done = time.perf_counter()
    count = sum(len(to_readings(unpack_batch(message))) for message in packed)
    return Packed(count / (columns_done - began), count / (time.perf_counter() - columns_done))
