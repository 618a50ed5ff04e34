"""`tidegate deadletter` against a running service, and straight on Kafka: seen whole, sent again once it can be used, never
twice in effect."""

import asyncio
import base64
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from kafka_logs import fresh_connection, open_fresh
from serving import PATIENCE, TIDEGATE, environment, serving, settled
from tidegate.adapters.kafka import KafkaConnection
from tidegate.cli.exits import exit_code
from tidegate.cli.main import app
from tidegate.contracts import topics
from tidegate.contracts.content import ContentType, header
from tidegate.contracts.partitioner import partition_of
from tidegate.errors import TidegateError
from tidegate.ports import Outgoing

PROFILE = "name: probe\ninterval_seconds: 1\nmetrics: {load: {unit: '1'}}\n"
READINGS = 5
PARTITIONS = 2


def batch(count: int = READINGS, **changes: Any) -> dict[str, Any]:
    """Readings of one device of a profile that is not set up at first."""
    rows = [
        {"site": "s", "device": "d", "profile": "probe", "event_time_ms": 1_700_000_000_000 + 1000 * n, "metrics": {"load": n}}
        | changes
        for n in range(count)
    ]
    return {"site": "s", "readings": rows}


def post(client: httpx.Client, body: dict[str, Any]) -> None:
    answer = client.post("/v1/readings", json=body)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text


def deadletter(*words: str, code: int = 0) -> str:
    """Run the command as `tidegate` does, in this process; its standard output, or what it complained of when it fails."""
    done = CliRunner().invoke(app, ["deadletter", *words])
    if isinstance(done.exception, TidegateError):
        assert exit_code(done.exception) == code
        return done.output + str(done.exception)
    assert done.exit_code == code, (done.output, done.exception)
    return done.stdout


def read_so_far(client: httpx.Client, count: int, **which: bool) -> None:
    """Wait until the read model, which follows the log, has so many letters."""
    deadline = time.monotonic() + PATIENCE
    while len(client.get("/v1/deadletters", params=which).json()["items"]) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def found(*words: str) -> Any:
    """What the command says as JSON."""
    return json.loads(deadletter(*words, "--json"))


def test_letters_are_shown_and_replayed_through_the_door_without_a_double_effect(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, client):
        post(client, batch())
        post(client, batch(1, device="bell\u0007", event_time_ms=1_700_000_100_000))
        settled(client, READINGS + 1)
        read_so_far(client, READINGS + 1)
        url = ("--url", str(client.base_url))
        listed = deadletter("list", *url).splitlines()
        assert len(listed) == READINGS + 1
        assert "\u0007" not in "".join(listed)
        whole = found("list", "--reason", "unknown-profile", *url)
        assert [letter["index"] for letter in whole] == list(reversed(range(READINGS)))
        shown = deadletter("show", whole[0]["id"], *url)
        for text in ("Add the profile", '"device": "d"', "application/vnd.tidegate.batch+json"):
            assert text in shown
        assert "there is no dead letter" in deadletter("show", "0-4711", *url, code=2)
        assert "say which letters" in deadletter("replay", *url, code=2)
        assert f"would send {READINGS}" in deadletter("replay", "--device", "d", "--dry-run", *url)
        process.terminate()
        process.wait()
    (tmp_path / "probe.yaml").write_text(PROFILE)
    with serving(tmp_path, TIDEGATE_PROFILES=f"[{tmp_path / 'probe.yaml'}]") as (process, client):
        url = ("--url", str(client.base_url))
        assert f"sent {READINGS}, skipped 0" in deadletter("replay", "--reason", "unknown-profile", "--since", "1h", *url)
        balance = settled(client, 2 * READINGS + 1)["balance"]
        assert (balance["scored"], balance["duplicate"]) == (READINGS, 0)
        read_so_far(client, READINGS, replayed=True)
        assert f"skipped {READINGS}: {READINGS} already-replayed" in deadletter("replay", "--device", "d", *url)
        assert f"sent {READINGS}" in deadletter("replay", "--device", "d", "--again", *url)
        balance = settled(client, 3 * READINGS + 1)["balance"]
        assert (balance["scored"], balance["duplicate"]) == (READINGS, READINGS)
        bad = found("list", "--reason", "bad-identifier", *url)[0]["id"]
        deadletter("replay", bad, *url)
        settled(client, 3 * READINGS + 2)
        read_so_far(client, READINGS + 1, replayed=True)
        read_so_far(client, 1, replayed=False)
        [again] = [one for one in found("list", "--not-replayed", *url) if one["replays"]]
        assert again["replay_of"] == "tidegate.telemetry.v1/0/1/0"
        refused = json.loads(deadletter("replay", again["id"], "--json", *url, code=1))
        assert refused["skipped"] == {"too-many-replays": 1}
        process.kill()
        process.wait()
        without_a_door(bad, *url)


def without_a_door(*words: str) -> None:
    """As a process of its own: one line says what is wrong, and the sum what was sent until then."""
    command = [*TIDEGATE, "deadletter", "replay", "--again", *words]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "no answer from" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.startswith("sent 0")


@pytest.mark.kafka
def test_letters_are_replayed_straight_on_kafka_the_huge_ones_too(
    kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = fresh_connection(kafka)
    (tmp_path / "probe.yaml").write_text(PROFILE)
    asyncio.run(produce_astray(connection))
    settings = {"TIDEGATE_KAFKA__TOPIC_PREFIX": connection.topic_prefix, "TIDEGATE_KAFKA__GROUP": connection.group}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    settings |= {"TIDEGATE_KAFKA__BOOTSTRAP_SERVERS": kafka, "TIDEGATE_PROFILES": f"[{tmp_path / 'probe.yaml'}]"}
    source = ("--from", f"kafka://{kafka}")
    with serving(tmp_path, **settings) as (_, client):
        settled(client, READINGS + 1)
        letters = found("list", *source)
        assert [letter["reason"] for letter in letters] == ["wrong-partition", "not-json"]
        assert len(base64.b64decode(letters[0]["original"])) == 4096
        assert f"of which the first {512 * 1024:,} are kept" in deadletter("show", letters[0]["id"], *source)
        sent = found("replay", "--reason", "wrong-partition", *source)
        assert sent["letters"][0]["partition"] == partition_of("s", PARTITIONS)
        balance = settled(client, 2 * READINGS + 1)["balance"]
        assert (balance["scored"], balance["dead_lettered"]) == (READINGS, READINGS + 1)
    assert deadletter("list", *source).count("replayed 1×") == 1
    assert found("replay", "--all", "--dry-run", *source)["skipped"] == {"already-replayed": 1}
    assert "there is no dead letter" in deadletter("show", "1-4711", *source, code=2)
    assert "cannot be reached" in deadletter("list", "--from", "kafka://127.0.0.1:9", code=3)
    assert "kafka://host:port" in deadletter("list", "--from", "localhost:9092", code=2)


async def produce_astray(connection: KafkaConnection) -> None:
    """Something that is no message, and a huge batch in the partition of another site."""
    log = await open_fresh(connection, PARTITIONS)
    huge = json.dumps(batch() | {"pad": "x" * 600_000}).encode()
    wrong = 1 - partition_of("s", PARTITIONS)
    for value in (b"{", huge):
        await log.append([Outgoing(topics.TELEMETRY, wrong, b"k", value, header(ContentType.BATCH))])
    await log.close()
