"""The compose file's services as processes: its commands, environment, mounts, secrets and start order; only addresses differ.

Each service has a loopback address of its own and keeps its port, so that host names are all that has to be replaced. What
images bring with them and no compose file says (entry points, where ours listens) is in `ENTRY` and `IMAGE`.
"""

import random
import re
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import yaml

from broker import brokers
from postgres import PASSWORD, postgres_server
from serving import TIDEGATE, environment

ROOT: Final = Path(__file__).resolve().parents[2]
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
PATIENCE_SECONDS: Final = 90.0

ENTRY: Final = {"prometheus": ("prometheus",), "alertmanager": ("prometheus-alertmanager",)}
"""What an image runs; ours run `tidegate`."""

LISTENS: Final = {"prometheus": ("--web.listen-address={}:9090",), "alertmanager": ("--web.listen-address={}:9093",)}
"""A container listens on all of its own addresses; here all services share the machine's."""

ELSEWHERE: Final = {"grafana"}
"""Debian has no Grafana: of it the tests run the queries that its dashboards send."""


def start_order() -> list[str]:
    """Every service after those it depends on."""
    ordered: list[str] = []
    while len(ordered) < len(SERVICES):
        ordered += [name for name in SERVICES if name not in ordered and set(_needs(name)) <= set(ordered)]
    return [name for name in ordered if name not in ELSEWHERE]


def _needs(name: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = SERVICES[name].get("depends_on", {})
    return found


def is_ours(name: str) -> bool:
    """Whether the service is made from our Dockerfile."""
    return "build" in SERVICES[name]


T = TypeVar("T")


def until(look: Callable[[], T], what: str) -> T:
    """What `look` finds, as soon as it finds anything."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            found = look()
        except httpx.TransportError:  # not up yet
            found = None
        if found:
            return found
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.2)


@dataclass
class Stack:
    """The running services."""

    folder: Path
    closing: ExitStack
    hosts: dict[str, str] = field(default_factory=dict)
    """What stands in a text for a service's host and port, and what to put there."""
    processes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)
    clients: dict[str, httpx.Client] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)
    """Seconds from the start until each service was what others wait for."""

    @property
    def prometheus(self) -> httpx.Client:
        """Prometheus' door."""
        return self.client("prometheus")

    @property
    def alertmanager(self) -> httpx.Client:
        """Alertmanager's door."""
        return self.client("alertmanager")

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query, without those that are not a number."""
        answer = self.prometheus.get("/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", (expression, answer)
        return [series for series in answer["data"]["result"] if series["value"][1] != "NaN"]

    def up(self) -> None:
        """Start everything, each service once those it depends on are as it wants them."""
        net = f"127.{random.randint(64, 250)}.{random.randint(1, 250)}"
        self.addresses = {name: f"{net}.{number}" for number, name in enumerate(SERVICES, 10)}
        started = time.monotonic()
        for name in start_order():
            for other, wanted in _needs(name).items():
                self._wait(other, wanted["condition"])
                self.ready.setdefault(other, time.monotonic() - started)
            self._start(name)
        for name in start_order():
            self._wait(name, "service_healthy" if self._asks(name) else "service_started")
            self.ready.setdefault(name, time.monotonic() - started)

    def client(self, name: str) -> httpx.Client:
        """A client of the service's door."""
        if name not in self.clients:
            port = {"prometheus": 9090, "alertmanager": 9093}.get(name, 8080)
            client = httpx.Client(base_url=f"http://{self.addresses[name]}:{port}", timeout=30)
            self.clients[name] = self.closing.enter_context(client)
        return self.clients[name]

    def said(self, name: str) -> str:
        """What the service wrote."""
        file = self.folder / f"{name}.log"
        return file.read_text(errors="replace")[-3000:] if file.exists() else ""

    def kill(self, name: str) -> None:
        """End a service at once."""
        self.processes[name].kill()
        self.processes[name].wait()

    def local(self, text: str, name: str = "") -> str:
        """`text` with this machine's addresses and folders for host names and for what is mounted into `name`."""
        for mount in SERVICES[name].get("volumes", ()) if name else ():
            source, target = mount.split(":")[:2]
            text = re.sub(rf"(?<![\w/]){re.escape(target)}(?=$|/)", str(self._mounted(source)), text)
        text = text.replace("/run/secrets/", f"{self.folder}/secrets/")
        for stated, real in self.hosts.items():
            text = text.replace(stated, real)
        return re.sub(
            rf"\b({'|'.join(map(re.escape, self.addresses))}):(?=\d)", lambda found: self.addresses[found[1]] + ":", text
        )

    def _start(self, name: str) -> None:
        if name == "kafka":
            self.hosts["kafka:9092"] = self.closing.enter_context(brokers())[0].address
        elif name == "postgres":
            url = self.closing.enter_context(postgres_server()).new_database()
            self.hosts["postgres:5432/tidegate"] = url.partition("@")[2]
            self._keep_secrets()
        else:
            self._run(name)

    def _keep_secrets(self) -> None:
        """PostgreSQL was made with the tests' own password: it stands where the compose file's local one would."""
        (self.folder / "secrets").mkdir()
        for secret in COMPOSE["secrets"]:
            (self.folder / "secrets" / secret).write_text(PASSWORD + "\n")

    def _run(self, name: str) -> None:
        service, address = SERVICES[name], self.addresses[name]
        command = [*ENTRY.get(name, TIDEGATE), *(self.local(word, name) for word in service["command"])]
        command += [word.format(address) for word in LISTENS.get(name, ())]
        stated = {key: self.local(value, name) for key, value in service.get("environment", {}).items()}
        said = self.closing.enter_context((self.folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            command, stdout=said, stderr=said, env=environment(**self._image(name), **stated), cwd=self.folder
        )
        self.processes[name] = self.closing.enter_context(process)
        self.closing.callback(process.kill)

    def _image(self, name: str) -> dict[str, str]:
        """What the Dockerfile sets, of this machine."""
        if not is_ours(name):
            return {}
        return {"TIDEGATE_API__HOST": self.addresses[name], "TIDEGATE_LOG__PATH": str(self.folder / name / "tidegate.db")}

    def _mounted(self, source: str) -> Path:
        """A named volume is an empty folder; a folder of ours is copied, with addresses of this machine and a quicker pace."""
        if not source.startswith("./"):
            return self.folder / "volumes" / source
        copy = self.folder / source
        if not copy.exists():
            copy.mkdir(parents=True)
            for file in (ROOT / source).glob("*.yml"):
                text = self.local(file.read_text())
                (copy / file.name).write_text(re.sub(r"(scrape|evaluation)_interval: 10s", r"\1_interval: 1s", text))
        return copy

    def _asks(self, name: str) -> str:
        """The path by which the service's health is asked for; empty where it is not asked."""
        if is_ours(name):
            long_lived = SERVICES[name]["command"] == ["serve"]
            return "/healthz" if long_lived else ""
        asked = re.search(r"http://localhost:\d+(/\S+)", SERVICES[name]["healthcheck"]["test"][-1])
        return asked[1] if asked else ""

    def _wait(self, name: str, condition: str) -> None:
        if name in {"kafka", "postgres"} or condition == "service_started":
            return  # they came up before `_start` returned
        if condition == "service_completed_successfully":
            assert self.processes[name].wait(PATIENCE_SECONDS) == 0, self.said(name)
            return
        client, path, deadline = self.client(name), self._asks(name), time.monotonic() + PATIENCE_SECONDS
        while True:
            assert self.processes[name].poll() is None and time.monotonic() < deadline, f"{name}: {self.said(name)}"
            try:
                if client.get(path).is_success:
                    return
            except httpx.TransportError:
                pass  # not up yet
            time.sleep(0.1)
