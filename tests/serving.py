"""A real `tidegate serve` in a process of its own, for tests that meet the service from outside."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

TIDEGATE = (sys.executable, "-m", "tidegate.cli.main")
PATIENCE = 60.0


def environment(**settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TIDEGATE_")}
    return kept | {"TIDEGATE_LOGGING__FORMAT": "json", **settings}


@contextmanager
def serving(
    folder: Path, *options: str, program: Sequence[str] = TIDEGATE, **settings: str
) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """A running service on a free port, ready; killed at the end if it still runs. `settings` are environment variables."""
    log = folder / "serve.log"
    command = [*program, "serve", "--port", "0", "--data-dir", str(folder / "data"), *options]
    with log.open("a") as out, subprocess.Popen(command, stderr=out, text=True, env=environment(**settings)) as process:
        try:
            before = log.stat().st_size
            url = _address(process, log, before)
            with httpx.Client(base_url=url, timeout=PATIENCE) as client:
                _until_ready(client)
                yield process, client
        finally:
            process.kill()


def _address(process: subprocess.Popen[str], log: Path, start: int) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = re.findall(r'"url": "(http://[^"]+)"', log.read_text()[start:])
        if found:
            return str(found[-1])
        assert process.poll() is None, log.read_text()
        time.sleep(0.02)
    raise AssertionError(f"no address within {PATIENCE} s: {log.read_text()}")


def _until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + PATIENCE
    while client.get("/readyz").status_code != httpx.codes.OK:
        assert time.monotonic() < deadline, client.get("/readyz").text
        time.sleep(0.02)


def settled(client: httpx.Client, expected: int) -> dict[str, Any]:
    """The summary once `expected` readings were received and nothing waits."""
    deadline = time.monotonic() + 2 * PATIENCE
    while True:
        summary: dict[str, Any] = client.get("/v1/summary").json()
        if summary["balance"]["received"] >= expected and not any(summary["lag"].values()):
            return summary
        assert time.monotonic() < deadline, summary
        time.sleep(0.02)


def all_scored(count: int) -> dict[str, int]:
    return {"received": count, "scored": count, "duplicate": 0, "quarantined": 0, "dead_lettered": 0}
