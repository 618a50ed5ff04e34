"""`tidegate demo`: service, fleet and live view with one command; what `make run` calls.

Start order: service, ready, fleet, view. Stop order: view, fleet, service; then the data folder goes, unless something failed.
"""

import asyncio
import contextlib
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from tidegate.cli.children import Child
from tidegate.cli.exits import OK
from tidegate.cli.watch import ONCE, watch
from tidegate.client import TidegateClient

PREFERRED_PORT: Final = 8080

START_SECONDS: Final = 60.0
"""Seconds the service may take to become ready; about 3 on a warm disk, more on a machine that is compiling."""

PLAIN_SECONDS: Final = 120.0
"""Seconds a run without a terminal lasts when nothing else is said."""


_EXAMPLES: Final = """
Examples:

  tidegate demo

  tidegate demo --data ../shared/data/smd --speed 600 --duration 120
"""


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What to run: a simulated fleet, or `data` replayed at `speed`; `duration_seconds` None means until Ctrl-C."""

    data: Path | None
    speed: float
    duration_seconds: float | None
    port: int
    every_seconds: float


def register(app: typer.Typer) -> None:
    """Add `demo` to `app`."""
    app.command(name="demo", epilog=_EXAMPLES)(_command)


def _command(
    data: Annotated[Path | None, typer.Option(exists=True, help="Replay this file or folder instead of simulating.")] = None,
    speed: Annotated[float, typer.Option(min=0, help="How many times faster than recorded to replay.")] = 60.0,
    duration: Annotated[float | None, typer.Option(min=0, help="Seconds. Default: until Ctrl-C; without a terminal 120.")] = None,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Preferred port; a free one is taken when it is busy.")
    ] = PREFERRED_PORT,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two plain lines.")] = 5.0,
) -> None:
    """Run service, fleet and live view together; Ctrl-C stops all of them.

    With --duration, or without a terminal, it exits 0 only if readings, an anomaly and a decision were seen.
    """
    console = Console()
    if duration is None and not console.is_terminal:
        duration = PLAIN_SECONDS
    raise typer.Exit(asyncio.run(run_demo(DemoPlan(data, speed, duration, port, every), console)))


async def run_demo(plan: DemoPlan, console: Console) -> int:
    """Run `plan` to its end or until SIGINT, SIGTERM or SIGHUP; returns the exit code (see `watch`).

    Raises:
        DependencyError: the service or the fleet failed; the message ends with its last words and where the rest is.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    folder = Path(tempfile.mkdtemp(prefix="tidegate-demo-"))
    code = await _in_folder(plan, console, stop, folder)
    if code == OK:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        _say(console, f"logs and data stay in {folder}")
    return code


async def _in_folder(plan: DemoPlan, console: Console, stop: asyncio.Event, folder: Path) -> int:
    port = free_port(plan.port)
    url = f"http://127.0.0.1:{port}"
    if port != plan.port:
        _say(console, f"port {plan.port} is busy, taking {port}")
    _say(console, f"service {url}  logs and data {folder}")
    serving = ["serve", "--host", "127.0.0.1", "--port", str(port), "--data-dir", str(folder)]
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(Child("service", serving, folder / "service.log"))
        if not await _until_ready(service, url, stop):
            return OK
        fleet = await stack.enter_async_context(Child("fleet", _fleet_arguments(plan, url), folder / "fleet.log"))
        code = await _show(plan, console, stop, url, service, fleet)
        _say(console, "stopping")
    return code


async def _until_ready(service: Child, url: str, stop: asyncio.Event) -> bool:
    """True once the service is ready, False when we were stopped before.

    Raises:
        DependencyError: it ended, or took longer than `START_SECONDS`.
    """
    async with TidegateClient(url, retry=ONCE) as client:
        ready = asyncio.create_task(client.operation.wait_until_ready(START_SECONDS))
        ended = asyncio.create_task(service.ended())
        stopped = asyncio.create_task(stop.wait())
        async with _cancelled_after(ready, ended, stopped):
            await asyncio.wait([ready, ended, stopped], return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                return False
            if ended.done():
                raise service.failure(ended.result())
            await ready
            return True


async def _show(plan: DemoPlan, console: Console, stop: asyncio.Event, url: str, service: Child, fleet: Child) -> int:
    """The live view, for as long as the service lives; a fleet that is done is fine, one that failed is not."""
    view = watch(url, console, stop=stop, duration_seconds=plan.duration_seconds, every_seconds=plan.every_seconds)
    watching = asyncio.create_task(view)
    serving = asyncio.create_task(service.ended())
    sending = asyncio.create_task(fleet.ended())
    async with _cancelled_after(watching, serving, sending):
        await asyncio.wait([watching, serving, sending], return_when=asyncio.FIRST_COMPLETED)
        if sending.done() and sending.result() == OK:
            await asyncio.wait([watching, serving], return_when=asyncio.FIRST_COMPLETED)
        for child, task in ((service, serving), (fleet, sending)):
            if task.done() and not watching.done():
                raise child.failure(task.result())
        return await watching


def _fleet_arguments(plan: DemoPlan, url: str) -> Sequence[str]:
    if plan.data is None:
        return ["simulate", "--to", url]
    return ["replay", str(plan.data), "--speed", str(plan.speed), "--shift-to-now", "--align", "--to", url]


@contextlib.asynccontextmanager
async def _cancelled_after(*tasks: "asyncio.Task[Any]") -> AsyncIterator[None]:
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def free_port(preferred: int) -> int:
    """`preferred` when nobody listens there on loopback, else a port that is free now."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    return preferred


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
