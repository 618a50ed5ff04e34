"""An hour at half capacity: `make soak MINUTES=60 DEVICES=50000`. Does anything grow, does anything fall behind?

A broker, `tidegate serve` and the fleet, each a process of its own. First the capacity: the same fleet's backlog, as fast as
the service takes it. Then, on new topics, `--minutes` at half of it, looked at every few seconds from outside; at the end
everything is drained, and what was sent is held against what was accounted for.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import httpx
import typer
from rich.console import Console

import soak_watch
from soak_fleet import PARTITIONS, PROFILE
from tidegate_training.evaluate import plots, results

HERE: Final = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "deploy" / "kafka"))
from broker import brokers  # noqa: E402  # a script beside the package, not part of it

PATIENCE_SECONDS: Final = 120.0
"""For a start, and for the last records to be taken."""

BACKLOG_ROUNDS: Final = 12
"""Readings of each device that capacity is measured with; of the first quarter nothing is counted: devices are new then."""

BACKLOG_INTERVAL: Final = 5.0
"""Seconds between two readings of a device in the backlog."""

_NO_REUSE: Final = httpx.Limits(max_keepalive_connections=0)
"""The server closes a connection after 5 idle seconds: one that is used again just then would be reset."""

_say = Console(stderr=True).print


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run happens, and on which cores its processes stay (empty: on any)."""

    folder: Path
    servers: str
    devices: int
    service_core: str
    other_core: str


def main(
    minutes: Annotated[float, typer.Option(help="How long at half capacity.")] = 60.0,
    devices: Annotated[int, typer.Option(help="Size of the fleet.")] = 50_000,
    out: Annotated[Path | None, typer.Option(help="Results file to write; plot and page go beside it.")] = None,
    service_core: Annotated[str, typer.Option(help="Core of the service, as taskset takes it.")] = "",
    other_core: Annotated[str, typer.Option(help="Core of broker and fleet.")] = "",
    every: Annotated[float, typer.Option(help="Seconds between two looks.")] = 5.0,
) -> None:
    """Measure the capacity, then run at half of it and watch."""
    cores = os.sched_getaffinity(0)
    with TemporaryDirectory(prefix="tidegate-soak-") as folder:
        if other_core:
            os.sched_setaffinity(0, {int(other_core)})
        with brokers(folder=Path(folder) / "kafka") as (broker,):
            place = Place(Path(folder), broker.address, devices, service_core, other_core)
            capacity = measure_capacity(place)
            _say(f"capacity: {capacity:,.0f} readings per second")
            figures, samples = soak(place, capacity / 2, minutes * 60, every)
    figures = {"capacity_readings_per_second": capacity, **figures}
    _say(figures)
    if out is not None:
        write(out, figures, samples, Run(minutes, devices, service_core, cores))


@dataclass(frozen=True, slots=True)
class Run:
    """What was asked for, and the cores that there were."""

    minutes: float
    devices: int
    service_core: str
    cores: set[int]


def measure_capacity(place: Place) -> float:
    """Readings per second while a backlog is worked off, the first quarter left out."""
    topics(place, "capacity.")
    with fleet(place, "capacity.", BACKLOG_INTERVAL, BACKLOG_ROUNDS) as sender:
        sent = sent_by(sender)
    with service(place, "capacity.", BACKLOG_INTERVAL) as (_, client):
        first = until(client, sent / 4)
        began = time.monotonic()
        last = until(client, sent)
        return (last - first) / (time.monotonic() - began)


def soak(place: Place, rate: float, seconds: float, every: float) -> tuple[dict[str, Any], list[soak_watch.Sample]]:
    """Run at `rate` readings per second and watch; figures and samples."""
    topics(place, "soak.")
    interval = place.devices / rate
    samples = []
    with service(place, "soak.", interval) as (process, client), fleet(place, "soak.", interval) as sender:
        began = time.monotonic()
        while (now := time.monotonic() - began) < seconds:
            samples.append(soak_watch.look(process.pid, client, now))
            if sender.poll() is not None or process.poll() is not None:
                raise RuntimeError("fleet or service ended by itself")
            time.sleep(max(0.0, every - (time.monotonic() - began - now)))
        sender.send_signal(signal.SIGTERM)
        sent = sent_by(sender)
        received = until(client, sent)
        balance = {name: v for name, v in client.get("/v1/summary").json()["balance"].items() if name != "received"}
        stopped = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)
        warm_up = min(600.0, seconds / 3)
        return {
            "minutes": seconds / 60,
            "warm_up_seconds": warm_up,
            "devices": place.devices,
            "rate_readings_per_second": rate,
            **soak_watch.summary(samples, warm_up),
            "sent": sent,
            "unaccounted": sent - received,
            **balance,
            "shutdown_seconds": time.monotonic() - stopped,
            "exit_code": process.returncode,
        }, samples


def write(out: Path, figures: dict[str, Any], samples: list[soak_watch.Sample], run: Run) -> None:
    """The results file, its page and its plot."""
    columns = soak_watch.thinned(samples)
    warm_up = figures["warm_up_seconds"] / 60
    panels = {
        "memory (MB)": columns["rss_mb"],
        "lag (records)": columns["lag_records"],
        "open files": columns["open_files"],
        "threads": columns["threads"],
    }
    minutes = [each / 60 for each in columns["seconds"]]
    plots.over_time(minutes, panels, out.with_suffix(".svg"), label="minutes", shaded_until=warm_up)
    pinned = f", pinned to core {run.service_core}" if run.service_core else ""
    notes = (
        f"One service process with {PARTITIONS} partitions{pinned}; broker and fleet on the same machine. Sites of at most "
        "1,250 devices and 10 gateways; packed batches of 250 readings of two metrics; exactly once, with forecasts and plans.",
        "Capacity: a backlog of the same fleet as fast as it is taken, in the same run. Growth: the median of the last tenth of "
        "the samples after the warm-up less that of their first tenth; slope: a line fitted to all of them. Lag is in records "
        "of up to 250 readings. cores_used includes the planner's process.",
        "The machine was shared with other work; what that did to the service is in max_lag and max_commit_age_seconds.",
    )
    command = f"make soak MINUTES={run.minutes:g} DEVICES={run.devices}"
    os.sched_setaffinity(0, run.cores)  # so that all cores of the machine are named
    made = results.collect("Soak", command, {**figures, "samples": columns}, notes)
    results.write(made, out)
    plain = replace(made, figures={name: value for name, value in made.figures.items() if name != "samples"})
    caption = "Memory, lag, open files and threads of the service; the warm-up is shaded."
    out.with_suffix(".md").write_text(results.page(plain, {out.with_suffix(".svg").name: caption}), encoding="utf-8")


def topics(place: Place, prefix: str) -> None:
    """Make the topics of a run."""
    subprocess.run([*_tidegate(), "topics", "create"], env=_environment(place, prefix), check=True, stdout=subprocess.DEVNULL)


@contextmanager
def fleet(place: Place, prefix: str, interval: float, rounds: int = 0) -> Iterator[subprocess.Popen[str]]:
    """The sending process."""
    options = ["--servers", place.servers, "--prefix", prefix, "--devices", str(place.devices)]
    options += ["--interval", str(interval), "--rounds", str(rounds)]
    command = [sys.executable, str(HERE / "soak_fleet.py"), *options]
    with subprocess.Popen([*_pinned(place.other_core), *command], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def sent_by(sender: subprocess.Popen[str]) -> int:
    """How many readings the fleet says it sent, once it has ended."""
    said, _ = sender.communicate(timeout=PATIENCE_SECONDS)
    return int(json.loads(said)["sent"])


@contextmanager
def service(place: Place, prefix: str, interval: float) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """A running service that is ready; killed at the end if it still runs."""
    profile = place.folder / f"{prefix}yaml"
    profile.write_text(PROFILE.format(interval=interval))
    environment = _environment(place, prefix) | {"TIDEGATE_PROFILES": json.dumps([str(profile)])}
    log = place.folder / f"{prefix}log"
    command = [*_pinned(place.service_core), *_tidegate(), "serve", "--port", "0"]
    with log.open("w") as said, subprocess.Popen(command, env=environment, stderr=said) as process:
        try:
            with httpx.Client(base_url=_address(process, log), timeout=60.0, limits=_NO_REUSE) as client:
                yield process, client
        except Exception:
            _say(f"exit code {process.poll()}; the service's last words:\n{log.read_text()[-3000:]}")
            raise
        finally:
            process.kill()


def until(client: httpx.Client, readings: float) -> float:
    """Wait until that many readings are accounted for and return how many are.

    Raises:
        RuntimeError: it stops short.
    """
    before, since = -1.0, time.monotonic()
    while (now := soak_watch.total(soak_watch.metrics(client), "tidegate_readings_total")) < readings:
        if now > before:
            before, since = now, time.monotonic()
        if time.monotonic() - since > PATIENCE_SECONDS:
            raise RuntimeError(f"{now:,.0f} readings accounted for, expected {readings:,.0f}")
        time.sleep(0.1)
    return now


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r'"url": "(http://[^"]+)"', log.read_text())
        if found and httpx.get(f"{found[1]}/readyz", timeout=10).status_code == httpx.codes.OK:
            return found[1]
        time.sleep(0.1)
    raise RuntimeError(f"the service did not get ready:\n{log.read_text()[-3000:]}")


def _environment(place: Place, prefix: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TIDEGATE_")}
    settings = {"BOOTSTRAP_SERVERS": place.servers, "TOPIC_PREFIX": prefix, "GROUP": "soak", "PARTITIONS": str(PARTITIONS)}
    named = {f"TIDEGATE_KAFKA__{name}": value for name, value in settings.items()}
    return kept | named | {"TIDEGATE_LOGGING__FORMAT": "json", "OMP_NUM_THREADS": "1"}


def _pinned(core: str) -> list[str]:
    return ["taskset", "--cpu-list", core] if core else []


def _tidegate() -> list[str]:
    return [sys.executable, "-m", "tidegate.cli.main"]


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
