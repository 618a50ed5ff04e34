"""What the tests of `tidegate serve` on Kafka share: settings, a fleet's load, and the comparison with an undisturbed run."""

import asyncio
import subprocess
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from serving import TIDEGATE, environment
from tidegate.adapters.kafka import KafkaConnection, KafkaLog
from tidegate.bootstrap.configuration import core_configuration, load_forecasters
from tidegate.contracts.codec import encode
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.topics import TELEMETRY
from tidegate.settings import Settings
from tidegate_training.evaluate.acceptance.rerun import digest_after_recovery, published, rerun

DEVICES = 4
SPIKES = (100, 170)
PROFILE = "name: probe\ninterval_seconds: 1\nalarm: {alerts_per_device_day: 100}\nmetrics: {load: {unit: '1'}}\n"
HEADERS = [("content-type", b"application/vnd.tidegate.batch+json")]


def site_of(partition: int, partitions: int) -> str:
    """A site that belongs to `partition`."""
    return next(f"site-{n}" for n in range(1000) if partition_of(f"site-{n}", partitions) == partition)


def batch(site: str, seconds: range) -> dict[str, Any]:
    """A smooth wave from each device, device 0 far off at `SPIKES`."""
    rows = [
        {
            "site": site,
            "device": f"d{device}",
            "profile": "probe",
            "event_time_ms": 1_700_000_000_000 + 1000 * second,
            "metrics": {"load": 100.0 + 5 * ((second + device) % 10) + (5000 if second in SPIKES and device == 0 else 0)},
        }
        for second in seconds
        for device in range(DEVICES)
    ]
    return {"site": site, "readings": rows}


async def produce(connection: KafkaConnection, partitions: int, site: str, parts: Sequence[range]) -> int:
    """As a stranger's producer does it: key and partition by site, straight onto the topic."""
    async with AIOKafkaProducer(bootstrap_servers=connection.bootstrap_servers) as producer:
        for seconds in parts:
            await _send(producer, connection, site, partition_of(site, partitions), seconds)
    return sum(len(seconds) * DEVICES for seconds in parts)


async def _send(producer: AIOKafkaProducer, connection: KafkaConnection, site: str, partition: int, seconds: range) -> None:
    topic, value = connection.topic(TELEMETRY), encode(batch(site, seconds))
    await producer.send_and_wait(topic, value, key=site.encode(), partition=partition, headers=HEADERS)


@dataclass
class Load:
    """Sends without a pause, from a thread of its own, a site for each partition, until `end`; counts what was taken."""

    connection: KafkaConnection
    partitions: int
    seconds_each: int = 4
    pause_seconds: float = 0.3
    sent: Counter[int] = field(default_factory=Counter)
    _ending: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Load":
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> int:
        """Stop; returns how many readings there were in all."""
        self._ending.set()
        self._thread.join()
        return self.sent.total()

    async def _run(self) -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=self.connection.bootstrap_servers, enable_idempotence=True, retry_backoff_ms=50
        ) as producer:
            start = 0
            while not self._ending.is_set():
                for partition in range(self.partitions):
                    seconds = range(start, start + self.seconds_each)
                    await _send(producer, self.connection, site_of(partition, self.partitions), partition, seconds)
                    self.sent[partition] += len(seconds) * DEVICES
                start += self.seconds_each
                await asyncio.sleep(self.pause_seconds)


def settings_for(connection: KafkaConnection, folder: Path, partitions: int, **more: str) -> dict[str, str]:
    """Environment variables of a service that answers to `connection`."""
    (folder / "probe.yaml").write_text(PROFILE)
    return {
        "TIDEGATE_KAFKA__BOOTSTRAP_SERVERS": connection.bootstrap_servers,
        "TIDEGATE_KAFKA__GROUP": connection.group,
        "TIDEGATE_KAFKA__TOPIC_PREFIX": connection.topic_prefix,
        "TIDEGATE_KAFKA__PARTITIONS": str(partitions),
        "TIDEGATE_KAFKA__SESSION_SECONDS": "6",
        "TIDEGATE_PROFILES": f"[{folder / 'probe.yaml'}]",
        "TIDEGATE_WORKER__SNAPSHOT_READINGS": "150",
        "TIDEGATE_WORKER__TRIM": "false",  # the rerun starts at the first batch
        **more,
    }


def topics(verb: str, settings: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """`tidegate topics VERB`."""
    return subprocess.run(
        [*TIDEGATE, "topics", verb], env=environment(**settings), capture_output=True, text=True, timeout=60, check=False
    )


async def check_against_an_undisturbed_run(
    connection: KafkaConnection,
    folder: Path,
    partitions: int,
    digests: Mapping[int, Mapping[int, str]] | None = None,
    *,
    repeats: bool = False,
) -> None:
    """Step through every journaled batch once, without any interruption, and compare facts and state.

    `digests` are those that live processes showed, by partition and number of batches. With `repeats` a fact may be there
    again under the same id and version.
    """
    settings = Settings(profiles=(folder / "probe.yaml",))
    configuration = core_configuration(settings)
    forecasters = load_forecasters(settings, configuration)
    log = await KafkaLog.open(connection)
    for partition in range(partitions):
        shown = (digests or {}).get(partition, {})
        again = await rerun(log, forecasters, frozenset(), partition_index=partition, digests_after=shown)
        anomalies, decisions = await published(log, partition_index=partition)
        assert (set(anomalies), set(decisions)) == (set(again.anomalies), set(again.decisions))
        assert anomalies, "the spikes were seen"
        assert repeats or set((anomalies + decisions).values()) == {1}, "no fact twice"
        recovered = await digest_after_recovery(log, forecasters, configuration, partition_index=partition)
        assert recovered == again.digest
        assert again.digests == shown
    await log.close()
