"""A producer many times faster than the service: what is not taken yet waits on Kafka and not in memory; nothing is lost."""

import json
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from kafka_logs import fresh_connection
from serving import PATIENCE, TIDEGATE, all_scored, environment, serving, settled

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
DEVICES = 2000
FIRST, FLOOD = 5, 100
"""Readings of each device: to get to know them, and at once."""

MOST_GROWTH_BYTES = 64 * 2**20
"""A batch and its outputs for each partition, twice over. The flood as readings in memory would be more."""


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def send(servers: str, prefix: str, rounds: int, begin_ms: int) -> int:
    options = ["--servers", servers, "--prefix", prefix, "--devices", str(DEVICES), "--interval", "1"]
    options += ["--rounds", str(rounds), "--begin-ms", str(begin_ms)]
    command = [sys.executable, str(BENCHMARKS / "soak_fleet.py"), *options]
    return int(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["sent"])


def received(client: httpx.Client) -> int:
    return int(client.get("/v1/summary").json()["balance"]["received"])


def test_a_flood_waits_on_the_log_and_not_in_memory_and_every_reading_is_accounted_for(kafka: str, tmp_path: Path) -> None:
    connection = fresh_connection(kafka)
    profile = tmp_path / "soak.yaml"
    command = [sys.executable, "-c", "import soak_fleet; print(soak_fleet.PROFILE.format(interval=1))"]
    profile.write_text(subprocess.run(command, cwd=BENCHMARKS, check=True, capture_output=True, text=True).stdout)
    settings = {
        "TIDEGATE_KAFKA__BOOTSTRAP_SERVERS": kafka,
        "TIDEGATE_KAFKA__TOPIC_PREFIX": connection.topic_prefix,
        "TIDEGATE_KAFKA__GROUP": connection.group,
        "TIDEGATE_WORKER__BATCH_BYTES": "65536",
        "TIDEGATE_PROFILES": json.dumps([str(profile)]),
    }
    subprocess.run([*TIDEGATE, "topics", "create"], env=environment(**settings), check=True, capture_output=True)
    with serving(tmp_path, **settings) as (process, client):
        begin_ms = int(time.time() - FIRST - FLOOD) * 1000
        sent = send(kafka, connection.topic_prefix, FIRST, begin_ms)
        assert settled(client, sent)["balance"] == all_scored(sent)
        before = resident_bytes(process.pid)
        flood = send(kafka, connection.topic_prefix, FLOOD, begin_ms + FIRST * 1000)
        taken = received(client) - sent
        assert taken < flood / 4, "the producer has to be much faster"
        most, lags, deadline = 0, [], time.monotonic() + 2 * PATIENCE
        while received(client) < sent + flood:
            most = max(most, resident_bytes(process.pid))
            lags.append(sum(client.get("/v1/summary").json()["lag"].values()))
            assert time.monotonic() < deadline, lags
        assert most - before < MOST_GROWTH_BYTES, (most, before)
        assert lags == sorted(lags, reverse=True), "with nobody sending, the lag only falls"
        assert settled(client, sent + flood)["balance"] == all_scored(sent + flood)
