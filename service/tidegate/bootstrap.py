"""The one place that knows every concrete class: builds the service from settings and runs it until told to stop.

Start order: log, bundles, membership, workers (restore), door. Stop order, within one time budget: the door closes, each
worker finishes its batch and leaves a snapshot, the process leaves the group, the planner's process ends, the log closes.
"""

import asyncio
import contextlib
import dataclasses
import ipaddress
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import structlog
import uvicorn
from pydantic import SecretStr

from tidegate.adapters.adviser import ProcessAdviser
from tidegate.adapters.alertmanager import Alertmanager
from tidegate.adapters.bundles import all_bundles, bundle_catalogue, made_at, shipped_bundles
from tidegate.adapters.catalogue import UNANSWERED
from tidegate.adapters.clock import SystemClock
from tidegate.adapters.embedded import EmbeddedLog
from tidegate.adapters.heads import BoundedHeads
from tidegate.adapters.history import Database, Follower, SqlAudit, SqlKeys, SqlViews, keep_pruned, open_database
from tidegate.adapters.kafka import Delivery, KafkaConnection, KafkaGroup, KafkaLog, KafkaSecurity, Login, TlsFiles, secured
from tidegate.adapters.membership import SoleMember
from tidegate.adapters.memory import MemoryKeys
from tidegate.adapters.metrics import PrometheusMetrics
from tidegate.adapters.oidc import OidcVerifier, ProviderKeys, TokenRules
from tidegate.adapters.onnx import load_bundle
from tidegate.adapters.planner import ProcessPlanner
from tidegate.adapters.profiles import load_profiles, shipped_profiles
from tidegate.adapters.remote_live import Addresses, Asking, Crew, RemoteConfiguring, RemoteLive
from tidegate.api.access.authenticator import AccessControl, Authenticator
from tidegate.api.access.keys import KeyRing
from tidegate.api.access.rates import Rate
from tidegate.api.access.tokens import ClaimRules, TokenDesk
from tidegate.api.alerting.teller import AlertTeller
from tidegate.api.alerting.wording import Wording
from tidegate.api.app import INTERNAL, OPERATION, ROUTERS, create_app
from tidegate.api.dependencies import ApiDependencies, ApiLimits
from tidegate.api.feed import Feed
from tidegate.console.mount import Console
from tidegate.contracts.codec import from_builtins
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration, DetectionSettings
from tidegate.contracts.profile import Profile
from tidegate.core.forecaster import Forecaster
from tidegate.errors import BundleError, ConfigurationError, DependencyError, InputError
from tidegate.pipeline.configuring import ConfigurationDesk
from tidegate.pipeline.live import LiveWorkers
from tidegate.pipeline.planning import WatchedPlanner
from tidegate.pipeline.series import SeriesDesk
from tidegate.pipeline.worker import PartitionWorker, WorkerLimits, WorkerPorts
from tidegate.pipeline.workers import Workers
from tidegate.ports import NO_TRACING, AlertMetrics, AuditTrail, Clock, KeyStore, Log, Membership, Metrics, Tracing, Views
from tidegate.settings import KafkaSettings, OidcSettings, Settings
from tidegate.settings_sources import Gathered
from tidegate.settings_view import setting_views

_log = structlog.get_logger(__name__)

_WEIGH_SECONDS = 15.0
"""Between two looks at the size of the log: as often as Prometheus usually asks."""

NOTHING_GIVEN: Final = Gathered()
"""Where settings come from when nobody says: each is its default, or made by a program."""
_ALERT_SECONDS = 10.0
"""Longest time for Alertmanager's answer."""

MIN_TOKEN_CHARACTERS = 32
"""Of the secret that doors and workers share: 128 bits as hex."""

T = TypeVar("T")


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


async def run_service(
    settings: Settings,
    stop: asyncio.Event,
    on_listening: Callable[[str], None] = lambda _: None,
    gathered: Gathered = NOTHING_GIVEN,
) -> None:
    """Build the service, call `on_listening` with its URL, run until `stop` is set or a part fails, and shut down in order.

    Raises:
        ConfigurationError: settings or profiles cannot be used, or the port is taken.
        BundleError: a bundle is missing or not what its manifest says.
        DependencyError: the log cannot be opened, or a part failed while running.
    """
    async with AsyncExitStack() as stack:
        service = await build_service(settings, stack, gathered)
        on_listening(service.url)
        await _run(service, stop)


async def build_service(settings: Settings, stack: AsyncExitStack, gathered: Gathered = NOTHING_GIVEN) -> Service:
    """Open and wire every part; `stack` closes what was opened, also when a later part fails.

    `gathered` says where settings come from, for who asks.
    """
    check_exposure(settings)
    configuration = core_configuration(settings)
    listener = stack.enter_context(contextlib.closing(_listen(settings.api.host, settings.api.port)))
    clock = SystemClock()
    log = await open_log(settings, clock)
    stack.push_async_callback(log.close)
    forecasters = await asyncio.to_thread(load_forecasters, settings, configuration)
    bundles = {name: forecaster.identity for name, forecaster in forecasters.items()}
    metrics = PrometheusMetrics()
    metrics.bundles({each.identity: made_at(each.manifest) for each in forecasters.values()})
    metrics.profiles(configuration.profiles)
    planner = _planner(settings, clock)
    stack.push_async_callback(planner.close)
    tracing = open_tracing(settings, stack)
    ports = WorkerPorts(log, planner, clock, metrics, forecasters, tracing=tracing)
    membership = join(settings, log)
    stack.push_async_callback(membership.close)
    workers = Workers(
        log, membership, metrics, partial(PartitionWorker, ports=ports, configuration=configuration, limits=_limits(settings))
    )
    own = LiveWorkers(workers, bundles, planner)
    metrics.watch(own.ages)
    crew = _crew(settings, stack)
    asking = None if crew is None else Asking(crew, log.partitions)
    live = own if asking is None else RemoteLive(asking, log, own)
    if isinstance(live, RemoteLive):
        metrics.gauge_from(UNANSWERED, live.count_unanswered)
    if isinstance(log, EmbeddedLog):
        stack.push_async_callback(_cancel, [asyncio.create_task(_weigh(log, metrics), name="weigh")])
    feed = Feed(log)
    history = await open_history(settings, stack)
    follower = Follower(log, history, metrics)
    if "api" in settings.roles:
        await follower.prepare()
        pruning = keep_pruned(history, settings.history.retention.model_dump(), clock, metrics)
        stack.push_async_callback(_cancel, [asyncio.create_task(pruning, name="pruning")])
        metrics.history_from(follower.lag)
    metrics.letters_from(follower.waiting)
    adviser = ProcessAdviser()
    stack.push_async_callback(adviser.close)
    keys, audit = _stores(settings, history)
    views = SqlViews(history, log.partitions)
    own_desk = ConfigurationDesk(
        log, workers, configuration, forecasters, setting_views(settings, gathered), lambda: bundle_folders(settings)
    )
    dependencies = ApiDependencies(
        log,
        views,
        live,
        metrics,
        clock,
        feed,
        _api_limits(settings),
        access=access_control(settings, keys, clock, stack),
        keys=keys,
        audit=audit,
        cors_origins=settings.api.cors_origins,
        own=own,
        adviser=adviser,
        desk=own_desk if asking is None else RemoteConfiguring(asking, own_desk),
        own_desk=own_desk,
        tracing=tracing,
        scorer=_series_desk(configuration, forecasters, stack),
    )
    routers = (ROUTERS if "api" in settings.roles else OPERATION) + (INTERNAL if "worker" in settings.roles else ())
    app = create_app(dependencies, routers)
    if settings.api.console and "api" in settings.roles:
        console = Console(app)
        console.install(app.router)
        stack.push_async_callback(console.close)
    teller = _teller(settings, log, views, clock, metrics, stack)
    return Service(settings, workers, follower, feed, crew, teller, _server(app, settings.api.trusted_proxies), listener)


def _stores(settings: Settings, history: Database) -> tuple[KeyStore, AuditTrail | None]:
    """Keys and audit. Without the door's role there is no history: doors come with the shared token, and nobody else does."""
    return (SqlKeys(history), SqlAudit(history)) if "api" in settings.roles else (MemoryKeys(), None)


def check_exposure(settings: Settings) -> None:
    """See that strangers are kept out of whatever they can reach.

    Raises:
        ConfigurationError: the service would listen beyond loopback and ask nobody who they are.
    """
    access, host = settings.access, settings.api.host
    if access.accept or access.allow_anonymous or _is_loopback(host) or _knows_doors_alone(settings):
        return
    raise ConfigurationError(
        f"api.host {host} can be reached from elsewhere, and access control is off: anybody could send commands",
        advice="set access.accept (docs/access.md), or access.allow_anonymous: true where something else keeps strangers out",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def access_control(settings: Settings, keys: KeyStore, clock: Clock, stack: AsyncExitStack) -> AccessControl:
    """How callers are told apart; connects to nothing.

    Raises:
        ConfigurationError: the identity provider's address or certificate cannot be used.
    """
    access, token = settings.access, worker_token(settings)
    limited = bool(access.accept) or not _is_loopback(settings.api.host)
    rate = Rate(access.requests_per_second, access.burst) if limited else None
    if not access.accept:
        doors_alone = Authenticator(door_token=token) if _knows_doors_alone(settings) else None
        return AccessControl(doors_alone, rate, metrics_open=access.metrics == "open")
    ring = KeyRing(keys, clock) if "keys" in access.accept else None
    desk = _token_desk(access.oidc, clock, stack) if "oidc" in access.accept else None
    return AccessControl(Authenticator(ring, desk, token), rate, metrics_open=access.metrics == "open")


def _knows_doors_alone(settings: Settings) -> bool:
    """Whether this is a worker that nobody but the doors of its installation may ask."""
    return "api" not in settings.roles and bool(worker_token(settings))


def worker_token(settings: Settings) -> str:
    """The secret that doors and workers share; empty when there is none.

    Raises:
        ConfigurationError: its file cannot be read, or it is too short to be one.
    """
    token = secret("access.worker_token", settings.access.worker_token, settings.access.worker_token_file)
    if token and not (len(token) >= MIN_TOKEN_CHARACTERS and token.isascii() and token.isprintable() and " " not in token):
        raise ConfigurationError(
            f"access.worker_token is no {MIN_TOKEN_CHARACTERS} characters of plain text or more",
            advice="make one: openssl rand -hex 32",
        )
    return token


def _token_desk(settings: OidcSettings, clock: Clock, stack: AsyncExitStack) -> TokenDesk:
    keys = ProviderKeys(settings.issuer, settings.jwks_url, clock, settings.ca_file)
    stack.push_async_callback(keys.close)
    rules = TokenRules(settings.issuer, settings.audience, settings.algorithms, settings.leeway_seconds)
    claims = ClaimRules(settings.name_claim, settings.grants_claim, settings.grants)
    return TokenDesk(OidcVerifier(keys, rules), claims, clock)


def _crew(settings: Settings, stack: AsyncExitStack) -> Crew | None:
    """The workers that the door asks for the live state; None where it knows its own process's alone."""
    api = settings.api
    if not api.workers or "api" not in settings.roles:
        return None
    token = worker_token(settings)
    http = httpx.AsyncClient(
        headers={"authorization": f"Bearer {token}"} if token else {},
        timeout=api.worker_seconds,
        trust_env=False,
        # Below the 5 s after which a worker closes an idle connection: one that is just being closed would fail a question.
        limits=httpx.Limits(keepalive_expiry=2.0),
    )
    stack.push_async_callback(http.aclose)
    return Crew(Addresses(http, api.workers, api.worker_seconds).now)


def _teller(
    settings: Settings, log: Log, views: Views, clock: Clock, metrics: AlertMetrics, stack: AsyncExitStack
) -> AlertTeller | None:
    """Who tells Alertmanager of anomalies and incidents; None where nobody is to be told."""
    alerting = settings.alerting
    if not alerting.alertmanager_url or "api" not in settings.roles:
        return None
    http = httpx.AsyncClient(timeout=_ALERT_SECONDS, trust_env=False)
    stack.push_async_callback(http.aclose)
    wording = Wording(alerting.minimum_severity, alerting.link)
    return AlertTeller(log, views, Alertmanager(http, alerting.alertmanager_url), wording, clock, metrics)


def open_tracing(settings: Settings, stack: AsyncExitStack) -> Tracing:
    """Who follows requests and batches; nobody where no collector is set. Connects to nothing.

    Raises:
        ConfigurationError: a collector is set, and OpenTelemetry is not installed.
    """
    if not settings.tracing.endpoint:
        return NO_TRACING
    try:
        from tidegate.adapters.otel import OtelTracing  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigurationError(
            f"tracing.endpoint is set, and {error.name or 'OpenTelemetry'} is not installed",
            advice="install it with the service: pip install 'tidegate[traces]'",
        ) from error
    tracing = OtelTracing.open(settings.tracing.endpoint, settings.tracing.sample_ratio, secrets.token_hex(4))
    stack.push_async_callback(asyncio.to_thread, tracing.close)
    return tracing


async def open_log(settings: Settings, clock: Clock) -> EmbeddedLog | KafkaLog:
    """Kafka when its servers are set, or else the embedded log.

    Raises:
        ConfigurationError: topics or partitions are not as they must be.
        DependencyError: it cannot be opened or reached.
    """
    if settings.kafka.bootstrap_servers:
        return await KafkaLog.open(kafka_connection(settings.kafka))
    return await EmbeddedLog.open(settings.log.path, partitions=settings.log.partitions, clock=clock)


async def open_history(settings: Settings, stack: AsyncExitStack) -> Database:
    """The database of history, which connects when it is asked; `stack` closes it.

    Raises:
        ConfigurationError: its URL cannot be used, or its password cannot be read.
    """
    chosen = settings.history
    password = secret("history.password", chosen.password, chosen.password_file)
    database = open_database(chosen.url or f"sqlite:///{settings.log.path.with_name('history.db')}", password)
    stack.push_async_callback(database.close)
    return database


def join(settings: Settings, log: EmbeddedLog | KafkaLog) -> Membership:
    """The group on Kafka; all partitions on the embedded log, which has no other process; none without the worker's role.

    Raises:
        ConfigurationError: the roles are apart, and there is no Kafka between them.
    """
    if isinstance(log, EmbeddedLog):
        refuse_roles_apart(settings)
        return SoleMember(range(log.partitions))
    if "worker" not in settings.roles:
        return SoleMember(())
    return KafkaGroup(kafka_connection(settings.kafka), settings.kafka.session_seconds)


def refuse_roles_apart(settings: Settings) -> None:
    """Refuse one role alone on the embedded log.

    Raises:
        ConfigurationError: the roles are apart, and there is no Kafka between them.
    """
    if not settings.kafka.bootstrap_servers and set(settings.roles) != {"worker", "api"}:
        raise ConfigurationError(
            f"role {settings.roles[0]!r} alone is of no use on the embedded log, which one process holds",
            advice="leave `roles` at worker,api, or set TIDEGATE_KAFKA__BOOTSTRAP_SERVERS",
        )


def kafka_connection(settings: KafkaSettings) -> KafkaConnection:
    """How to reach the Kafka of `settings`; reads the files of its security.

    Raises:
        ConfigurationError: a file cannot be used, or a password is missing or would travel readable.
    """
    return KafkaConnection(
        settings.bootstrap_servers,
        settings.group,
        settings.topic_prefix,
        security=_security(settings),
        delivery=Delivery(settings.delivery),
    )


def _security(settings: KafkaSettings) -> KafkaSecurity:
    chosen, tls, login = settings.security, None, None
    if chosen.protocol.endswith("SSL"):
        key_password = secret("kafka.security.key_password", chosen.key_password, chosen.key_password_file)
        tls = TlsFiles(chosen.ca_file, chosen.certificate_file, chosen.key_file, key_password, chosen.check_hostname)
    if chosen.protocol.startswith("SASL"):
        password = secret("kafka.security.password", chosen.password, chosen.password_file)
        login = Login(chosen.mechanism, chosen.username or "", password)
    return secured(settings.bootstrap_servers, tls, login)


def secret(name: str, value: SecretStr | None, file: Path | None) -> str:
    """The secret itself, or the first line of its file; empty when neither is set. `name` is the setting's.

    Raises:
        ConfigurationError: both are set, or the file cannot be read.
    """
    if file is None:
        return value.get_secret_value() if value is not None else ""
    if value is not None:
        raise ConfigurationError(f"{name} and {name}_file are both set", advice="keep one of them")
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {name}_file {file}: {type(error).__name__}") from error


def core_configuration(settings: Settings) -> CoreConfiguration:
    """Profiles, detection and allocation settings as the core wants them.

    Raises:
        ConfigurationError: names the profile file or the key that is wrong.
    """
    profiles: dict[str, Profile] = {str(name): profile for name, profile in shipped_profiles().items()}
    profiles |= {str(name): profile for name, profile in load_profiles(settings.profiles).items()}
    return CoreConfiguration(
        profiles=profiles,
        detection=_overridden(DetectionSettings(), settings.detection, "detection"),
        allocation=_overridden(AllocationSettings(), settings.allocation, "allocation"),
    )


def load_forecasters(settings: Settings, configuration: CoreConfiguration) -> dict[str, Forecaster]:
    """Every bundle in the package and in the folders of `settings`, by `name/version`; the newest of a name by its name too.

    All of them, not only those that a profile names: a replay needs what served then, and an activation what may serve next.

    Raises:
        BundleError: a bundle that a profile names is missing, or one is not what its manifest says.
    """
    folders = bundle_folders(settings)
    wanted = {"universal"} | {profile.bundle for profile in configuration.profiles.values() if profile.bundle}
    missing = sorted(wanted - set(folders))
    if missing:
        raise BundleError(f"no bundle named {', '.join(missing)}, there are {sorted(folders)}", advice="set `bundles`")
    loaded = {folder: load_bundle(folder) for folder in sorted(set(folders.values()))}
    return {name: loaded[folder] for name, folder in sorted(folders.items())}


def bundle_folders(settings: Settings) -> dict[str, Path]:
    """The folder of each bundle there is, by `name/version`, and of the newest of a name by its name.

    Raises:
        BundleError: a folder is not there, or a version is not made of numbers.
    """
    paths = [shipped_bundles(), *settings.bundles]
    return all_bundles(paths) | bundle_catalogue(paths)


def _series_desk(configuration: CoreConfiguration, forecasters: Mapping[str, Forecaster], stack: AsyncExitStack) -> SeriesDesk:
    desk = SeriesDesk(configuration, forecasters)
    stack.callback(desk.close)
    return desk


async def _weigh(log: EmbeddedLog, metrics: Metrics) -> None:
    """Keep the size of the log on show; a log that cannot be asked just now is asked again."""
    while True:
        with contextlib.suppress(DependencyError):
            metrics.log_bytes(await log.used_bytes())
        await asyncio.sleep(_WEIGH_SECONDS)


async def _run(service: Service, stop: asyncio.Event) -> None:
    workers_stop = asyncio.Event()
    workers = asyncio.create_task(service.workers.run(workers_stop), name="workers")
    door = asyncio.create_task(service.server.serve(sockets=[service.listener]), name="door")
    waiting = asyncio.create_task(stop.wait(), name="stop")
    parts = [workers, door]
    if "api" in service.settings.roles:
        parts.append(asyncio.create_task(service.follower.run(), name="history"))
        parts.append(asyncio.create_task(service.feed.run(), name="feed"))
    if service.teller is not None:
        parts.append(asyncio.create_task(service.teller.run(), name="alerts"))
    if service.crew is not None:
        parts.append(asyncio.create_task(service.crew.run(), name="crew"))
    try:
        done, _ = await asyncio.wait([waiting, *parts], return_when=asyncio.FIRST_COMPLETED)
        _log.info("stopping", because=", ".join(task.get_name() for task in done))
        await _shut_down(service, door, workers, workers_stop)
        for task in done - {waiting}:
            if task.exception() is not None:
                await task
    finally:
        await _cancel([waiting, *parts])


async def _shut_down(
    service: Service, door: "asyncio.Task[None]", workers: "asyncio.Task[None]", workers_stop: asyncio.Event
) -> None:
    budget = service.settings.worker.shutdown_seconds
    service.server.should_exit = True
    try:
        async with asyncio.timeout(budget):
            await asyncio.wait([door])
            workers_stop.set()
            await asyncio.wait([workers])
    except TimeoutError:
        # Safe: an unfinished batch was not committed, and a missing snapshot only lengthens the next replay.
        _log.warning("shutdown_cut_short", budget_seconds=budget)


async def _cancel(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: one place decides the order in which things stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: Any, trusted_proxies: Sequence[str]) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http=BoundedHeads,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=3,
        server_header=False,
        ws="websockets-sansio",  # the one that warns of nothing
        # uvicorn believes X-Forwarded-For of loopback by itself; an address in the audit must not be anybody's to choose.
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
    )
    return _Server(config)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # whoever comes early waits in the queue, and is not refused
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"cannot listen on {host} port {port}: {error.strerror}",
            advice="choose another with TIDEGATE_API__PORT, or 0 for a free one",
        ) from error
    listener.set_inheritable(True)
    return listener


def _planner(settings: Settings, clock: Clock) -> WatchedPlanner:
    """The planner's process; stuck when not even its own time limit brings an answer."""
    worker = settings.worker
    return WatchedPlanner(ProcessPlanner(worker.planner_seconds), clock, worker.planner_seconds + worker.stuck_after_seconds)


def _limits(settings: Settings) -> WorkerLimits:
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


def _api_limits(settings: Settings) -> ApiLimits:
    return ApiLimits(max_body_bytes=settings.api.max_body_bytes, max_pending_records=settings.api.max_pending_records)


def _overridden(base: T, overrides: Mapping[str, Any], where: str) -> T:
    """`base` (a dataclass) with `overrides` put over it; unknown keys are refused."""
    values = {item.name: getattr(base, item.name) for item in dataclasses.fields(base)}  # type: ignore[arg-type]
    for key, value in overrides.items():
        if key not in values:
            raise ConfigurationError(f"{where}.{key} is not a setting", advice=f"known: {', '.join(sorted(values))}")
        nested = dataclasses.is_dataclass(values[key])
        values[key] = _overridden(values[key], value, f"{where}.{key}") if nested else value
    try:
        return from_builtins({key: _plain(value) for key, value in values.items()}, type(base))
    except InputError as error:
        raise ConfigurationError(f"{where}: {error.message}") from error


def _plain(value: object) -> object:
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
