"""Every part, opened and wired."""

import asyncio
import contextlib
import dataclasses
import socket
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

import uvicorn
from fastapi import FastAPI

from tidegate.adapters.adviser import ProcessAdviser
from tidegate.adapters.bundles import made_at
from tidegate.adapters.catalogue import UNANSWERED
from tidegate.adapters.clock import SystemClock
from tidegate.adapters.embedded import EmbeddedLog
from tidegate.adapters.history import Database, Follower, SqlAudit, SqlKeys, SqlViews, keep_pruned
from tidegate.adapters.kafka import KafkaLog
from tidegate.adapters.memory import MemoryKeys
from tidegate.adapters.metrics import PrometheusMetrics
from tidegate.adapters.planner import ProcessPlanner
from tidegate.adapters.remote_live import Asking, Crew, RemoteConfiguring, RemoteLive
from tidegate.api.alerting.teller import AlertTeller
from tidegate.api.app import INTERNAL, OPERATION, ROUTERS, create_app
from tidegate.api.dependencies import ApiDependencies, ApiLimits
from tidegate.api.feed import Feed
from tidegate.bootstrap.access import access_control, check_exposure, hosts_of
from tidegate.bootstrap.configuration import bundle_folders, core_configuration, load_forecasters
from tidegate.bootstrap.connections import open_crew, open_teller, open_tracing
from tidegate.bootstrap.history import open_history
from tidegate.bootstrap.log import join, open_log
from tidegate.bootstrap.server import listen, server_of
from tidegate.bootstrap.tasks import keep_weighed, run_beside
from tidegate.console.mount import Console
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.core.classifier import Model
from tidegate.pipeline.configuring import ConfigurationDesk
from tidegate.pipeline.live import LiveWorkers
from tidegate.pipeline.planning import WatchedPlanner
from tidegate.pipeline.series import SeriesDesk
from tidegate.pipeline.worker import PartitionWorker, WorkerLimits, WorkerPorts
from tidegate.pipeline.workers import Workers
from tidegate.ports import AuditTrail, Clock, KeyStore, Tracing
from tidegate.settings import Settings
from tidegate.settings.sources import Gathered
from tidegate.settings.view import setting_views

NOTHING_GIVEN: Final = Gathered()
"""Where settings come from when nobody says: each is its default, or made by a program."""


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """A built service: what runs, and how to reach it."""

    settings: Settings
    workers: Workers
    follower: Follower
    feed: Feed
    crew: Crew | None
    teller: AlertTeller | None
    server: uvicorn.Server
    listener: socket.socket

    @property
    def url(self) -> str:
        """Base URL of the door."""
        host, port = self.listener.getsockname()[:2]
        return f"http://{host}:{port}"


@dataclasses.dataclass(frozen=True, slots=True)
class _Base:
    """What workers and door both stand on."""

    settings: Settings
    configuration: CoreConfiguration
    clock: Clock
    log: EmbeddedLog | KafkaLog
    forecasters: dict[str, Model]
    metrics: PrometheusMetrics
    tracing: Tracing
    planner: WatchedPlanner

    @property
    def has_door(self) -> bool:
        return "api" in self.settings.roles


@dataclasses.dataclass(frozen=True, slots=True)
class _Past:
    """What is known of committed facts."""

    database: Database
    follower: Follower
    views: SqlViews


async def build_service(settings: Settings, stack: AsyncExitStack, gathered: Gathered = NOTHING_GIVEN) -> Service:
    """Open and wire every part; `stack` closes what was opened, also when a later part fails.

    `gathered` says where settings come from, for who asks.
    """
    check_exposure(settings)
    configuration = core_configuration(settings)
    listener = stack.enter_context(contextlib.closing(listen(settings.api.host, settings.api.port)))
    base = await _open_base(settings, configuration, stack)
    workers = await _join_workers(base, stack)
    own = LiveWorkers(workers, {name: each.identity for name, each in base.forecasters.items()}, base.planner)
    base.metrics.watch(own.ages)
    past, feed = await _open_past(base, stack), Feed(base.log)
    crew = open_crew(settings, stack)
    desk = ConfigurationDesk(
        base.log,
        workers,
        configuration,
        base.forecasters,
        setting_views(settings, gathered),
        lambda: bundle_folders(settings),
    )
    dependencies = _with_crew(_dependencies(base, past, feed, own, desk, stack), crew)
    teller = open_teller(settings, base.log, past.views, base.clock, base.metrics, stack)
    server = server_of(_application(dependencies, settings, stack), settings.api.trusted_proxies)
    return Service(settings, workers, past.follower, feed, crew, teller, server, listener)


async def _open_base(settings: Settings, configuration: CoreConfiguration, stack: AsyncExitStack) -> _Base:
    clock, metrics = SystemClock(), PrometheusMetrics()
    log = await open_log(settings, clock)
    stack.push_async_callback(log.close)
    forecasters = await asyncio.to_thread(load_forecasters, settings, configuration)
    metrics.bundles({each.identity: made_at(each.manifest) for each in forecasters.values()})
    metrics.profiles(configuration.profiles)
    if isinstance(log, EmbeddedLog):
        run_beside(keep_weighed(log, metrics), "weigh", stack)
    planner = _planner(settings, clock)
    stack.push_async_callback(planner.close)
    return _Base(settings, configuration, clock, log, forecasters, metrics, open_tracing(settings, stack), planner)


async def _join_workers(base: _Base, stack: AsyncExitStack) -> Workers:
    membership = join(base.settings, base.log)
    stack.push_async_callback(membership.close)
    ports = WorkerPorts(base.log, base.planner, base.clock, base.metrics, base.forecasters, tracing=base.tracing)
    limits = _worker_limits(base.settings)
    make = partial(PartitionWorker, ports=ports, configuration=base.configuration, limits=limits)
    return Workers(base.log, membership, base.metrics, make)


async def _open_past(base: _Base, stack: AsyncExitStack) -> _Past:
    """The history, followed and pruned where there is a door."""
    database = await open_history(base.settings, stack)
    follower = Follower(base.log, database, base.metrics)
    if base.has_door:
        await follower.prepare()
        retention = base.settings.history.retention.model_dump()
        run_beside(keep_pruned(database, retention, base.clock, base.metrics), "pruning", stack)
        base.metrics.history_from(follower.lag)
    base.metrics.letters_from(follower.waiting)
    return _Past(database, follower, SqlViews(database, base.log.partitions))


def _dependencies(
    base: _Base, past: _Past, feed: Feed, own: LiveWorkers, desk: ConfigurationDesk, stack: AsyncExitStack
) -> ApiDependencies:
    """What the door is told of when it asks its own process alone."""
    settings = base.settings
    keys, audit = _stores(base, past.database)
    adviser, scorer = ProcessAdviser(), SeriesDesk(base.configuration, base.forecasters)
    stack.push_async_callback(adviser.close)
    stack.callback(scorer.close)
    return ApiDependencies(
        base.log,
        past.views,
        own,
        base.metrics,
        base.clock,
        feed,
        ApiLimits(max_body_bytes=settings.api.max_body_bytes, max_pending_records=settings.api.max_pending_records),
        access=access_control(settings, keys, base.clock, stack),
        keys=keys,
        audit=audit,
        cors_origins=settings.api.cors_origins,
        hosts=hosts_of(settings),
        own=own,
        adviser=adviser,
        desk=desk,
        own_desk=desk,
        tracing=base.tracing,
        scorer=scorer,
    )


def _with_crew(alone: ApiDependencies, crew: Crew | None) -> ApiDependencies:
    """`alone`, asking the workers of other processes too where there are any."""
    if crew is None or alone.own is None or alone.own_desk is None:
        return alone
    asking = Asking(crew, alone.log.partitions)
    live = RemoteLive(asking, alone.log, alone.own)
    if isinstance(alone.metrics, PrometheusMetrics):
        alone.metrics.gauge_from(UNANSWERED, live.count_unanswered)
    return dataclasses.replace(alone, live=live, desk=RemoteConfiguring(asking, alone.own_desk))


def _stores(base: _Base, history: Database) -> tuple[KeyStore, AuditTrail | None]:
    """Keys and audit. Without the door's role there is no history: doors come with the shared token, and nobody else does."""
    return (SqlKeys(history), SqlAudit(history)) if base.has_door else (MemoryKeys(), None)


def _application(dependencies: ApiDependencies, settings: Settings, stack: AsyncExitStack) -> FastAPI:
    has_door = "api" in settings.roles
    routers = (ROUTERS if has_door else OPERATION) + (INTERNAL if "worker" in settings.roles else ())
    app = create_app(dependencies, routers)
    if settings.api.console and has_door:
        console = Console(app)
        console.install(app.router)
        stack.push_async_callback(console.close)
    return app


def _planner(settings: Settings, clock: Clock) -> WatchedPlanner:
    """The planner's process; stuck when not even its own time limit brings an answer."""
    worker = settings.worker
    return WatchedPlanner(ProcessPlanner(worker.planner_seconds), clock, worker.planner_seconds + worker.stuck_after_seconds)


def _worker_limits(settings: Settings) -> WorkerLimits:
    worker = settings.worker
    return WorkerLimits(
        batch_records=worker.batch_records,
        batch_bytes=worker.batch_bytes,
        tick_seconds=worker.tick_seconds,
        snapshot_batches=worker.snapshot_batches,
        snapshot_readings=worker.snapshot_readings,
        stuck_after_seconds=worker.stuck_after_seconds,
        keep_facts=worker.keep_facts,
        trim=worker.trim,
    )
