"""One measurement each of a worker on Kafka: how fast it drains a full topic, and how long one message takes on its way."""

import asyncio
import time
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

import ceilings
from tidegate.adapters.clock import SystemClock
from tidegate.adapters.kafka import KafkaConnection, KafkaLog, TopicPlan, create_topics
from tidegate.adapters.memory import NullMetrics
from tidegate.adapters.planner import InlinePlanner
from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.content import header
from tidegate.contracts.forecast import Forecast
from tidegate.contracts.reading import ReadingBatch
from tidegate.core.forecaster import Forecaster
from tidegate.fleet.forms import Form, messages
from tidegate.pipeline.worker import PartitionWorker, WorkerLimits, WorkerPorts
from tidegate.ports import BatchReport, Outgoing

POLL_MS = 10
"""Milliseconds after which the reader of facts asks again."""

PATIENCE_SECONDS = 60.0


class Watch(NullMetrics):
    """Notes when each batch was scored and committed, and where its time went."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self.scored_at: list[float] = []
        self.seconds = dict.fromkeys(("decode", "core", "commit"), 0.0)

    def batch(self, report: BatchReport) -> None:
        """Called right after the commit returned."""
        self.received.append(report.readings.received)
        self.scored_at.append(time.perf_counter() - report.seconds["commit"])
        for stage in self.seconds:
            self.seconds[stage] += report.seconds[stage]


@dataclass(slots=True)
class Bench:
    """A worker on a log of its own; `start` it after filling, or before sending."""

    log: KafkaLog
    watch: Watch = field(default_factory=Watch)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    def start(self, configuration: CoreConfiguration, forecaster: Forecaster) -> None:
        """Start the worker."""
        ports = WorkerPorts(self.log, InlinePlanner(), SystemClock(), self.watch, {"universal": forecaster})
        self.task = asyncio.create_task(PartitionWorker(0, ports, configuration, WorkerLimits()).run(self.stop))

    async def taken(self, readings: int) -> None:
        """Wait until batches with so many readings in all are committed."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while sum(self.watch.received) < readings:
                if self.task is not None and self.task.done():
                    self.task.result()
                await self.log.wait(0.05)

    async def close(self) -> None:
        """Stop the worker and close the log."""
        self.stop.set()
        if self.task is not None:
            await self.task
        await self.log.close()


async def bench(connection: KafkaConnection) -> Bench:
    """Topics of one partition, and a log on them."""
    await create_topics(connection, TopicPlan(1))
    return Bench(await KafkaLog.open(connection))


async def throughput(
    connection: KafkaConnection,
    configuration: CoreConfiguration,
    forecaster: Forecaster,
    batches: Sequence[ReadingBatch],
    form: Form,
) -> dict[str, float]:
    """Readings per second of a worker that finds `batches` waiting, the share of its time by stage, and the bare ceiling."""
    running = await bench(connection)
    readings = sum(len(batch.readings) for batch in batches)
    try:
        for batch in batches:
            await running.log.append(outgoing(batch, form))
        ceiling = await _bare(connection, readings, form)
        began = time.perf_counter()
        running.start(configuration, forecaster)
        await running.taken(readings)
        seconds = time.perf_counter() - began
    finally:
        await running.close()
    shares = {f"{stage}_share": spent / seconds for stage, spent in running.watch.seconds.items()}
    return {"readings_per_second": readings / seconds, "bare_per_second": ceiling, **shares}


async def latencies_ms(
    connection: KafkaConnection,
    configuration: CoreConfiguration,
    forecaster: Forecaster,
    batches: Sequence[ReadingBatch],
    form: Form,
    pause_seconds: float,
) -> tuple[list[float], list[float]]:
    """For each of `batches`, sent one by one: milliseconds from sending to its last score, and to its last fact's being read.

    Every reading gives a forecast here, so that there is a fact to wait for; a batch has one reading of each device.
    """
    always = replace(configuration, detection=replace(configuration.detection, forecast_every=1))
    running = await bench(connection)
    running.start(always, forecaster)
    reading = asyncio.create_task(_facts_read(connection, batches))
    sent = []
    try:
        async with AIOKafkaProducer(bootstrap_servers=connection.bootstrap_servers, acks="all") as producer:
            for batch in batches:
                sent.append(time.perf_counter())
                await asyncio.gather(*[await _send(producer, connection, record) for record in outgoing(batch, form)])
                await asyncio.sleep(pause_seconds)
        read_at = await asyncio.wait_for(reading, PATIENCE_SECONDS)
    finally:
        reading.cancel()
        await running.close()
    ends = list(accumulate(running.watch.received))
    lasts = [end - 1 for end in accumulate(len(batch.readings) for batch in batches)]
    scored = [running.watch.scored_at[bisect_right(ends, last)] for last in lasts]
    read = [max(read_at[each.device, each.event_time_ms] for each in batch.readings) for batch in batches]
    return _elapsed_ms(sent, scored), _elapsed_ms(sent, read)


def outgoing(batch: ReadingBatch, form: Form) -> list[Outgoing]:
    """The records of `batch` in `form`."""
    content_type, values = messages(batch, form)
    return [Outgoing(topics.TELEMETRY, 0, batch.site.encode(), value, header(content_type)) for value in values]


async def _send(producer: AIOKafkaProducer, connection: KafkaConnection, record: Outgoing) -> "asyncio.Future[object]":
    topic = connection.topic(record.topic)
    return await producer.send(topic, record.value, record.key, record.partition, headers=list(record.headers))


async def _facts_read(connection: KafkaConnection, batches: Sequence[ReadingBatch]) -> dict[tuple[str, int], float]:
    """When a read-committed consumer first had what follows from each reading, by device and event time.

    Readings of one device that were taken together give one forecast, of the last.
    """
    found: dict[tuple[str, int], float] = {}
    waiting: defaultdict[str, deque[int]] = defaultdict(deque)
    for batch in batches:
        for reading in batch.readings:
            waiting[reading.device].append(reading.event_time_ms)
    partition = TopicPartition(connection.topic(topics.FORECASTS), 0)
    async with _consumer(connection) as consumer:
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        while any(waiting.values()):
            for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                now = time.perf_counter()
                for forecast in (decode(record.value, Forecast) for record in records):
                    times = waiting[forecast.device]
                    while times and times[0] <= forecast.event_time_ms:
                        found[forecast.device, times.popleft()] = now
    return found


async def _bare(connection: KafkaConnection, readings: int, form: Form) -> float:
    """Readings per second that a plain consumer reads and msgspec decodes, with nothing checked and nothing done."""
    partition = TopicPartition(connection.topic(topics.TELEMETRY), 0)
    decoders = {
        Form.JSON: lambda value: msgspec.json.decode(value, type=ceilings.BareReading) and 1,
        Form.BATCH: lambda value: len(msgspec.json.decode(value, type=ceilings.BareBatch).readings),
        Form.PACKED: _packed_rows,
    }
    seen = 0
    async with _consumer(connection) as consumer:
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        began = time.perf_counter()
        while seen < readings:
            for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                seen += sum(decoders[form](record.value) for record in records)
        return readings / (time.perf_counter() - began)


def _packed_rows(value: bytes) -> int:
    columns = msgspec.msgpack.decode(value)
    np.frombuffer(columns["values"], dtype="<f4")
    return len(np.frombuffer(columns["event_time_ms"], dtype="<i8"))


def _consumer(connection: KafkaConnection) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=connection.bootstrap_servers, isolation_level="read_committed", fetch_max_wait_ms=POLL_MS
    )


def _elapsed_ms(sent: Sequence[float], done: Sequence[float]) -> list[float]:
    return [1000 * (after - before) for before, after in zip(sent, done, strict=True)]
