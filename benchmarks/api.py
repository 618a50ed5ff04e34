"""The REST door in figures: `python benchmarks/api.py --out docs/results/api.json`; `make api-bench` calls it.

One running service with a fleet of 200 devices and its history. A light load of mixed requests gives the time of each
endpoint; schemathesis gives its failures; posts of 1,000 readings are held against bare ASGI on the same server, in turn.
"""

import asyncio
import random
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import httpx
import typer

import ceilings
import door
from e2e import api_fuzz
from run import PER_POST, _free_port
from tidegate.contracts.codec import encode
from tidegate_training.evaluate import results

REQUESTS_PER_SECOND: Final = 20.0
"""Of the light load, all endpoints together: a few consoles and a dozen gateways."""

DEVICES: Final = 200

UNMEASURED: Final = {"/v1/stream", "/metrics"}
"""Endless, and not JSON for callers."""

NOTES: Final = (
    "One process, embedded log with synchronous=FULL, SQLite history, access control off; 200 devices send every 2 s meanwhile.",
    "Light load: 20 requests/s over all endpoints in turn, ids taken from the lists; times are the client's, on loopback, and "
    "include the load generator's own turn on the same two cores.",
    "schemathesis: all checks, all phases, one seed; requests are its cases. `GET /v1/stream` never ends and is left out.",
    "Ingest: posts of 1,000 readings over one connection, service and bare ASGI with msgspec in turn, median of the ratios.",
)


def main(
    out: Annotated[Path | None, typer.Option(help="Results file to write.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds of light load.")] = 120.0,
    fuzz_seconds: Annotated[int, typer.Option(min=10, help="Seconds of schemathesis, at most.")] = 180,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of ingest.")] = 5,
) -> None:
    """Measure the door and print its figures."""
    load = light_load(seconds)
    findings = fuzzed(fuzz_seconds)
    ingest = against_bare(rounds)
    figures = {
        "endpoints": findings.operations,
        "schemathesis_failures": findings.failures,
        "requests": findings.requests,
        "load": {"requests_per_second": REQUESTS_PER_SECOND, "seconds": seconds, **load["all"]},
        "p99_ms_by_endpoint": load["by_endpoint"],
        "ingest_of_1000_readings": ingest,
    }
    print(encode(figures).decode())
    if out is not None:
        options = f" --seconds {seconds:g} --fuzz-seconds {fuzz_seconds} --rounds {rounds}"
        made = results.collect("REST", f"python benchmarks/api.py --out docs/results/{out.name}{options}", figures, NOTES)
        results.write(made, out)


def light_load(seconds: float) -> dict[str, Any]:
    """Milliseconds by endpoint under the light load."""
    with TemporaryDirectory() as folder:
        port = _free_port()
        with door.service(port, Path(folder)):
            url = f"http://127.0.0.1:{port}"
            fleet = _fleet(url, folder)
            try:
                _until_filled(url)
                return asyncio.run(_load(url, seconds))
            finally:
                fleet.terminate()
                fleet.wait()


def fuzzed(seconds: int) -> api_fuzz.Findings:
    """Schemathesis over a service of its own: it freezes sites and sends what no fleet would."""
    with TemporaryDirectory() as folder:
        port = _free_port()
        with door.service(port, Path(folder)):
            url = f"http://127.0.0.1:{port}"
            api_fuzz.fill(url, Path(folder))
            return api_fuzz.run(url, Path(folder) / "report.json", examples=20, seconds=seconds, seed=1)[0]


def against_bare(rounds: int, posts: int = 40) -> dict[str, float]:
    """Posts per second of the service and of bare ASGI, in turn, and the median of their ratios."""
    bodies = [ceilings.batch_json([ceilings.reading_json(device, step) for device in range(PER_POST)]) for step in range(posts)]
    bare: list[float] = []
    served: list[float] = []
    for _ in range(rounds):
        with TemporaryDirectory() as folder:
            bare_port, port = _free_port(), _free_port()
            with door.bare_server(bare_port), door.service(port, Path(folder)):
                bare.append(door.posts_per_second(bare_port, bodies))
                served.append(door.posts_per_second(port, bodies))
    ratio = statistics.median(one / other for one, other in zip(served, bare, strict=True))
    return {
        "ratio_to_bare_asgi": ratio,
        "posts_per_second": statistics.median(served),
        "posts_per_second_bare": statistics.median(bare),
        "rounds": rounds,
    }


def _fleet(url: str, folder: str) -> "subprocess.Popen[bytes]":
    size = ["--sites", "4", "--gateways", "4", "--devices", str(DEVICES // 4), "--backfill", "120"]
    command = [sys.executable, "-m", "tidegate.cli.main", "simulate", "--to", url, "--quiet", *size]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _until_filled(url: str) -> None:
    deadline = time.monotonic() + 240
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        while time.monotonic() < deadline:
            summary = client.get("/v1/summary").json()
            if summary["balance"]["scored"] >= DEVICES * 120 and summary["anomalies"] and summary["decisions"]:
                return
            time.sleep(1)
    raise RuntimeError("the fleet did not lead to an anomaly and a plan within 240 s")


async def _load(url: str, seconds: float) -> dict[str, Any]:
    taken: defaultdict[str, list[float]] = defaultdict(list)
    statuses: defaultdict[int, int] = defaultdict(int)
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
        asked = await _questions(client)
        draw = random.Random(7)
        pending: set[asyncio.Task[None]] = set()

        async def ask(name: str, method: str, path: str, body: Any) -> None:
            began = time.perf_counter()
            answer = await client.request(method, path, json=body)
            taken[name].append((time.perf_counter() - began) * 1000)
            statuses[answer.status_code] += 1

        started = time.monotonic()
        number = 0
        while time.monotonic() - started < seconds:
            task = asyncio.create_task(ask(*asked[number % len(asked)]))
            pending.add(task)
            task.add_done_callback(pending.discard)
            number += 1
            await asyncio.sleep(max(0.0, started + (number + draw.random() * 0.5) / REQUESTS_PER_SECOND - time.monotonic()))
        await asyncio.gather(*pending)
    every = [value for values in taken.values() for value in values]
    failed = sum(count for status, count in statuses.items() if status >= 500)
    return {
        "all": {"requests_sent": len(every), "failed": failed, "p50_ms": _at(every, 0.5), "p99_ms": _at(every, 0.99)},
        "by_endpoint": {name: _at(values, 0.99) for name, values in sorted(taken.items())},
    }


async def _questions(client: httpx.AsyncClient) -> list[tuple[str, str, str, Any]]:
    """Every GET with ids that exist, and the POSTs that carry telemetry and acks, as (name, method, path, body)."""
    document = (await client.get("/openapi.json")).json()
    known = await _known(client)
    found: list[tuple[str, str, str, Any]] = []
    for path, methods in document["paths"].items():
        if "get" in methods and path not in UNMEASURED:
            try:
                found.append((f"GET {path}", "GET", path.format_map(known), None))
            except KeyError:
                continue  # nothing of the kind is there: no incident, no letter
    device = {"site": known["site"], "device": "bench", "profile": "pump", "metrics": {"motor_celsius": 61.4}}
    found.append(("POST /v1/readings", "POST", "/v1/readings", device | {"event_time_ms": int(time.time() * 1000)}))
    beat = {"site": known["site"], "gateway": known["gateway"], "kind": "heartbeat", "sent_at_ms": int(time.time() * 1000)}
    found.append(("POST /v1/acks", "POST", "/v1/acks", beat))
    return found


async def _known(client: httpx.AsyncClient) -> dict[str, str]:
    """One of each thing that a path may name."""
    known: dict[str, str] = {}
    for path, fields in (
        ("/v1/devices", {"site": "site", "device": "device", "gateway": "gateway"}),
        ("/v1/anomalies", {"anomaly": "id"}),
        ("/v1/incidents", {"incident": "id"}),
        ("/v1/decisions", {"plan": "plan_id"}),
        ("/v1/deadletters", {"letter": "id"}),
    ):
        items = (await client.get(path)).json()["items"]
        known |= {name: str(items[0][each]) for name, each in fields.items() if items and items[0][each]}
    frozen = await client.post("/v1/commands", json={"site": known["site"], "kind": "thaw"})
    return known | {"command": frozen.json()["id"]}


def _at(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2)


if __name__ == "__main__":
    typer.run(main)
