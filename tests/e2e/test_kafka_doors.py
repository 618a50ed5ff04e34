"""Two doors and a worker on Kafka, one history in PostgreSQL: both show the same, live and afterwards, and it is made again."""

import json
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from kafka_serving import PROFILE
from postgres import PASSWORD, Postgres
from serving import PATIENCE, TIDEGATE, environment, serving

TOKEN = "0123456789abcdef0123456789abcdef"
COMMANDS = 5


def settings_for(kafka: str, folder: Path, database: str) -> dict[str, str]:
    profiles = folder / "profiles"
    profiles.mkdir()
    (profiles / "probe.yaml").write_text(PROFILE)
    return {
        "TIDEGATE_KAFKA__BOOTSTRAP_SERVERS": kafka,
        "TIDEGATE_KAFKA__TOPIC_PREFIX": "doors.",
        "TIDEGATE_KAFKA__GROUP": "doors",
        "TIDEGATE_PROFILES": json.dumps([str(profiles)]),
        "TIDEGATE_HISTORY__URL": database,
        "TIDEGATE_HISTORY__PASSWORD": PASSWORD,
        "TIDEGATE_ACCESS__WORKER_TOKEN": TOKEN,
    }


def run(settings: dict[str, str], *words: str) -> str:
    done = subprocess.run([*TIDEGATE, *words], capture_output=True, text=True, check=False, env=environment(**settings))
    assert done.returncode == 0, done.stderr
    return done.stdout


def until(look: Callable[[], Any], wanted: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)


@pytest.mark.kafka
@pytest.mark.postgres
def test_two_doors_with_one_history_agree_and_it_is_made_again_from_the_topics(
    kafka: str, postgres: Postgres, tmp_path: Path
) -> None:
    settings = settings_for(kafka, tmp_path, postgres.new_database())
    run(settings, "topics", "create")
    with ExitStack() as stack:
        _, worker = stack.enter_context(serving(_folder(tmp_path, "worker"), "--roles", "worker", **settings))
        apart = settings | {"TIDEGATE_API__WORKERS": json.dumps([str(worker.base_url).rstrip("/")])}
        doors = [stack.enter_context(serving(_folder(tmp_path, name), "--roles", "api", **apart))[1] for name in ("one", "other")]
        streams = [stack.enter_context(door.stream("GET", "/v1/stream", params={"kind": "outcome"})) for door in doors]
        for number in range(COMMANDS):
            window = {"id": f"w{number}", "from_ms": 1000, "until_ms": 2000}
            command = {"id": f"c{number}", "site": "hall", "kind": "declare-maintenance", "window": window}
            sent = doors[number % 2].post("/v1/commands", json=command)
            assert sent.status_code == httpx.codes.ACCEPTED, sent.text
        told = [_outcomes(stream) for stream in streams]
        assert told[0] == told[1]
        assert sorted(told[0]) == [f"c{number}" for number in range(COMMANDS)]
        until(lambda: [_shown(door) for door in doors], [dict.fromkeys(sorted(told[0]), "accepted")] * 2)
        rows = _rows(settings)
        assert rows["commands"] == COMMANDS
        again = json.loads(run(settings, "history", "rebuild", "--yes", "--json"))
        assert again["forgot"] is True
        until(lambda: _rows(settings), rows)


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


def _outcomes(stream: httpx.Response) -> list[str]:
    """The first outcomes of a live stream, one for each command."""
    found: list[str] = []
    for line in stream.iter_lines():
        if line.startswith("data: "):
            found.append(json.loads(line.removeprefix("data: "))["command"])
        if len(found) == COMMANDS:
            break
    return found


def _shown(door: httpx.Client) -> dict[str, Any]:
    answers = {f"c{number}": door.get(f"/v1/commands/c{number}") for number in range(COMMANDS)}
    return {name: answer.json().get("status") for name, answer in answers.items()}


def _rows(settings: dict[str, str]) -> dict[str, int]:
    found: dict[str, int] = json.loads(run(settings, "history", "status", "--json"))["rows"]
    return found
