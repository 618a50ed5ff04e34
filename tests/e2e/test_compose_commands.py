"""What the compose file runs, run without containers: its own commands and environment, only addresses are of this machine."""

import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from serving import PATIENCE, TIDEGATE, environment, serving

COMPOSE: dict[str, Any] = yaml.safe_load((Path(__file__).resolve().parents[2] / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
WORKERS = [name for name in SERVICES if name.startswith("worker")]

pytestmark = pytest.mark.kafka


@pytest.fixture
def settings(kafka: str) -> dict[str, str]:
    """The compose file's environment of any of our services, on the broker of the tests and apart from other tests."""
    stated = [SERVICES[name]["environment"] for name in (*WORKERS, "topics", "fleet")]
    assert all(each == stated[0] for each in stated)
    unique = f"t{uuid4().hex[:8]}"
    own = {"TIDEGATE_KAFKA__GROUP": unique, "TIDEGATE_KAFKA__TOPIC_PREFIX": f"{unique}."}
    return {name: value.replace("kafka:9092", kafka) for name, value in stated[0].items()} | own


def command(name: str, kafka: str) -> list[str]:
    return [*TIDEGATE, *(word.replace("kafka:9092", kafka) for word in SERVICES[name]["command"])]


def test_topics_two_workers_and_a_fleet_come_up_and_share_the_work(settings: dict[str, str], tmp_path: Path) -> None:
    kafka = settings["TIDEGATE_KAFKA__BOOTSTRAP_SERVERS"]
    made = subprocess.run(command("topics", kafka), env=environment(**settings), capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    with ExitStack() as closing:
        doors = []
        for name in WORKERS:
            assert SERVICES[name]["command"] == ["serve"]
            (tmp_path / name).mkdir()
            doors.append(closing.enter_context(serving(tmp_path / name, **settings))[1])
        said = closing.enter_context((tmp_path / "fleet.log").open("w+"))
        fleet = closing.enter_context(
            subprocess.Popen(command("fleet", kafka), env=environment(**settings), stdout=said, stderr=said)
        )
        closing.callback(fleet.kill)
        deadline = time.monotonic() + 2 * PATIENCE
        while not all(door.get("/v1/summary").json()["balance"]["scored"] > 100 for door in doors):
            assert fleet.poll() is None and time.monotonic() < deadline, (tmp_path / "fleet.log").read_text()
            time.sleep(0.1)
        owned = [{view["partition"] for view in door.get("/v1/partitions").json()} for door in doors]
        assert owned[0] | owned[1] == set(range(4))
        assert owned[0] & owned[1] == set()
