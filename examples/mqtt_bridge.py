"""From MQTT to Tidegate: a message on `<anything>/<site>/<profile>/<device>` becomes a reading.

    pip install 'paho-mqtt>=2.1' httpx
    python mqtt_bridge.py --mqtt localhost:1883 --subscribe 'fleet/+/+/+' --to http://127.0.0.1:8080

The payload is a JSON object of metrics, `{"temperature_celsius": 71.3}`, and should say `event_time_ms`: a message that comes
twice is then recognised. Otherwise the time of arrival counts. A message is acknowledged to the broker only once Tidegate has
its reading on disk, so with QoS 1 and a session that the broker keeps nothing is lost while the bridge, the broker or
Tidegate is away. What Tidegate refuses goes to `refused/<topic>` with the reason.
"""

import argparse
import contextlib
import json
import logging
import os
import queue
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import httpx
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

MAX_BATCH = 1000
"""Messages per request: Tidegate takes 10,000; the broker's limit of unacknowledged messages usually comes first."""

LINGER_SECONDS = 0.02
"""A batch is closed once no message came for so long."""

SESSION_SECONDS = 7 * 24 * 3600
"""How long the broker keeps what comes while the bridge is away."""

PAUSE_SECONDS = 1.0
"""Before the same readings are sent again, where Tidegate does not say how long."""

log = logging.getLogger("mqtt_bridge")


class Bridge:
    """Messages wait in the broker, not here: it sends no more than may be unacknowledged."""

    def __init__(self, mqtt: Client, door: httpx.Client, stop: threading.Event) -> None:
        self._mqtt = mqtt
        self._door = door
        self._stop = stop
        self._waiting: queue.Queue[MQTTMessage] = queue.Queue()
        mqtt.on_message = lambda _client, _userdata, message: self._waiting.put(message)

    def run(self) -> None:
        """Send until told to stop; what is not acknowledged by then comes again after the next start."""
        while not self._stop.is_set():
            by_site: dict[str, list[tuple[MQTTMessage, dict[str, Any]]]] = defaultdict(list)
            for message in self._batch():
                try:
                    reading = reading_of(message)
                except ValueError as error:
                    self._refuse(message, str(error))
                else:
                    by_site[reading["site"]].append((message, reading))
            for pairs in by_site.values():
                self._deliver(pairs)

    def _batch(self) -> list[MQTTMessage]:
        batch: list[MQTTMessage] = []
        wait_seconds = 0.5
        with contextlib.suppress(queue.Empty):
            while len(batch) < MAX_BATCH:
                batch.append(self._waiting.get(timeout=wait_seconds))
                wait_seconds = LINGER_SECONDS
        return batch

    def _deliver(self, pairs: Sequence[tuple[MQTTMessage, dict[str, Any]]]) -> None:
        """Send until Tidegate has an opinion; a refused batch is taken apart, so that one bad reading holds up no other."""
        answer = self._ask([reading for _, reading in pairs])
        if answer is None:
            return
        if answer.is_success:
            for message, _ in pairs:
                self._mqtt.ack(message.mid, message.qos)
        elif len(pairs) == 1:
            self._refuse(pairs[0][0], answer.json().get("detail", answer.text))
        else:
            middle = len(pairs) // 2
            self._deliver(pairs[:middle])
            self._deliver(pairs[middle:])

    def _ask(self, readings: list[dict[str, Any]]) -> httpx.Response | None:
        """The answer, once it is final: taken or refused. None when the bridge stops before. A repeat has no second effect."""
        while not self._stop.is_set():
            pause = PAUSE_SECONDS
            try:
                answer = self._door.post("/v1/readings", json=readings)
            except httpx.TransportError as error:
                log.warning("no answer from Tidegate: %s", error)
            else:
                if answer.is_success or answer.status_code in (400, 413, 422):
                    return answer
                log.warning("Tidegate answered %d, sending again", answer.status_code)
                pause = float(answer.headers.get("retry-after", PAUSE_SECONDS))
            self._stop.wait(pause)
        return None

    def _refuse(self, message: MQTTMessage, why: str) -> None:
        log.warning("refused %s: %s", message.topic, why)
        properties = Properties(PacketTypes.PUBLISH)
        properties.UserProperty = [("reason", why[:1000])]
        self._mqtt.publish(f"refused/{message.topic}", message.payload, qos=1, properties=properties)
        self._mqtt.ack(message.mid, message.qos)


def reading_of(message: MQTTMessage) -> dict[str, Any]:
    """The reading that `message` stands for.

    Raises:
        ValueError: its topic or payload is of another form.
    """
    levels = message.topic.split("/")
    if len(levels) < 3:
        raise ValueError(f"topic {message.topic!r} does not end with site, profile and device")
    metrics = json.loads(message.payload)
    if not isinstance(metrics, dict):
        raise ValueError("the payload is not a JSON object of metrics")
    site, profile, device = levels[-3:]
    event_time_ms = metrics.pop("event_time_ms", int(time.time() * 1000))
    return {"site": site, "profile": profile, "device": device, "event_time_ms": event_time_ms, "metrics": metrics}


def connect(address: str, subscribe: str, client_id: str) -> Client:
    """A client with a lasting session, which subscribes whenever it is connected."""
    mqtt = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True)
    mqtt.on_connect = lambda client, *_: client.subscribe(subscribe, qos=1)
    host, _, port = address.rpartition(":")
    lasting = Properties(PacketTypes.CONNECT)
    lasting.SessionExpiryInterval = SESSION_SECONDS
    mqtt.connect(host, int(port), clean_start=False, properties=lasting)
    return mqtt


def main() -> None:
    """Run until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mqtt", default="localhost:1883", help="host:port of the broker")
    parser.add_argument(
        "--subscribe", default="fleet/+/+/+", help="topic filter; its last three levels are site, profile, device"
    )
    parser.add_argument("--to", default="http://127.0.0.1:8080", help="Tidegate's door")
    parser.add_argument("--client-id", default="tidegate-bridge", help="name of the session that the broker keeps")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    token = os.environ.get("TIDEGATE_TOKEN")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    mqtt = connect(options.mqtt, options.subscribe, options.client_id)
    with httpx.Client(base_url=options.to, headers=headers, timeout=10.0) as door:
        bridge = Bridge(mqtt, door, stop)
        mqtt.loop_start()
        log.info("bridging %s of %s to %s", options.subscribe, options.mqtt, options.to)
        bridge.run()
    mqtt.loop_stop()
    mqtt.disconnect()


if __name__ == "__main__":
    main()
