"""The MQTT bridge of the examples between a real broker (mosquitto) and a running service."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from needs import Need, not_found
from serving import PATIENCE, environment, serving

BRIDGE = Path(__file__).parents[2] / "examples" / "mqtt_bridge.py"
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
NEED = Need(
    "mosquitto",
    lambda: not_found([] if MOSQUITTO else ["mosquitto"]),
    "TIDEGATE_REQUIRE_MQTT",
    "NOT RUN AGAINST MQTT",
    "Install Debian's mosquitto.",
)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[int]:
    NEED.ask()
    port = _free_port()
    configuration = tmp_path / "mosquitto.conf"
    configuration.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    with subprocess.Popen([str(MOSQUITTO), "-c", str(configuration)], stderr=subprocess.DEVNULL) as process:
        _until(lambda: _listens(port), "mosquitto")
        yield port
        process.terminate()


@contextmanager
def bridging(folder: Path, mqtt: int, door: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(BRIDGE), "--mqtt", f"127.0.0.1:{mqtt}", "--to", door]
    with (folder / "bridge.log").open("a") as log, subprocess.Popen(command, stderr=log, text=True, env=environment()) as process:
        _until(lambda: "bridging" in (folder / "bridge.log").read_text(), "the bridge")
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def publisher(port: int, *topics: str) -> Iterator[tuple[Client, list[Any]]]:
    heard: list[Any] = []
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_message = lambda _client, _userdata, message: heard.append(message)
    client.connect("127.0.0.1", port)
    for topic in topics:
        client.subscribe(topic, qos=1)
    client.loop_start()
    try:
        yield client, heard
    finally:
        client.loop_stop()
        client.disconnect()


def say(client: Client, device: str, payload: str, site: str = "plant-1") -> None:
    client.publish(f"fleet/{site}/temperature-sensor/{device}", payload, qos=1).wait_for_publish(PATIENCE)


def test_what_is_published_becomes_readings_also_what_came_while_the_bridge_was_away(tmp_path: Path, mosquitto: int) -> None:
    with serving(tmp_path) as (_, service), publisher(mosquitto, "refused/#") as (client, refused):
        with bridging(tmp_path, mosquitto, str(service.base_url)) as bridge:
            for number in range(30):
                say(client, f"boiler-{number % 3}", f'{{"temperature_celsius": {60 + number / 10}}}')
            say(client, "boiler-0", "not JSON")
            say(client, "boiler-0", '{"temperature_celsius": "warm"}')
            _until(lambda: _received(service) == 30, "30 readings")
            _until(lambda: len(refused) == 2, "two refusals")
            bridge.send_signal(signal.SIGTERM)
            assert bridge.wait(PATIENCE) == 0
        for number in range(5):
            say(client, f"late-{number}", '{"temperature_celsius": 61.5, "humidity_percent": 40}')
        with bridging(tmp_path, mosquitto, str(service.base_url)):
            _until(lambda: _received(service) == 35, "35 readings")
    assert all(dict(message.properties.UserProperty)["reason"] for message in refused)
    assert sorted(message.payload for message in refused) == [b"not JSON", b'{"temperature_celsius": "warm"}']


def _received(service: Any) -> int:
    return int(service.get("/v1/summary").json()["balance"]["received"])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until(look: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)
