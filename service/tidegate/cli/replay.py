"""`tidegate replay`: recorded data as a fleet, through the public door or into a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tidegate.adapters.profiles import load_profiles, shipped_profiles
from tidegate.cli.asking import Json, Token
from tidegate.cli.fleet_progress import FORMS, TARGETS, open_sink, run
from tidegate.contracts.ids import SiteId
from tidegate.contracts.topology import Topology
from tidegate.errors import ConfigurationError
from tidegate.fleet.eua import eua_topology
from tidegate.fleet.forms import Form
from tidegate.fleet.merge import aligned, moved, shift_to_now_ms
from tidegate.fleet.outbox import Traffic
from tidegate.fleet.pace import AtOnce, Pace, WallClock, now_ms
from tidegate.fleet.readers import open_dataset, scan
from tidegate.fleet.replay import ReplayPlan, plan_replay, replay
from tidegate.fleet.series import Part, Series
from tidegate.fleet.sinks import Sink

_EXAMPLES = """
Examples:

  tidegate replay ../shared/data/smd --part test --speed 600

  tidegate replay ../shared/data/nab --align --speed 0 --to nab.jsonl

  tidegate replay ../shared/data/bitbrains --eua ../shared/data/eua --gateways 12 --site melbourne --shift-to-now
"""


def register(app: typer.Typer) -> None:
    """Add `replay` to `app`."""
    app.command(name="replay", epilog=_EXAMPLES)(replay_data)


def replay_data(
    data: Annotated[Path, typer.Argument(help="A file or folder in a format of docs/data-formats.md.")],
    to: Annotated[str, typer.Option(help=TARGETS)] = "http://127.0.0.1:8080",
    form: Annotated[Form, typer.Option("--format", help=FORMS)] = Form.BATCH,
    speed: Annotated[float, typer.Option(help="How many times faster than recorded; 0 is as fast as it is taken.")] = 60.0,
    shift: Annotated[bool, typer.Option("--shift-to-now/--keep-times", help="Move event times to now, or keep them.")] = False,
    align: Annotated[bool, typer.Option(help="Let all series begin together, whenever they were recorded.")] = False,
    part: Annotated[Part, typer.Option(help="train, test or all, where the data set parts its rows.")] = "all",
    site: Annotated[str | None, typer.Option(help="Site of all devices. Default: a site per data set.")] = None,
    gateways: Annotated[int, typer.Option(help="Gateways of each site; 0 registers no topology.")] = 3,
    eua: Annotated[Path | None, typer.Option(help="Folder of the EUA set: gateways and devices stand at its places.")] = None,
    profiles: Annotated[
        list[Path] | None, typer.Option(help="Further profiles, YAML file or folder; repeat for several.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Readings in all, at most.")] = None,
    token: Token = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    as_json: Json = False,
) -> None:
    """Send recorded data as a fleet, in order of event time; labels stay here."""
    if not speed >= 0:
        raise ConfigurationError(f"speed is {speed}, expected at least 0 (0 means as fast as possible)")
    known = shipped_profiles() | load_profiles(profiles or [])
    started_ms = now_ms()
    series = _timed([one.part(part) for one in open_dataset(data)], shift, align, started_ms, speed)
    for path in scan(data).unknown:
        typer.echo(f"passed over, no known format: {path}", err=True)
    plan = plan_replay(series, known, site=SiteId(site) if site else None, gateways=gateways, revision=started_ms // 1000)
    if eua is not None:
        placed = eua_topology(eua, series, known, site=_only_site(plan), revision=started_ms // 1000, gateways=gateways)
        plan = _on_map(plan, placed)
    traffic = Traffic()
    run(
        _replay(plan, open_sink(to, form, token), _pace(series, started_ms, speed), traffic, limit),
        traffic,
        quiet=quiet,
        as_json=as_json,
    )


def _timed(series: Sequence[Series], shift: bool, align: bool, started_ms: int, speed: float) -> list[Series]:
    spoken = [one for one in (aligned(series) if align else series) if len(one)]
    if not shift or not spoken:
        return spoken
    by_ms = shift_to_now_ms(*_span_ms(spoken), started_ms, speed)
    return [moved(one, by_ms) for one in spoken]


def _span_ms(series: Sequence[Series]) -> tuple[int, int]:
    return min(int(one.event_time_ms[0]) for one in series), max(int(one.event_time_ms[-1]) for one in series)


def _pace(series: Sequence[Series], started_ms: int, speed: float) -> Pace:
    return AtOnce() if speed == 0 or not series else WallClock(_span_ms(series)[0], started_ms, speed)


def _only_site(plan: ReplayPlan) -> SiteId:
    names = sorted(set(plan.sites))
    if len(names) > 1:
        raise ConfigurationError(f"the data has sites {', '.join(names)}, expected one on the map", advice="give --site")
    return names[0]


def _on_map(plan: ReplayPlan, topology: Topology) -> ReplayPlan:
    return ReplayPlan(plan.series, plan.sites, [topology])


async def _replay(plan: ReplayPlan, sink: Sink, pace: Pace, traffic: Traffic, limit: int | None) -> None:
    try:
        await replay(plan, sink, pace, traffic, limit)
    finally:
        await sink.close()
