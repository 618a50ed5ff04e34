"""`tidegate serve` on a real broker: killed, and left without its broker; nothing is lost, nothing told twice."""

import asyncio
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from broker import Broker
from kafka_logs import fresh_connection
from serving import PATIENCE, TIDEGATE, all_scored, environment, serving, settled
from tidegate.adapters.kafka import Delivery, KafkaConnection, KafkaLog
from tidegate.bootstrap import core_configuration, load_forecasters
from tidegate.contracts.codec import encode
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.topics import TELEMETRY
from tidegate.settings import Settings
from tidegate_training.evaluate.acceptance.rerun import digest_after_recovery, published, rerun

pytestmark = pytest.mark.kafka

PARTITIONS = 2
BY_REST, BY_TOPIC = (next(f"site-{n}" for n in range(100) if partition_of(f"site-{n}", PARTITIONS) == p) for p in range(2))
DEVICES = 4
SPIKES = (100, 170)
PROFILE = "name: probe\ninterval_seconds: 1\nalarm: {alerts_per_device_day: 100}\nmetrics: {load: {unit: '1'}}\n"


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


def post(client: httpx.Client, site: str, seconds: range) -> int:
    answer = client.post("/v1/readings", json=batch(site, seconds))
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    return int(answer.json()["accepted"])


async def produce(connection: KafkaConnection, site: str, parts: list[range]) -> int:
    """As a stranger's producer does it: key and partition by site, straight onto the topic."""
    headers = [("content-type", b"application/vnd.tidegate.batch+json")]
    async with AIOKafkaProducer(bootstrap_servers=connection.bootstrap_servers) as producer:
        for seconds in parts:
            value, partition = encode(batch(site, seconds)), partition_of(site, PARTITIONS)
            await producer.send_and_wait(
                connection.topic(TELEMETRY), value, key=site.encode(), partition=partition, headers=headers
            )
    return sum(len(seconds) * DEVICES for seconds in parts)


def settings_for(connection: KafkaConnection, folder: Path) -> dict[str, str]:
    (folder / "probe.yaml").write_text(PROFILE)
    return {
        "TIDEGATE_KAFKA__BOOTSTRAP_SERVERS": connection.bootstrap_servers,
        "TIDEGATE_KAFKA__GROUP": connection.group,
        "TIDEGATE_KAFKA__TOPIC_PREFIX": connection.topic_prefix,
        "TIDEGATE_KAFKA__PARTITIONS": str(PARTITIONS),
        "TIDEGATE_PROFILES": f"[{folder / 'probe.yaml'}]",
        "TIDEGATE_KAFKA__SESSION_SECONDS": "6",
        "TIDEGATE_WORKER__SNAPSHOT_READINGS": "150",
        "TIDEGATE_WORKER__TRIM": "false",  # the rerun starts at the first batch
    }


def topics(verb: str, settings: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*TIDEGATE, "topics", verb], env=environment(**settings), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("delivery", list(Delivery))
def test_killed_twice_it_loses_nothing_and_tells_nothing_twice_unless_told_to(
    kafka: str, tmp_path: Path, delivery: Delivery
) -> None:
    connection = fresh_connection(kafka)
    settings = settings_for(connection, tmp_path) | {"TIDEGATE_KAFKA__DELIVERY": delivery.value}
    assert topics("check", settings).returncode == 1
    assert topics("create", settings).returncode == 0
    sent = 0
    for life in range(3):
        with serving(tmp_path, **settings) as (process, client):
            parts = [range(start, start + 10) for start in range(60 * life, 60 * life + 60, 10)]
            for seconds in parts:
                sent += post(client, BY_REST, seconds)
            sent += asyncio.run(produce(connection, BY_TOPIC, parts))
            if life < 2:
                process.kill()
            else:
                assert settled(client, sent)["balance"] == all_scored(sent)
                process.terminate()
            process.wait(PATIENCE)
    asyncio.run(check_against_an_undisturbed_run(connection, tmp_path, repeats=delivery is Delivery.AT_LEAST_ONCE))


async def check_against_an_undisturbed_run(connection: KafkaConnection, folder: Path, *, repeats: bool = False) -> None:
    """Step through every journaled batch once, without any interruption, and compare facts and state.

    With `repeats` a fact may be there again under the same id and version.
    """
    settings = Settings(profiles=(folder / "probe.yaml",))
    configuration = core_configuration(settings)
    forecasters = load_forecasters(settings, configuration)
    log = await KafkaLog.open(connection)
    for partition in range(PARTITIONS):
        again = await rerun(log, forecasters, frozenset(), partition_index=partition)
        anomalies, decisions = await published(log, partition_index=partition)
        assert (set(anomalies), set(decisions)) == (set(again.anomalies), set(again.decisions))
        assert anomalies, "the spikes were seen"
        assert repeats or set((anomalies + decisions).values()) == {1}, "no fact twice"
        recovered = await digest_after_recovery(log, forecasters, configuration, partition_index=partition)
        assert recovered == again.digest
    await log.close()


def test_it_waits_for_a_broker_that_went_away_and_goes_on_where_it_was(own_broker: Broker, tmp_path: Path) -> None:
    connection = fresh_connection(own_broker.address)
    settings = settings_for(connection, tmp_path)
    assert topics("create", settings).returncode == 0
    with serving(tmp_path, **settings) as (process, client):
        sent = post(client, BY_REST, range(20))
        own_broker.kill()
        refused = client.post("/v1/readings", json=batch(BY_REST, range(20, 30)), timeout=60)
        assert refused.status_code == httpx.codes.SERVICE_UNAVAILABLE, refused.text
        assert process.poll() is None
        own_broker.start()
        sent += asyncio.run(produce(connection, BY_REST, [range(20, 30)]))
        assert settled(client, sent)["balance"] == all_scored(sent)


def test_without_a_broker_or_topics_it_says_what_to_do(kafka: str, tmp_path: Path) -> None:
    for connection, complaint, code in (
        (KafkaConnection("127.0.0.1:9"), "cannot be reached", 3),
        (fresh_connection(kafka), "tidegate topics create", 2),
    ):
        done = subprocess.run(
            [*TIDEGATE, "serve", "--port", "0"],
            env=environment(**settings_for(connection, tmp_path)),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert complaint in done.stderr
        assert "Traceback" not in done.stderr
