"""`tidegate simulate`: a made fleet through the public door, onto Kafka's topics, or into a file."""

from pathlib import Path
from typing import Annotated

import typer

from tidegate.adapters.profiles import shipped_profiles
from tidegate.cli.asking import Json, Token
from tidegate.cli.fleet_progress import FORMS, TARGETS, is_url, open_sink, run
from tidegate.errors import ConfigurationError
from tidegate.fleet.door import RestDoor
from tidegate.fleet.forms import Form
from tidegate.fleet.jsonlines import JsonLinesFile
from tidegate.fleet.log_sink import LogSink
from tidegate.fleet.outbox import Traffic
from tidegate.fleet.pace import AtOnce, WallClock, now_ms
from tidegate.fleet.simulator.disorder import DisorderSpec
from tidegate.fleet.simulator.faults import FaultType, Label
from tidegate.fleet.simulator.fleet import Fleet
from tidegate.fleet.simulator.layout import lay_out
from tidegate.fleet.simulator.live import Surroundings, simulate
from tidegate.fleet.simulator.schedule import Programme, schedule
from tidegate.fleet.simulator.spec import INTERVAL_SECONDS, FleetSpec
from tidegate.fleet.sinks import Sink

FILE_START_MS = 1_767_571_200_000
"""2026-01-05 00:00 UTC, a Monday: where a file's stream begins, so that the same seed gives the same bytes on any day."""

FILE_SECONDS = 3600.0
"""Seconds of stream written to a file when no duration is given."""

BACKFILL_READINGS = 600
"""Readings per device sent from the past at first when sending to a service: two simulated days, so that detection is warm."""

_EXAMPLES = """
Examples:

  tidegate simulate --to http://127.0.0.1:8080

  tidegate simulate --to kafka://localhost:9092 --sites 8 --format packed

  tidegate simulate --to fleet.jsonl --labels labels.jsonl --duration 3600 --seed 7

  tidegate simulate --to http://127.0.0.1:8080 --sites 4 --devices 250 --rate 500 --faults random --fault spike --fault drift
"""


def register(app: typer.Typer) -> None:
    """Add `simulate` to `app`."""
    app.command(name="simulate", epilog=_EXAMPLES)(simulate_fleet)


def simulate_fleet(
    to: Annotated[str, typer.Option(help=TARGETS)] = "http://127.0.0.1:8080",
    form: Annotated[Form, typer.Option("--format", help=FORMS)] = Form.BATCH,
    sites: Annotated[int, typer.Option(help="Sites.")] = 2,
    gateways: Annotated[int, typer.Option(help="Gateways per site.")] = 4,
    devices: Annotated[int, typer.Option(help="Devices per site.")] = 30,
    rate: Annotated[
        float | None,
        typer.Option(
            help="Readings per second of the whole fleet. Default: one per device in 2 s; below one in 10 s they count as silent."
        ),
    ] = None,
    day_seconds: Annotated[float, typer.Option(help="How long a simulated day lasts; 86400 is a real one.")] = 600.0,
    missing: Annotated[float, typer.Option(help="Share of values that are missing, 0 to 1.")] = 0.002,
    seed: Annotated[int, typer.Option(help="Random state: the same seed gives the same fleet and faults.")] = 7,
    backfill: Annotated[
        int | None, typer.Option(help="Readings per device from the past at first. Default 600, to a file 0.")
    ] = None,
    duration: Annotated[
        float | None, typer.Option(help="Seconds of stream after the backfill. Default: no end, to a file 3600.")
    ] = None,
    faults: Annotated[str, typer.Option(help="none, demo (a programme for the first minute, then random) or random.")] = "demo",
    fault_every: Annotated[float, typer.Option(help="Seconds between random faults, on average.")] = 30.0,
    fault: Annotated[list[FaultType] | None, typer.Option(help="Kind of random fault; repeat for several. Default: all.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="File for the faults' labels, JSON lines. They never enter the stream.")
    ] = None,
    late: Annotated[float, typer.Option(help="Share of readings that arrive late, 0 to 1.")] = 0.0,
    late_by: Annotated[float, typer.Option(help="Seconds by which they are late, and repeats come after, at most.")] = 60.0,
    repeat: Annotated[float, typer.Option(help="Share of readings that arrive twice, 0 to 1.")] = 0.0,
    token: Token = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    as_json: Json = False,
) -> None:
    """Send a made fleet's readings: daily and weekly demand, noise, labelled faults; devices follow their assignments."""
    live = is_url(to)
    backfill = backfill if backfill is not None else (BACKFILL_READINGS if live else 0)
    duration = duration if duration is not None else (None if live else FILE_SECONDS)
    interval_seconds = INTERVAL_SECONDS if rate is None else _interval(rate, sites * devices)
    live_from_ms = now_ms() if live else FILE_START_MS + round(backfill * interval_seconds * 1000)
    spec = FleetSpec(
        start_ms=live_from_ms - round(backfill * interval_seconds * 1000),
        sites=sites,
        gateways=gateways,
        devices=devices,
        interval_seconds=interval_seconds,
        day_seconds=day_seconds,
        missing_ratio=missing,
        seed=seed,
    )
    fleet = _fleet(spec, _programme(faults, live_from_ms, fault_every, fault))
    end_ms = None if duration is None else live_from_ms + round(duration * 1000)
    traffic = Traffic()
    disorder = DisorderSpec(late, late_by, repeat, seed)
    sending = _simulate(fleet, open_sink(to, form, token), live_from_ms if live else None, labels, traffic, disorder, end_ms)
    run(sending, traffic, quiet=quiet, as_json=as_json)


def _interval(rate: float, devices: int) -> float:
    if not rate > 0:
        raise ConfigurationError(f"rate is {rate}, expected more than 0 readings per second")
    return devices / rate


def _programme(faults: str, from_ms: int, every_seconds: float, types: list[FaultType] | None) -> Programme:
    if faults not in ("none", "demo", "random"):
        raise ConfigurationError(f"faults is {faults!r}, expected none, demo or random")
    every_seconds = 0.0 if faults == "none" else every_seconds
    return Programme(from_ms, every_seconds, tuple(types or FaultType), demonstration=faults == "demo")


def _fleet(spec: FleetSpec, programme: Programme) -> Fleet:
    layout = lay_out(spec, shipped_profiles(), revision=max(1, programme.from_ms // 1000))
    return Fleet(spec, layout, schedule(programme, spec, layout))


async def _simulate(
    fleet: Fleet,
    sink: Sink,
    live_from_ms: int | None,
    labels: Path | None,
    traffic: Traffic,
    disorder: DisorderSpec,
    end_ms: int | None,
) -> None:
    pace = AtOnce() if live_from_ms is None else WallClock(live_from_ms, live_from_ms)
    feedback = sink if isinstance(sink, RestDoor | LogSink) else None
    file = None if labels is None else JsonLinesFile(labels)

    def note(label: Label) -> None:
        if file is not None:
            file.write([label])

    try:
        await simulate(fleet, Surroundings(sink, feedback, pace, note, traffic, disorder), end_ms)
    finally:
        if file is not None:
            file.close()
        await sink.close()
