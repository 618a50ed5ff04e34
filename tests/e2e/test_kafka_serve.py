"""`tidegate serve` on a real broker: killed, and left without its broker; nothing is lost, nothing told twice."""

import asyncio
import subprocess
from pathlib import Path

import httpx
import pytest

from broker import Broker
from kafka_logs import fresh_connection
from kafka_serving import batch, check_against_an_undisturbed_run, produce, settings_for, site_of, topics
from serving import PATIENCE, TIDEGATE, all_scored, environment, serving, settled
from tidegate.adapters.kafka import Delivery, KafkaConnection

pytestmark = pytest.mark.kafka

PARTITIONS = 2
BY_REST, BY_TOPIC = (site_of(partition, PARTITIONS) for partition in range(PARTITIONS))


def post(client: httpx.Client, site: str, seconds: range) -> int:
    answer = client.post("/v1/readings", json=batch(site, seconds))
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    return int(answer.json()["accepted"])


@pytest.mark.parametrize("delivery", list(Delivery))
def test_killed_twice_it_loses_nothing_and_tells_nothing_twice_unless_told_to(
    kafka: str, tmp_path: Path, delivery: Delivery
) -> None:
    connection = fresh_connection(kafka)
    settings = settings_for(connection, tmp_path, PARTITIONS) | {"TIDEGATE_KAFKA__DELIVERY": delivery.value}
    assert topics("check", settings).returncode == 1
    assert topics("create", settings).returncode == 0
    sent = 0
    for life in range(3):
        with serving(tmp_path, **settings) as (process, client):
            parts = [range(start, start + 10) for start in range(60 * life, 60 * life + 60, 10)]
            for seconds in parts:
                sent += post(client, BY_REST, seconds)
            sent += asyncio.run(produce(connection, PARTITIONS, BY_TOPIC, parts))
            if life < 2:
                process.kill()
            else:
                assert settled(client, sent)["balance"] == all_scored(sent)
                process.terminate()
            process.wait(PATIENCE)
    asyncio.run(check_against_an_undisturbed_run(connection, tmp_path, PARTITIONS, repeats=delivery is Delivery.AT_LEAST_ONCE))


def test_it_waits_for_a_broker_that_went_away_and_goes_on_where_it_was(own_broker: Broker, tmp_path: Path) -> None:
    connection = fresh_connection(own_broker.address)
    settings = settings_for(connection, tmp_path, PARTITIONS)
    assert topics("create", settings).returncode == 0
    with serving(tmp_path, **settings) as (process, client):
        sent = post(client, BY_REST, range(20))
        own_broker.kill()
        refused = client.post("/v1/readings", json=batch(BY_REST, range(20, 30)), timeout=60)
        assert refused.status_code == httpx.codes.SERVICE_UNAVAILABLE, refused.text
        assert process.poll() is None
        own_broker.start()
        sent += asyncio.run(produce(connection, PARTITIONS, BY_REST, [range(20, 30)]))
        assert settled(client, sent)["balance"] == all_scored(sent)


def test_without_a_broker_or_topics_it_says_what_to_do(kafka: str, tmp_path: Path) -> None:
    for connection, complaint, code in (
        (KafkaConnection("127.0.0.1:9"), "cannot be reached", 3),
        (fresh_connection(kafka), "tidegate topics create", 2),
    ):
        done = subprocess.run(
            [*TIDEGATE, "serve", "--port", "0"],
            env=environment(**settings_for(connection, tmp_path, PARTITIONS)),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert complaint in done.stderr
        assert "Traceback" not in done.stderr
