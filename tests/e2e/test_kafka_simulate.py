"""`tidegate simulate --to kafka://…` feeds a service through the topics alone, and its devices follow the decisions."""

import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from kafka_logs import fresh_connection
from serving import PATIENCE, TIDEGATE, all_scored, environment, serving, settled

pytestmark = pytest.mark.kafka

READINGS = 6 * (100 + 3)
"""Six devices, a hundred readings each from the past and one a second for three seconds."""


def test_a_fleet_on_the_topics_is_scored_and_placed(kafka: str, tmp_path: Path) -> None:
    connection = fresh_connection(kafka)
    settings = {"TIDEGATE_KAFKA__TOPIC_PREFIX": connection.topic_prefix, "TIDEGATE_KAFKA__GROUP": connection.group}
    on_kafka = settings | {"TIDEGATE_KAFKA__BOOTSTRAP_SERVERS": kafka}
    _run("topics", "create", **on_kafka)
    fleet = ("--sites", "1", "--gateways", "3", "--devices", "6", "--rate", "6", "--backfill", "100", "--duration", "3")
    _run("simulate", "--to", f"kafka://{kafka}", *fleet, "--format", "packed", "--faults", "none", "--quiet", **settings)
    with serving(tmp_path, **on_kafka) as (_, client):
        assert settled(client, READINGS)["balance"] == all_scored(READINGS)
        assert len(_assigned(client)) == 6


def _assigned(client: httpx.Client) -> list[dict[str, Any]]:
    """The assignments once the read model has come that far."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found: list[dict[str, Any]] = client.get("/v1/sites/site-1/assignments").json()["items"]
        if found:
            return found
        assert time.monotonic() < deadline, client.get("/v1/summary").text
        time.sleep(0.02)


def _run(*words: str, **settings: str) -> None:
    done = subprocess.run(
        [*TIDEGATE, *words], env=environment(**settings), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
