"""`tidegate gateway`: the agent of one gateway, which follows its assignments and their leases. A reference; it serves nobody."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from typing import Annotated, Final

import typer

from tidegate.cli.asking import DOOR, Json, Token
from tidegate.cli.fleet_progress import KAFKA, open_kafka
from tidegate.cli.logging import configure_logging
from tidegate.cli.output import say
from tidegate.client import Retry, TidegateClient
from tidegate.contracts.codec import encode
from tidegate.contracts.ids import GatewayId, SiteId
from tidegate.fleet.gateway.agent import LOOK_SECONDS, Agent, Change
from tidegate.fleet.gateway.doors import GatewayDoor, LogGatewayDoor, RestGatewayDoor
from tidegate.fleet.gateway.following import Following
from tidegate.settings import load_settings

TIMEOUT_SECONDS: Final = 2 * LOOK_SECONDS
"""For one answer: a long poll and then some."""

_EXAMPLES: Final = """
Examples:

  tidegate gateway north gw-a

  tidegate gateway north gw-a --to kafka://localhost:9092 --most-devices 200

  tidegate gateway north gw-a --json | jq -r 'select(.served) | .device'

Exit codes: 0 stopped by SIGINT or SIGTERM, 2 the service refuses what is asked. Who cannot be reached is tried again.
"""


def register(app: typer.Typer) -> None:
    """Add `gateway` to `app`."""
    app.command(name="gateway", epilog=_EXAMPLES)(_command)


def _command(
    site: Annotated[str, typer.Argument(help="Site id.", show_default=False)],
    gateway: Annotated[str, typer.Argument(help="Gateway id, as the site's topology names it.", show_default=False)],
    to: Annotated[
        str, typer.Option(envvar="TIDEGATE_URL", help="Address of a service, or kafka://host:port for the topics themselves.")
    ] = DOOR,
    token: Token = None,
    most_devices: Annotated[int | None, typer.Option(min=0, help="Refuse to be given more.", show_default=False)] = None,
    heartbeat: Annotated[float, typer.Option(min=0.1, help="Seconds between two heartbeats.")] = 10.0,
    without_lease: Annotated[
        bool, typer.Option(help="Serve also what carries no lease; for a service with allocation.handover off.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Follow a gateway's assignments: reserve, release, serve, and stop when the lease is over; until SIGINT or SIGTERM.

    A line for each device that is served from now on, or not any more. It serves nobody itself: it shows what a gateway's
    controller has to do so that no device ever has two. Drain the gateway before you stop it for long. With --json a line is
    {"served", "device", "epoch", "why", "at_ms", "lease_seconds"}, the last one what is left of the lease.
    """
    configure_logging(load_settings().logging)
    following = Following(SiteId(site), GatewayId(gateway), without_lease, most_devices)
    agent = Agent(following, _door(to, token, SiteId(site), GatewayId(gateway)), _teller(as_json), heartbeat)
    asyncio.run(_run(agent))


def _door(to: str, token: str | None, site: SiteId, gateway: GatewayId) -> GatewayDoor:
    if to.startswith(KAFKA):
        return LogGatewayDoor(lambda: open_kafka(to.removeprefix(KAFKA)), site, gateway)
    patience = Retry(
        busy_seconds=0.0, unreachable_seconds=0.0
    )  # the agent tries again by itself, with a new moment to count from
    return RestGatewayDoor(TidegateClient(to, token=token or "", retry=patience, timeout_seconds=TIMEOUT_SECONDS), site, gateway)


def _teller(as_json: bool) -> Callable[[Change], None]:
    def tell(change: Change) -> None:
        left = None if change.until_seconds is None else round(change.until_seconds - time.monotonic(), 3)
        if as_json:
            at_ms = int(time.time() * 1000)
            line = {"served": change.served, "device": change.device, "epoch": change.epoch, "why": change.why}
            typer.echo(encode({**line, "at_ms": at_ms, "lease_seconds": left}).decode())
        else:
            say(f"{'serves' if change.served else 'stops'} {change.device} under epoch {change.epoch}: {change.why}")

    return tell


async def _run(agent: Agent) -> None:
    working = asyncio.create_task(agent.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, working.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await working
    finally:
        await agent.door.close()
