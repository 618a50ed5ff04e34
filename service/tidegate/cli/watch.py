"""`tidegate watch`: the live view of a running service, as a screen in a terminal and as plain lines elsewhere."""

import asyncio
import contextlib
import signal
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live

from tidegate.cli.asking import DOOR, Token, Url
from tidegate.cli.exits import FAILED, OK
from tidegate.cli.screen import draw
from tidegate.cli.wording import because, counted, effect, incident_line, printable, rate, states
from tidegate.client import Retry, TidegateClient
from tidegate.contracts.anomaly import AnomalyStatus
from tidegate.contracts.codec import encode
from tidegate.contracts.rest import Summary
from tidegate.errors import DependencyError

REFRESH_SECONDS: Final = 1.0
"""Seconds between two pictures in a terminal."""

ANSWER_SECONDS: Final = 5.0
"""Seconds to wait for one answer; a summary takes milliseconds."""

ONCE: Final = Retry(busy_seconds=0.0, unreachable_seconds=0.0)
"""A view looks again by itself, and says meanwhile what is in the way."""

PATIENCE_SECONDS: Final = 30.0
"""Seconds without an answer, at the start or later, before we give up."""


_EXAMPLES: Final = """
Examples:

  tidegate watch

  tidegate watch --url http://gate.example:8080 --plain --every 10

  tidegate watch --json --duration 60 | jq .balance

Exit codes: 0 stopped in a terminal, or all was seen; 1 readings, an anomaly or a decision were not seen; 3 nobody answers.
"""


@dataclass(slots=True)
class Seen:
    """What came by while we watched; complete when a reading led to an anomaly and to a decision."""

    readings: bool = False
    anomaly: bool = False
    decision: bool = False

    def note(self, summary: Summary) -> None:
        """Add what `summary` shows."""
        self.readings |= summary.balance.received > 0
        self.anomaly |= bool(summary.anomalies)
        self.decision |= bool(summary.decisions)

    def missing(self) -> list[str]:
        """Names of what was not seen."""
        return [name for name in ("readings", "anomaly", "decision") if not getattr(self, name)]


def register(app: typer.Typer) -> None:
    """Add `watch` to `app`."""
    app.command(name="watch", epilog=_EXAMPLES)(_command)


def _command(
    url: Url = DOOR,
    token: Token = None,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a screen, also in a terminal.")] = False,
    duration: Annotated[float | None, typer.Option(min=0, help="Seconds to watch. Default: until Ctrl-C.")] = None,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two plain lines.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a look, a line each, instead of a screen.")] = False,
) -> None:
    """Watch a running service: readings per second, devices by state, newest anomalies, incidents and decisions.

    With --duration it exits 0 only if readings, an anomaly and a decision were seen.
    """
    raise typer.Exit(asyncio.run(_until_interrupted(url, token, _Form.of(plain, as_json), duration, every)))


async def _until_interrupted(url: str, token: str | None, form: "_Form", duration: float | None, every: float) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number_ in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number_, stop.set)
    console = Console(stderr=form is _Form.JSON)
    return await watch(url, console, stop=stop, token=token, form=form, duration_seconds=duration, every_seconds=every)


async def watch(
    url: str,
    console: Console,
    *,
    stop: asyncio.Event,
    token: str | None = None,
    form: "_Form | None" = None,
    duration_seconds: float | None = None,
    every_seconds: float = 5.0,
    patience_seconds: float = PATIENCE_SECONDS,
) -> int:
    """Show the service at `url` until `stop` or for `duration_seconds`; returns the exit code.

    0 when stopped in a terminal, or when readings, an anomaly and a decision were seen; else 1, saying what was missing.

    Raises:
        DependencyError: no answer for `patience_seconds`, at the start or later.
    """
    seen = Seen()
    deadline = _Deadline(stop, duration_seconds)
    async with TidegateClient(url, token=token, timeout_seconds=ANSWER_SECONDS, retry=ONCE) as client, deadline:
        if await _ready(client, console, stop, patience_seconds):
            view = (form or _Form.SCREEN).view(console, client.url)
            pause = REFRESH_SECONDS if isinstance(view, _Screen) else every_seconds
            with view:
                await _follow(client, view, seen, stop, pause, patience_seconds)
    return _verdict(seen, console, lenient=console.is_terminal and not deadline.ran_out)


class _Deadline:
    """Sets `stop` when `seconds` have passed (None: never), and knows whether it was that."""

    def __init__(self, stop: asyncio.Event, seconds: float | None) -> None:
        self._stop = stop
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self.ran_out = False

    async def __aenter__(self) -> None:
        if self._seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._end)

    async def __aexit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end(self) -> None:
        self.ran_out = not self._stop.is_set()
        self._stop.set()


class _Screen(contextlib.AbstractContextManager["_Screen"]):
    """Redraws the whole terminal."""

    def __init__(self, console: Console, url: str) -> None:
        self._console = console
        self._url = url
        self._live = Live(console=console, screen=True, auto_refresh=False)
        self._last: Summary | None = None

    def __enter__(self) -> "_Screen":
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, summary: Summary) -> None:
        self._last = summary
        self._live.update(draw(summary, self._url, self._console.size), refresh=True)

    def complain(self, trouble: str) -> None:
        if self._last is not None:
            self._live.update(draw(self._last, self._url, self._console.size, trouble), refresh=True)


class _Lines(contextlib.AbstractContextManager["_Lines"]):
    """Prints one line per look; never rewrites one."""

    def __init__(self, console: Console, url: str) -> None:
        self._console = console
        self._url = url

    def __enter__(self) -> "_Lines":
        _print(self._console, f"watching {self._url}  API docs {self._url}/docs  metrics {self._url}/metrics")
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, summary: Summary) -> None:
        _print(self._console, plain_line(summary))

    def complain(self, trouble: str) -> None:
        _print(self._console, trouble)


class _Documents(_Lines):
    """Prints each look as one line of JSON on standard output; everything else goes to standard error."""

    def show(self, summary: Summary) -> None:
        typer.echo(encode(summary).decode())


class _Form(Enum):
    """How a look is shown."""

    SCREEN = "screen"
    LINES = "lines"
    JSON = "json"

    @classmethod
    def of(cls, plain: bool, as_json: bool) -> "_Form":
        """What the options ask for."""
        return cls.JSON if as_json else cls.LINES if plain else cls.SCREEN

    def view(self, console: Console, url: str) -> "_Screen | _Lines":
        """What shows it; a screen needs a terminal."""
        if self is _Form.JSON:
            return _Documents(console, url)
        return _Screen(console, url) if self is _Form.SCREEN and console.is_terminal else _Lines(console, url)


def plain_line(summary: Summary) -> str:
    """`summary` in one line: flow and devices, then the newest anomaly, incident and decision."""
    parts = [
        f"{rate(summary.readings_per_second)} readings/s ({summary.balance.received:,} in)",
        f"devices {states(summary.devices)}",
    ]
    for anomaly in summary.anomalies[:1]:
        retracted = "retracted " if anomaly.status is AnomalyStatus.RETRACTED else ""
        parts.append(f"anomaly {retracted}{anomaly.severity} {anomaly.device}: {because(anomaly)}")
    for incident in summary.incidents[:1]:
        parts.append(f"incident {incident_line(incident)}")
    for decision in summary.decisions[:1]:
        parts.append(f"decision {decision.trigger} {decision.status}, {counted(decision.move_count, 'move')}: {effect(decision)}")
    parts.append(f"waiting {summary.pending:,}")
    return printable(" | ".join(parts))


async def _ready(client: TidegateClient, console: Console, stop: asyncio.Event, patience_seconds: float) -> bool:
    """True once the service is ready, False when stopped before."""
    _print(console, f"waiting for {client.url} (at most {patience_seconds:g} s)")
    ready = asyncio.create_task(client.operation.wait_until_ready(patience_seconds))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([ready, stopped], return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            await ready
        return ready.done()
    finally:
        for task in (ready, stopped):
            task.cancel()
        await asyncio.gather(ready, stopped, return_exceptions=True)


async def _follow(
    client: TidegateClient, view: "_Screen | _Lines", seen: Seen, stop: asyncio.Event, pause: float, patience_seconds: float
) -> None:
    loop = asyncio.get_running_loop()
    answered_at = loop.time()
    while not stop.is_set():
        try:
            summary = await client.operation.summary()
        except DependencyError as error:
            if loop.time() - answered_at > patience_seconds:
                raise
            view.complain(error.message)
        else:
            answered_at = loop.time()
            seen.note(summary)
            view.show(summary)
        await _pause(stop, pause)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def _verdict(seen: Seen, console: Console, *, lenient: bool) -> int:
    missing = seen.missing()
    if not missing:
        _print(console, "seen: readings, an anomaly and a decision")
        return OK
    _print(console, f"not seen: {', '.join(missing)}")
    return OK if lenient else FAILED


def _print(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
