"""The fleet of the soak: sends packed batches of made-up devices to Kafka at a steady pace, or a backlog at once.

    python benchmarks/soak_fleet.py --servers HOST:PORT --prefix P. --devices N --interval S [--rounds N] [--begin-ms T]

A process of its own, so that what it needs is not the service's. Until SIGTERM, or for `--rounds` rounds without waiting; then
says on standard output how many readings it sent. Event times are as planned, not as sent: a sender that is behind sends late
readings, it does not make the fleet slower.
"""

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
import typer
from aiokafka import AIOKafkaProducer
from numpy.typing import NDArray

from tidegate.contracts import topics
from tidegate.contracts.codec import encode, pack
from tidegate.contracts.content import ContentType, header
from tidegate.contracts.ids import DeviceId, GatewayId, MetricName, ProfileName, SiteId
from tidegate.contracts.packed import PackedBatch
from tidegate.contracts.partitioner import partition_of
from tidegate.contracts.topology import Gateway
from tidegate.fleet.placement import Placed, set_topology, topology_of

PARTITIONS: Final = 4
"""Of every topic."""

SITE_DEVICES: Final = 1250
"""Devices of one site: a town, not a country. Plans of a site are one record each."""

SITE_GATEWAYS: Final = 10
"""Gateways of one site; two of them may fail."""

MESSAGE_READINGS: Final = 250
"""Readings of one packed batch: what a concentrator gathers within a second or so."""

METRICS: Final = [MetricName("temperature_celsius"), MetricName("messages_per_second")]

SPIKES: Final = 1 / 50_000
"""Share of readings that are far off, so that anomalies open and close all the time."""

PROFILE: Final = """name: soak-sensor
interval_seconds: {interval}
metrics:
  temperature_celsius: {{unit: celsius, low: -40, high: 85, minimum_deviation: 1.0}}
  messages_per_second: {{unit: 1/s, low: 0, high: 1000, minimum_deviation: 2.0}}
demand:
  cpu_millicores: {{constant: 2, terms: [{{metric: messages_per_second, scale: 1.5}}]}}
"""
"""The devices' profile, to be filled with the interval in seconds."""


@dataclass(frozen=True)
class Block:
    """The devices of one message: `number` int64 [device] counts them over the whole fleet."""

    site: SiteId
    devices: list[DeviceId]
    number: NDArray[np.int64]

    def message(self, at_ms: int, noise: np.random.Generator) -> bytes:
        """One reading of each at `at_ms`: a slow wave of its own phase, noise, and now and then a spike."""
        phase = 2 * np.pi * (at_ms / 600_000 + self.number / 97)
        values = np.empty((len(self.devices), 2), "<f4")
        values[:, 0] = 21 + 4 * np.sin(phase) + noise.normal(0, 0.3, len(self.devices))
        values[:, 1] = np.abs(5 + 2 * np.cos(phase) + noise.normal(0, 0.5, len(self.devices)))
        values[noise.random(len(self.devices)) < SPIKES, 0] += 30
        times = np.full(len(self.devices), at_ms, "<i8").tobytes()
        return pack(PackedBatch(self.site, ProfileName("soak-sensor"), METRICS, self.devices, times, values.tobytes()))


def blocks(devices: int) -> list[Block]:
    """The fleet by message, those of a site together."""
    made = []
    for first in range(0, devices, SITE_DEVICES):
        site = SiteId(f"soak-{first // SITE_DEVICES}")
        for start in range(first, min(first + SITE_DEVICES, devices), MESSAGE_READINGS):
            number = np.arange(start, min(start + MESSAGE_READINGS, first + SITE_DEVICES, devices))
            made.append(Block(site, [DeviceId(f"sensor-{each}") for each in number], number))
    return made


def topology_commands(devices: int) -> Iterator[tuple[SiteId, bytes]]:
    """A topology for each site: gateways and devices strewn over a square, each device served by its nearest gateway."""
    for first in range(0, devices, SITE_DEVICES):
        place = np.random.default_rng(first)
        site, count = SiteId(f"soak-{first // SITE_DEVICES}"), min(SITE_DEVICES, devices - first)
        capacity = {"cpu_millicores": 2.5 * 12 * SITE_DEVICES / SITE_GATEWAYS, "devices": 2.5 * SITE_DEVICES / SITE_GATEWAYS}
        gateways = [Gateway(GatewayId(f"gw-{site}-{index}"), capacity) for index in range(SITE_GATEWAYS)]
        placed = [
            Placed(DeviceId(f"sensor-{first + index}"), ProfileName("soak-sensor"), x, y, {})
            for index, (x, y) in enumerate(place.uniform(0, 10, (count, 2)).tolist())
        ]
        topology = topology_of(site, 1, gateways, place.uniform(0, 10, (SITE_GATEWAYS, 2)), placed, most_links=4)
        yield site, encode(set_topology(topology))


async def send(servers: str, prefix: str, devices: int, interval: float, rounds: int, begin_ms: int) -> int:
    """Topologies, then readings; the number of readings sent, all of them on the log."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    producer = AIOKafkaProducer(bootstrap_servers=servers, linger_ms=5, max_request_size=10 * 2**20, enable_idempotence=True)
    async with producer:
        for site, value in topology_commands(devices):
            partition = partition_of(site, PARTITIONS)
            await producer.send_and_wait(prefix + topics.COMMANDS, value, site.encode(), partition)
        return await _readings(producer, prefix + topics.TELEMETRY, blocks(devices), interval, rounds, begin_ms, stop)


async def _readings(
    producer: AIOKafkaProducer,
    topic: str,
    fleet: list[Block],
    interval: float,
    rounds: int,
    begin_ms: int,
    stop: asyncio.Event,
) -> int:
    noise, sent, turn = np.random.default_rng(1), 0, 0
    began = time.monotonic()
    while not stop.is_set() and (not rounds or turn < rounds * len(fleet)):
        block, due = fleet[turn % len(fleet)], turn * interval / len(fleet)
        if not rounds and due > time.monotonic() - began:
            await asyncio.sleep(due - time.monotonic() + began)
        message = block.message(begin_ms + int(due * 1000), noise)
        partition = partition_of(block.site, PARTITIONS)
        await producer.send(topic, message, block.site.encode(), partition, headers=list(header(ContentType.PACKED)))
        sent += len(block.devices)
        turn += 1
    await producer.flush()
    return sent


def main(
    servers: Annotated[str, typer.Option()],
    prefix: Annotated[str, typer.Option()],
    devices: Annotated[int, typer.Option()],
    interval: Annotated[float, typer.Option(help="Seconds between two readings of a device.")],
    rounds: Annotated[int, typer.Option(help="Readings of each device, without waiting; 0: until SIGTERM, at the pace.")] = 0,
    begin_ms: Annotated[int, typer.Option(help="First event time; by default such that the last is about now.")] = 0,
) -> None:
    """Send, and say how much."""
    begin_ms = begin_ms or int((time.time() - rounds * interval) * 1000)
    print(json.dumps({"sent": asyncio.run(send(servers, prefix, devices, interval, rounds, begin_ms))}))


if __name__ == "__main__":
    typer.run(main)
