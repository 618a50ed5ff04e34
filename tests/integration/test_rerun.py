"""The uninterrupted rerun from a journal, over a real worker on a real log: it agrees with recovery, and would notice if not."""

import asyncio

import pytest

from support.recordings import machine_file
from tidegate.adapters.clock import SystemClock
from tidegate.adapters.embedded import EmbeddedLog
from tidegate.adapters.memory.metrics import NullMetrics
from tidegate.adapters.planner import InlinePlanner
from tidegate.contracts import topics
from tidegate.contracts.codec import encode
from tidegate.contracts.ids import SiteId
from tidegate.contracts.reading import ReadingBatch
from tidegate.errors import InputError
from tidegate.fleet.readers import open_dataset
from tidegate.pipeline.worker import PartitionWorker, WorkerLimits, WorkerPorts
from tidegate.ports import Outgoing
from tidegate_training.evaluate.acceptance.rerun import commit_latencies_ms, digest_after_recovery, published, rerun
from tidegate_training.evaluate.scoring import reading_of, service_configuration, universal_forecaster

CONFIGURATION = service_configuration()
SITE = SiteId("lab")


@pytest.fixture(scope="module")
def forecasters():
    return {"universal": universal_forecaster()}


@pytest.fixture
def machine(tmp_path):
    return open_dataset(machine_file(tmp_path / "omi-1.npz", metrics=19, rows=150))[0]


@pytest.fixture
async def log(tmp_path):
    opened = await EmbeddedLog.open(tmp_path / "tidegate.db")
    yield opened
    await opened.close()


async def work(log, forecasters, series, first, last):
    """One worker from start to clean stop, over rows `first` to `last` in records of ten readings."""
    for start in range(first, last, 10):
        batch = ReadingBatch(SITE, [reading_of(series, row, SITE) for row in range(start, start + 10)])
        await log.append([Outgoing(topics.TELEMETRY, 0, SITE.encode(), encode(batch))])
    ports = WorkerPorts(log, InlinePlanner(), SystemClock(), NullMetrics(), forecasters)
    worker = PartitionWorker(0, ports, CONFIGURATION, WorkerLimits(batch_records=4))
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    while (await log.positions(0)).get(topics.TELEMETRY, 0) < await log.end_offset(topics.TELEMETRY, 0):
        await log.wait(1.0)
    stop.set()
    await running


async def test_a_run_stopped_on_the_way_and_its_rerun_agree_on_state_and_facts(log, forecasters, machine):
    await work(log, forecasters, machine, 0, 150)
    await work(log, forecasters, machine, 150, 300)
    again = await rerun(log, forecasters, frozenset({machine.device}))
    assert again.digest == await digest_after_recovery(log, forecasters, CONFIGURATION)
    assert (again.anomalies, again.decisions) == await published(log)
    assert len(again.surprise[machine.device]) == 300
    assert again.anomalies, "the excursion in the recording should have raised an anomaly"


async def test_different_readings_give_a_different_digest(log, forecasters, machine):
    await work(log, forecasters, machine, 0, 50)
    before = (await rerun(log, forecasters, frozenset())).digest
    await work(log, forecasters, machine, 50, 60)
    assert (await rerun(log, forecasters, frozenset())).digest != before


async def test_a_fact_that_stands_twice_on_its_topic_is_noticed(log, forecasters, machine):
    await work(log, forecasters, machine, 0, 300)
    [first] = await log.read(topics.ANOMALIES, 0, 0, max_records=1, max_bytes=1_000_000)
    await log.append([Outgoing(topics.ANOMALIES, 0, first.key, first.value)])
    anomalies, _ = await published(log)
    assert max(anomalies.values()) == 2


async def test_every_request_has_one_latency_and_none_is_negative(log, forecasters, machine):
    await work(log, forecasters, machine, 0, 100)
    assert len(await commit_latencies_ms(log, 0)) == 10
    late = await commit_latencies_ms(log, 6)
    assert len(late) == 4
    assert min(late) >= 0


async def test_a_journal_that_no_longer_reaches_back_is_refused(log, forecasters, machine):
    await work(log, forecasters, machine, 0, 100)
    await log.trim(topics.JOURNAL, 0, 2)
    with pytest.raises(InputError, match="starts or skips"):
        await rerun(log, forecasters, frozenset())
