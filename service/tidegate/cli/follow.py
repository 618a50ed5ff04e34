"""`tidegate follow`: facts as they are committed, a line each, without a gap over broken connections."""

import asyncio
from contextlib import aclosing
from typing import Annotated, Final

import typer

from tidegate.cli.asking import DOOR, Json, OnlySite, Token, Url
from tidegate.cli.interrupting import until_interrupted
from tidegate.cli.output import say
from tidegate.cli.wording import because, clock_time, counted, incident_line
from tidegate.client import Retry, StreamEvent, TidegateClient
from tidegate.contracts.anomaly import Anomaly, Incident
from tidegate.contracts.codec import encode
from tidegate.contracts.outcome import CommandOutcome
from tidegate.contracts.plan import Assignment, Decision
from tidegate.contracts.stream import FactKind, StreamGap

PATIENCE: Final = Retry(busy_seconds=60.0, unreachable_seconds=60.0)
"""A service that restarts is waited for."""

_EXAMPLES: Final = """
Examples:

  tidegate follow --site plant-7 --kind anomaly --kind incident

  tidegate follow --json | jq -c 'select(.kind == "anomaly") | .fact.device'

Exit codes: 0 so many came, 2 the service refuses it, 3 nobody answered for a minute, 130 Ctrl-C.
"""


def register(app: typer.Typer) -> None:
    """Add `follow` to `app`."""
    app.command(name="follow", epilog=_EXAMPLES)(_command)


def _command(
    site: OnlySite = None,
    kind: Annotated[list[FactKind] | None, typer.Option(help="Only this kind; repeat for several.")] = None,
    after: Annotated[str | None, typer.Option(help="Go on after this position, as --json prints it.", show_default=False)] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many.")] = None,
    url: Url = DOOR,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Follow facts as they are committed, each once, also over restarts of the service; until Ctrl-C.

    With --json a line is {"kind", "position", "fact"}; give the last position to --after to go on where you stopped.
    """
    asyncio.run(until_interrupted(_follow(url, token, site, kind or [], after, count, as_json)))


async def _follow(
    url: str, token: str | None, site: str | None, kinds: list[FactKind], after: str | None, count: int | None, as_json: bool
) -> None:
    client = TidegateClient(url, token=token or "", retry=PATIENCE)
    async with client, aclosing(client.stream.follow(after=after, site=site, kinds=kinds)) as events:
        seen = 0
        async for event in events:
            _print(event, as_json)
            seen += 1
            if seen == count:
                return


def _print(event: StreamEvent, as_json: bool) -> None:
    if as_json:
        typer.echo(encode({"kind": event.kind, "position": event.position, "fact": event.fact}).decode())
    else:
        say(_line(event))


def _line(event: StreamEvent) -> str:
    match event.fact:
        case Anomaly() as fact:
            what = f"{fact.status} {fact.severity} {fact.site}/{fact.device}"
            return f"{clock_time(fact.event_time_ms)} anomaly {what}: {because(fact)}"
        case Incident() as fact:
            return f"{clock_time(fact.event_time_ms)} incident {fact.status} {fact.severity} {incident_line(fact)}"
        case Decision() as fact:
            moves = counted(fact.move_count, "move")
            return f"{clock_time(fact.decided_at_ms)} decision {fact.status} {fact.site} {fact.plan_id}, {moves}: {fact.reason}"
        case Assignment() as fact:
            place = f"{fact.site}/{fact.device} to {fact.gateway or 'nobody'}"
            return f"{clock_time(fact.since_ms)} assignment {fact.phase} {place}: {fact.reason}"
        case CommandOutcome() as fact:
            became = "accepted" if fact.accepted else f"refused: {fact.reason}"
            return f"{clock_time(fact.decided_at_ms)} outcome {fact.kind} {fact.site} {fact.command} by {fact.issued_by} {became}"
        case StreamGap() as gap:
            missed = "" if gap.missed is None else f", up to {counted(gap.missed, 'fact')}"
            return f"facts are missing here: {gap.reason}{missed}"
