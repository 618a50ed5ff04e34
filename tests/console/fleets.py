"""Services with something to see: a simulated fleet, and a site whose names try to be more than text."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from serving import TIDEGATE, environment, serving

HOSTILE_SITE = "<img src=x onerror=document.title='owned'>"
HOSTILE_DEVICE = "\"'><script>document.title='owned'</script>/../%2e?&#"

_BACKFILL = 80


@contextmanager
def fleet(folder: Path, *options: str, **settings: str) -> Iterator[httpx.Client]:
    """A service, and `tidegate simulate` sending to it until the end."""
    with serving(folder, **settings) as (_, client), simulated(client, *options):
        yield client


@contextmanager
def simulated(client: httpx.Client, *options: str) -> Iterator[None]:
    command = [*TIDEGATE, "simulate", "--to", str(client.base_url), "--quiet", *options]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def break_pump(client: httpx.Client, site: str, device: str) -> None:
    """A pump that ran well until its pressure was beyond what the sensor can say."""
    now = time.time_ns() // 1_000_000
    readings = [_pump(site, device, now - (_BACKFILL - each) * 2000, 4.0 + each % 3 * 0.1) for each in range(_BACKFILL)]
    readings += [_pump(site, device, now + each, 900.0) for each in range(3)]
    client.post("/v1/readings", json={"site": site, "readings": readings}).raise_for_status()


def send_pump(client: httpx.Client, site: str, device: str, pressure: float) -> None:
    """One reading of now."""
    reading = _pump(site, device, time.time_ns() // 1_000_000, pressure)
    client.post("/v1/readings", json={"site": site, "readings": [reading]}).raise_for_status()


def command(client: httpx.Client, site: str, kind: str, **fields: Any) -> None:
    client.post("/v1/commands", json={"site": site, "kind": kind, **fields}).raise_for_status()


def eventually(look: Any, seconds: float = 30.0) -> Any:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, "not found in time"
        time.sleep(0.1)


def _pump(site: str, device: str, time_ms: int, pressure: float) -> dict[str, Any]:
    metrics = {
        "flow_litres_per_minute": 200.0,
        "pressure_bar": pressure,
        "vibration_mm_per_second": 2.0 + time_ms // 2000 % 5 * 0.1,
        "motor_celsius": 60.0,
    }
    return {"site": site, "device": device, "profile": "pump", "event_time_ms": time_ms, "metrics": metrics}
