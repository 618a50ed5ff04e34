"""`tidegate gateway` against a real service: devices move between agents, one of which is killed and one stands still."""

import json
import signal
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving import PATIENCE, TIDEGATE, environment, serving

LEASE, CLOCK_ERROR = 4.0, 1.0
SETTINGS = {
    "TIDEGATE_ALLOCATION__LEASE_SECONDS": str(LEASE),
    "TIDEGATE_ALLOCATION__CLOCK_ERROR_SECONDS": str(CLOCK_ERROR),
    "TIDEGATE_ALLOCATION__RESERVE_SECONDS": "5",
    "TIDEGATE_ALLOCATION__COOLDOWN_SECONDS": "1",
    "TIDEGATE_ALLOCATION__PERIOD_SECONDS": "3600",
}
GATEWAYS, DEVICES = ("gw-a", "gw-b", "gw-c"), [f"pump-{number}" for number in range(6)]


@dataclass
class Agent:
    process: subprocess.Popen[str]
    output: Path
    killed_ms: float = field(default=float("inf"))

    def intervals(self) -> Iterator[tuple[str, float, float]]:
        """Device, from and until when it was served at most, Unix ms: to the word of its end, or of its lease's, or its death."""
        open_since: dict[str, float] = {}
        for line in map(json.loads, self.output.read_text().splitlines()):
            if line["served"]:
                open_since[line["device"]] = line["at_ms"]
            else:  # a process that stood still says so late, and had no right to serve beyond its lease
                end = min(line["at_ms"], line["at_ms"] + 1000 * line["lease_seconds"])
                yield line["device"], open_since.pop(line["device"]), end
        for device, since in open_since.items():
            yield device, since, self.killed_ms


@contextmanager
def agents(folder: Path, to: str, settings: dict[str, str]) -> Iterator[dict[str, Agent]]:
    with ExitStack() as stack:
        running = {}
        for name in GATEWAYS:
            output = folder / f"{name}.jsonl"
            command = [*TIDEGATE, "gateway", "north", name, "--to", to, "--json", "--heartbeat", "1"]
            file, errors = stack.enter_context(output.open("w")), stack.enter_context((folder / f"{name}.err").open("w"))
            process = stack.enter_context(
                subprocess.Popen(command, stdout=file, stderr=errors, text=True, env=environment(**settings))
            )
            stack.callback(process.kill)
            running[name] = Agent(process, output)
        yield running


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def where(client: httpx.Client) -> dict[str, tuple[str | None, str]]:
    items = client.get("/v1/sites/north/assignments").json()["items"]
    return {each["device"]: (each["gateway"], each["phase"]) for each in items}


def busiest(client: httpx.Client) -> str:
    return Counter(at for at, _ in where(client).values() if at is not None).most_common(1)[0][0]


def order(client: httpx.Client, gateway: str, verb: str) -> None:
    assert client.post(f"/v1/sites/north/gateways/{gateway}/{verb}", json={"reason": "test"}).status_code == httpx.codes.ACCEPTED


def empty(client: httpx.Client, gateway: str) -> None:
    for name in GATEWAYS:
        order(client, name, "drain" if name == gateway else "uncordon")
    until(
        lambda: all(at not in (None, gateway) and phase == "active" for at, phase in where(client).values()), str(where(client))
    )


def overlaps(running: dict[str, Agent]) -> list[Any]:
    by_device = defaultdict(list)
    for name, agent in running.items():
        for device, since, until_ms in agent.intervals():
            by_device[device].append((since, until_ms, name))
    found = []
    for device, served in by_device.items():
        served.sort()
        found += [(device, one, two) for one, two in pairwise(served) if two[0] < one[1]]
    return found


@pytest.fixture(params=["rest", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> dict[str, str]:
    """Settings of an installation on Kafka, its topics made; none for the embedded log, where agents speak REST."""
    if request.param == "rest":
        return {}
    servers = request.getfixturevalue("kafka")
    names = {"BOOTSTRAP_SERVERS": servers, "TOPIC_PREFIX": "agents.", "GROUP": "agents", "PARTITIONS": "2"}
    settings = {f"TIDEGATE_KAFKA__{name}": value for name, value in names.items()}
    subprocess.run([*TIDEGATE, "topics", "create"], env=environment(**settings), check=True, capture_output=True)
    return settings


@pytest.mark.timeout(150)
def test_no_device_has_two_owners_while_agents_die_and_stand_still(tmp_path: Path, broker: dict[str, str]) -> None:
    topology = {
        "gateways": [{"id": name, "capacity": {"devices": 6}} for name in GATEWAYS],
        "devices": [{"id": name, "profile": "temperature-sensor", "gateway": "gw-a"} for name in DEVICES],
    }
    with ExitStack() as stack:
        _, client = stack.enter_context(serving(tmp_path, **SETTINGS, **broker))
        to = f"kafka://{broker['TIDEGATE_KAFKA__BOOTSTRAP_SERVERS']}" if broker else str(client.base_url)
        running = stack.enter_context(agents(tmp_path, to, broker))
        assert client.put("/v1/sites/north/topology", json=topology).status_code == httpx.codes.ACCEPTED
        until(lambda: running["gw-a"].output.read_text().count('"served":true') >= len(DEVICES), "gw-a serves its devices")
        empty(client, "gw-a")  # everybody answers
        still = busiest(client)
        until(lambda: '"served":true' in running[still].output.read_text(), "it serves before it stands still")
        running[still].process.send_signal(signal.SIGSTOP)
        empty(client, still)  # its leases have to run out
        running[still].process.send_signal(signal.SIGCONT)
        until(lambda: running[still].output.read_text().count('"served":false') > 0, "it learns that it stood still")
        dead = busiest(client)
        until(lambda: '"served":true' in running[dead].output.read_text(), "it serves before it dies")
        running[dead].process.kill()
        running[dead].killed_ms = time.time() * 1000
        empty(client, dead)
        for name in set(GATEWAYS) - {dead}:
            running[name].process.send_signal(signal.SIGTERM)
            assert running[name].process.wait(PATIENCE) == 0, (tmp_path / f"{name}.err").read_text()
        assert overlaps(running) == []
        served = [device for agent in running.values() for device, _, _ in agent.intervals()]
        assert len(served) > 2 * len(DEVICES), "they moved, and moved again"
