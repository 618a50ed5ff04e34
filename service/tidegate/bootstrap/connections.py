"""Who is spoken to outside: workers of other processes, Alertmanager, a collector of traces."""

import asyncio
import secrets
from contextlib import AsyncExitStack
from typing import Final

import httpx

from tidegate.adapters.alertmanager import Alertmanager
from tidegate.adapters.remote_live import Addresses, Crew
from tidegate.api.alerting.teller import AlertTeller
from tidegate.api.alerting.wording import Wording
from tidegate.bootstrap.access import worker_token
from tidegate.errors import ConfigurationError
from tidegate.ports import NO_TRACING, AlertMetrics, Clock, Log, Tracing, Views
from tidegate.settings import Settings

_ALERT_SECONDS: Final = 10.0
"""Longest time for Alertmanager's answer."""


def open_crew(settings: Settings, stack: AsyncExitStack) -> Crew | None:
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


def open_teller(
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
