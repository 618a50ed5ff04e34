"""Alerts to Prometheus' Alertmanager, by its API (version 2). Tries once; knows nothing of anomalies."""

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import httpx
import structlog

from tidegate.errors import DependencyError
from tidegate.ports import Alert

PATH: Final = "/api/v2/alerts"

CHUNK: Final = 500
"""Alerts in one request: some hundred kilobytes."""

_LAST_MS: Final = 253_402_300_799_000
"""The last second of the year 9999, beyond which its times do not go."""

_log = structlog.get_logger(__name__)


class Alertmanager:
    """Implements `ports.AlertSink`."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self._url = url.rstrip("/") + PATH

    async def send(self, alerts: Sequence[Alert]) -> int:
        """Post `alerts`; one that it does not take does not keep it from the others.

        Raises:
            DependencyError: it does not answer, or not now.
        """
        refused = 0
        for start in range(0, len(alerts), CHUNK):
            refused += await self._post(alerts[start : start + CHUNK])
        return refused

    async def _post(self, alerts: Sequence[Alert]) -> int:
        try:
            answer = await self._http.post(self._url, json=[_posted(alert) for alert in alerts])
        except httpx.HTTPError as error:
            raise DependencyError(
                f"Alertmanager at {self._url} does not answer: {str(error) or type(error).__name__}",
                advice="see that it runs and that alerting.alertmanager_url is right",
            ) from error
        if answer.is_success:
            return 0
        if answer.status_code == HTTPStatus.BAD_REQUEST:
            # It took the good ones. Sending the others again would be of no use: they will not become better.
            _log.error("alerts_refused", said=answer.text[:500])
            return len(alerts)
        raise DependencyError(
            f"Alertmanager at {self._url} answers {answer.status_code}", advice="see its log, and alerting.alertmanager_url"
        )


def _posted(alert: Alert) -> dict[str, Any]:
    body = {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": _time(alert.starts_at_ms),
        "endsAt": _time(alert.ends_at_ms),
    }
    return body | ({"generatorURL": alert.link} if alert.link else {})


def _time(time_ms: int) -> str:
    return datetime.fromtimestamp(min(max(time_ms, 1000), _LAST_MS) / 1000, UTC).isoformat(timespec="milliseconds")
