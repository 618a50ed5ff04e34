"""What the routers need of the rest of the program, handed over once; nothing here is global."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Final, Protocol

from fastapi import Depends, Request

from tidegate import __version__
from tidegate.api.access.auditing import Auditor
from tidegate.api.access.authenticator import AccessControl
from tidegate.api.access.principal import Caller
from tidegate.api.access.rules import Route, Rule
from tidegate.api.asgi import CALLER
from tidegate.api.backlog import Backlog
from tidegate.api.feed import Feed
from tidegate.api.gateway_bell import GatewayBell
from tidegate.api.idempotency import RecentCommands, key_of
from tidegate.api.kept import Kept
from tidegate.api.pulse import Pulse
from tidegate.contracts.ids import CommandId
from tidegate.contracts.studies import Headroom
from tidegate.errors import DependencyError
from tidegate.ports import (
    NO_TRACING,
    Adviser,
    AuditTrail,
    Clock,
    Configuring,
    KeyStore,
    LiveState,
    Log,
    Outgoing,
    SeriesScorer,
    Tracing,
    Views,
)

MEBIBYTE: Final = 1024 * 1024


HEADROOM_SECONDS: Final = 10.0
"""Seconds that a headroom is answered again without computing it: dashboards ask for it again and again."""

MAX_HEADROOMS: Final = 1_000
"""Sites whose headroom is kept."""


class HttpMetrics(Protocol):
    """What of the metrics the door writes and shows; must be cheap and must not raise."""

    def http_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request. `route` is a path template or `unmatched`, `method` one HTTP knows or `other`: closed sets."""
        ...

    def render(self) -> bytes:
        """Everything counted, in the Prometheus text format."""
        ...


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """What one request, and all that wait, may claim.

    `max_body_bytes` is also what the worker takes in one message: a larger one would be a dead letter. `max_pending_records`
    is how far the worker may be behind in a topic before requests for it are turned away (503), so that the log does not grow
    without bound. At most `max_bodies` requests hold a body at a time, each for at most `body_seconds` until it has arrived;
    the others wait unread, which slows their senders down. `max_stream_clients` and `stream_buffer` (facts) bound the live
    stream, `stream_replay` (facts) what a client that comes back is sent of what it missed.
    """

    max_body_bytes: int = 8 * MEBIBYTE
    max_pending_records: int = 20_000
    max_bodies: int = 32
    body_seconds: float = 30.0
    max_stream_clients: int = 64
    stream_buffer: int = 1000
    stream_replay: int = 100_000


def new_command_id() -> CommandId:
    """A fresh id for a command whose sender gave none; 128 random bits."""
    return CommandId(secrets.token_hex(16))


@dataclass(frozen=True, slots=True)
class ApiDependencies:
    """The ports behind the door. `feed` carries facts to stream clients.

    `live` is what the door tells of; `own` what the workers of this process know, where that is another thing.
    `caller` is whoever makes the request that these are handed to a route for, `key` its idempotency key: what makes a command
    asks `new_command_id`, which then gives the key. `hosts` are names that the door may be asked by; None: by
    every name. `adviser` answers questions about plans, None in a process that has none.
    """

    log: Log
    views: Views
    live: LiveState
    metrics: HttpMetrics
    clock: Clock
    feed: Feed
    limits: ApiLimits = field(default_factory=ApiLimits)
    version: str = __version__
    new_command_id: Callable[[], CommandId] = new_command_id
    access: AccessControl = field(default_factory=AccessControl)
    keys: KeyStore | None = None
    audit: AuditTrail | None = None
    cors_origins: Sequence[str] = ()
    hosts: Sequence[str] | None = None
    caller: Caller = field(default_factory=Caller)
    recent: RecentCommands = field(default_factory=RecentCommands)
    key: CommandId | None = None
    own: LiveState | None = None
    adviser: Adviser | None = None
    desk: Configuring | None = None
    own_desk: Configuring | None = None
    tracing: Tracing = NO_TRACING
    scorer: SeriesScorer | None = None

    @property
    def configuring(self) -> Configuring:
        """Who knows of profiles and bundles here.

        Raises:
            DependencyError: nobody does.
        """
        if self.desk is None:
            raise DependencyError("this process knows nothing of configuration", advice="ask one with the role `worker`")
        return self.desk

    async def append(self, records: Sequence[Outgoing]) -> list[int]:
        """Write `records` as `ports.Log.append` does, with a word of the request that they come from, if anybody follows it."""
        with self.tracing.span("append") as span:
            headers = span.headers
            if headers:
                records = [replace(record, headers=(*record.headers, *headers)) for record in records]
            return await self.log.append(records)

    @property
    def own_live(self) -> LiveState:
        """What the workers of this process know."""
        return self.own or self.live

    def series(self) -> SeriesScorer:
        """What scores posted series.

        Raises:
            DependencyError: this process cannot.
        """
        if self.scorer is None:
            raise DependencyError("this process has no bundles to score with", advice="ask one that serves the api role")
        return self.scorer

    @property
    def auditor(self) -> Auditor:
        """Puts on record who asked for what."""
        return Auditor(self.audit, self.clock)


@dataclass(frozen=True, slots=True)
class Door:
    """The dependencies, and the door's own small memory: who is being served, how much waits, how fast it flows."""

    ports: ApiDependencies
    places: asyncio.Semaphore
    backlog: Backlog
    pulse: Pulse
    rules: Mapping[Route, Rule]
    headrooms: Kept[Headroom]
    bell: GatewayBell

    @property
    def caller(self) -> Caller:
        """Whoever makes the request at hand."""
        return self.ports.caller


def open_door(ports: ApiDependencies, rules: Mapping[Route, Rule]) -> Door:
    """A door onto `ports`, with nothing remembered; `rules` say who may pass it."""
    backlog = Backlog(ports.live, ports.clock, ports.limits.max_pending_records)
    headrooms: Kept[Headroom] = Kept(ports.clock, HEADROOM_SECONDS, MAX_HEADROOMS)
    return Door(
        ports, asyncio.Semaphore(ports.limits.max_bodies), backlog, Pulse(ports.clock), rules, headrooms, GatewayBell(ports.feed)
    )


def door_of(request: Request) -> Door:
    """The door that `request` came through, whoever came."""
    door = request.app.state.door
    assert isinstance(door, Door)  # noqa: S101 - create_app put it there
    return door


def caller_of(request: Request) -> Caller:
    """Who makes `request`."""
    caller = request.scope[CALLER]
    assert isinstance(caller, Caller)  # noqa: S101 - the gate put it there
    return caller


async def _here(request: Request) -> Door:
    """The door with its caller. A coroutine although it waits for nothing: FastAPI gives plain functions a thread each time."""
    door = door_of(request)
    ports = replace(door.ports, caller=caller_of(request))
    key = key_of(request)
    if key is not None:
        ports = replace(ports, key=key, new_command_id=lambda: key)
    return replace(door, ports=ports)


Here = Annotated[Door, Depends(_here)]
"""A route's way to the door it belongs to, and to who came through it."""
