"""Starts service, fleet, Prometheus and Alertmanager with the configuration that is shipped, on free loopback ports."""

import json
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml

from serving import TIDEGATE, environment, serving

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PATIENCE_SECONDS = 100.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stack:
    """Where the parts answer."""

    service: httpx.Client
    prometheus: httpx.Client
    alertmanager: httpx.Client

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query, without those that are not a number."""
        answer = self.prometheus.get("/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", (expression, answer)
        return [series for series in answer["data"]["result"] if series["value"][1] != "NaN"]


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


def running_stack(folder: Path, closing: ExitStack) -> Stack:
    """Start everything, each part ended by `closing`."""
    _, service = closing.enter_context(serving(folder))
    address = f"{service.base_url.host}:{service.base_url.port}"
    _start(closing, folder, "fleet", [*TIDEGATE, "simulate", "--to", str(service.base_url), "--faults", "demo"])
    alertmanager = f"127.0.0.1:{_free_port()}"
    _start(
        closing,
        folder,
        "alertmanager",
        [
            "prometheus-alertmanager",
            f"--config.file={DEPLOY / 'alertmanager' / 'alertmanager.yml'}",
            f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address={alertmanager}",
            "--cluster.listen-address=",
        ],
    )
    prometheus = f"127.0.0.1:{_free_port()}"
    _start(
        closing,
        folder,
        "prometheus",
        [
            "prometheus",
            f"--config.file={_configuration(folder, address, alertmanager)}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address={prometheus}",
        ],
    )
    stack = Stack(service, *(closing.enter_context(httpx.Client(base_url=f"http://{at}")) for at in (prometheus, alertmanager)))
    until(lambda: stack.prometheus.get("/-/ready").is_success and stack.alertmanager.get("/-/ready").is_success, "the stack")
    return stack


def _start(closing: ExitStack, folder: Path, name: str, command: list[str]) -> None:
    said = closing.enter_context((folder / f"{name}.log").open("w"))
    process = closing.enter_context(subprocess.Popen(command, stdout=said, stderr=said, env=environment()))
    closing.callback(process.kill)


def _configuration(folder: Path, service: str, alertmanager: str) -> Path:
    """The shipped configuration and rules; only addresses and the pace are of this machine."""
    shipped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    shipped["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    shipped["rule_files"] = [str(DEPLOY / "prometheus" / name) for name in shipped["rule_files"]]
    shipped["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    shipped["scrape_configs"] = [
        job | {"static_configs": [{"targets": [service]}]} for job in shipped["scrape_configs"] if job["job_name"] == "tidegate"
    ]
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(shipped))  # JSON is YAML
    return file


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
