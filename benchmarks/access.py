"""What access control costs a post of readings: `python benchmarks/access.py`.

The door alone, in this process, over a log that takes everything: no network, no disk, no worker. Posts with and without
access control follow each other in turn, and what counts is the ratio of their medians. Printed, never asserted.
"""

import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from tidegate.adapters.clock import SystemClock
from tidegate.adapters.memory import MemoryKeys, MemoryLog
from tidegate.api.access.authenticator import AccessControl, Authenticator
from tidegate.api.access.keys import KeyRing, new_key
from tidegate.api.access.rates import Rate
from tidegate.api.app import create_app
from tidegate.api.asgi import Application
from tidegate.api.dependencies import ApiDependencies
from tidegate.api.feed import Feed
from tidegate.contracts.access import KeyRequest

ROUNDS = {1: 3000, 100: 1000, 1000: 200}
"""Posts of each kind, by readings in one."""


@dataclass
class Idle:
    """Live state and metrics of a service that has nothing to do."""

    async def lag(self) -> Mapping[str, int]:
        """Nothing waits."""
        return {}

    def http_request(self, *_: object) -> None:
        """Counts nothing."""


class Swallowing(MemoryLog):
    """Takes everything and keeps nothing."""

    async def append(self, records: Any) -> list[int]:
        """Take `records`."""
        return [0] * len(records)


def door(control: AccessControl) -> Application:
    """A door of its own with this access control."""
    clock, idle = SystemClock(), cast(Any, Idle())
    log = Swallowing(1, clock=clock)
    return cast(Application, create_app(ApiDependencies(log, cast(Any, None), idle, idle, clock, Feed(log), access=control)))


def body_of(count: int) -> bytes:
    """A batch of `count` readings."""
    readings = [
        {"site": "s", "device": f"d{n}", "profile": "pump", "event_time_ms": n, "metrics": {"motor_celsius": 61.5}}
        for n in range(count)
    ]
    return msgspec.json.encode({"site": "s", "readings": readings})


async def post(app: Application, body: bytes, credential: str) -> float:
    """Seconds that one post takes."""
    headers = [(b"content-type", b"application/json"), (b"authorization", f"Bearer {credential}".encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/readings", "query_string": b"", "client": ("127.0.0.1", 1)}
    statuses = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        if "status" in message:
            statuses.append(message["status"])

    began = time.perf_counter()
    await app(scope | {"headers": headers}, receive, send)
    took = time.perf_counter() - began
    assert statuses == [202], statuses
    return took


async def main() -> None:
    """Measure, and print a line for each size."""
    keys, clock = MemoryKeys(), SystemClock()
    stored, made = new_key(KeyRequest("benchmark", ["producer@s"]), "benchmark", clock.now_ms())
    await keys.add(stored)
    arms = {
        "off": door(AccessControl()),
        "on": door(AccessControl(Authenticator(KeyRing(keys, clock)), Rate(per_second=1e6, burst=10**9))),
    }
    for count, rounds in ROUNDS.items():
        body, took = body_of(count), defaultdict(list)
        for number in range(rounds + 50):
            for name, app in arms.items():
                seconds = await post(app, body, made.secret)
                if number >= 50:
                    took[name].append(seconds)
        off, on = (statistics.median(took[name]) * 1e6 for name in ("off", "on"))
        print(f"{count:>5} readings: {off:7.0f} µs without, {on:7.0f} µs with, ratio {on / off:.2f}")


if __name__ == "__main__":
    asyncio.run(main())
