"""A reading that really kills the process, again and again, until the service has found it; nothing else is lost."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from serving import environment, serving, settled
from support.poison import MAGIC
from tidegate.adapters.clock import SystemClock
from tidegate.adapters.embedded import EmbeddedLog
from tidegate.bootstrap.configuration import core_configuration, load_forecasters
from tidegate.settings import Settings
from tidegate_training.evaluate.acceptance.rerun import Identity, digest_after_recovery, published, rerun

PROFILE = "name: probe\ninterval_seconds: 1\nalarm: {alerts_per_device_day: 100}\nmetrics: {load: {unit: '1'}}\n"
POISONED = (sys.executable, "-m", "support.poisoned_serve")
SECONDS = 112
SPIKES = (100, 111)
MOST_DEATHS = 12


def batch(seconds: range, *, poison_at: int | None = None) -> dict[str, Any]:
    """A smooth wave of one device, far off at `SPIKES`; the reading of a second device at `poison_at` is the poison."""
    rows = [_row("d", second, 5000.0 if second in SPIKES else 100.0 + 5 * (second % 10)) for second in seconds]
    rows += [] if poison_at is None else [_row("evil", poison_at, MAGIC)]
    return {"site": "s", "readings": sorted(rows, key=lambda row: int(row["event_time_ms"]))}


def _row(device: str, second: int, value: float) -> dict[str, Any]:
    time_ms = 1_700_000_000_000 + 1000 * second
    return {"site": "s", "device": device, "profile": "probe", "event_time_ms": time_ms, "metrics": {"load": value}}


def post(client: httpx.Client, body: dict[str, Any]) -> None:
    answer = client.post("/v1/readings", json=body)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text


def test_a_reading_that_kills_the_process_is_found_by_restarts_alone(tmp_path: Path) -> None:
    (tmp_path / "probe.yaml").write_text(PROFILE)
    settings = {"TIDEGATE_PROFILES": f"[{tmp_path / 'probe.yaml'}]", "PYTHONPATH": os.pathsep.join(sys.path)}
    for name in ("calm", "rough"):
        (tmp_path / name).mkdir()
    with serving(tmp_path / "calm", **settings) as (_, client):
        post(client, batch(range(SECONDS)))
        settled(client, SECONDS)
    with serving(tmp_path / "rough", program=POISONED, **settings) as (process, client):
        post(client, batch(range(108)))
        settled(client, 108)
        post(client, batch(range(108, SECONDS), poison_at=110))
        assert process.wait() == -signal.SIGABRT
    deaths = 1
    while (summary := supervised(tmp_path / "rough", settings)) is None:
        deaths += 1
        assert deaths < MOST_DEATHS, (tmp_path / "rough" / "serve.log").read_text()[-3000:]
    expected = {"received": SECONDS + 1, "scored": SECONDS, "duplicate": 0, "quarantined": 0, "dead_lettered": 1}
    assert summary["balance"] == expected
    assert deaths > 3, "it did kill, and was looked for"
    calm = asyncio.run(told_and_replayed(tmp_path / "calm", tmp_path))
    assert asyncio.run(told_and_replayed(tmp_path / "rough", tmp_path)) == calm
    assert calm


def supervised(folder: Path, settings: dict[str, str]) -> dict[str, Any] | None:
    """One life of the service, as a supervisor gives it: its summary once nothing waits, None when it died before."""
    command = [*POISONED, "serve", "--port", str(free_port()), "--data-dir", str(folder / "data")]
    with (folder / "serve.log").open("a") as out, subprocess.Popen(command, stderr=out, env=environment(**settings)) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{command[command.index('--port') + 1]}") as client:
                while process.poll() is None:
                    summary = asked(client)
                    if summary is not None and not any(summary["lag"].values()):
                        return summary
                    time.sleep(0.02)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGABRT
    return None


def asked(client: httpx.Client) -> dict[str, Any] | None:
    """The summary, when there is somebody who gives one."""
    try:
        answer = client.get("/v1/summary")
    except httpx.TransportError:
        return None
    return answer.json() if answer.status_code == httpx.codes.OK else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def told_and_replayed(folder: Path, profiles: Path) -> Counter[Identity]:
    """The anomalies told; a replay of the whole journal gives them again, and the state that a restore gives."""
    settings = Settings(profiles=(profiles / "probe.yaml",))
    configuration = core_configuration(settings)
    forecasters = load_forecasters(settings, configuration)
    log = await EmbeddedLog.open(folder / "data" / "tidegate.db", partitions=1, clock=SystemClock())
    again = await rerun(log, forecasters, frozenset())
    anomalies, _ = await published(log)
    assert anomalies == again.anomalies
    assert await digest_after_recovery(log, forecasters, configuration) == again.digest
    await log.close()
    return anomalies
