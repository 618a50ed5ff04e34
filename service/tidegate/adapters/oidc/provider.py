"""The signing keys of an OpenID Connect provider, fetched when they are needed and kept for a while.

A token that names a key we do not know makes us ask again, for the provider may have changed its keys; but not more often
than `MIN_BETWEEN_SECONDS`, or whoever makes up key ids would have us flood the provider.
"""

import asyncio
import ipaddress
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec
import structlog

from tidegate.errors import ConfigurationError, DependencyError
from tidegate.ports import Clock

SigningKey = Mapping[str, Any]
"""A JSON Web Key (RFC 7517)."""

MAX_AGE_SECONDS: Final = 600.0
"""Age at which keys are fetched again: how long a key that the provider withdrew is still taken."""

MAX_STALE_SECONDS: Final = 3600.0
"""Age up to which they are used while the provider cannot be reached; tokens made before that live about as long."""

MIN_BETWEEN_SECONDS: Final = 10.0
"""Least time between two questions to the provider, whether they were answered or not."""

FETCH_SECONDS: Final = 5.0
"""Time for one answer of the provider."""

MAX_ANSWER_BYTES: Final = 256 * 1024
MAX_KEYS: Final = 100
"""Bounds of what a provider may make us keep; real ones have two or three keys in some kilobytes."""

_DISCOVERY: Final = "/.well-known/openid-configuration"

_log = structlog.get_logger()


class ProviderKeys:
    """Keys by their id. One per process; `close` it."""

    def __init__(self, issuer: str, jwks_url: str, clock: Clock, ca_file: Path | None = None) -> None:
        """Connects to nothing yet.

        Raises:
            ConfigurationError: an address would be asked without encryption beyond loopback, or the file cannot be used.
        """
        for url in filter(None, (issuer, jwks_url)):
            if not _is_safe(url):
                raise ConfigurationError(f"access.oidc: {url!r} is not https", advice="keys fetched without TLS are anybody's")
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._clock = clock
        self._http = httpx.AsyncClient(timeout=FETCH_SECONDS, verify=_trust(ca_file))
        self._lock = asyncio.Lock()
        self._keys: list[SigningKey] = []
        self._fetched_at = self._asked_at = float("-inf")

    async def find(self, key_id: str | None) -> SigningKey | None:
        """The key of that id; with no id the only one, if there is just one. None when the provider has no such key.

        Raises:
            DependencyError: the keys are not known, or too old, and the provider does not answer.
        """
        found = self._known(key_id)
        if found is None or self._age() > MAX_AGE_SECONDS:
            await self._refresh()
            found = self._known(key_id)
        if self._age() > MAX_STALE_SECONDS:
            raise DependencyError("the identity provider's keys are not known", advice="see the service's log; try again later")
        return found

    async def close(self) -> None:
        """Close connections. Idempotent."""
        await self._http.aclose()

    def _age(self) -> float:
        return self._clock.monotonic() - self._fetched_at

    def _known(self, key_id: str | None) -> SigningKey | None:
        if key_id is None:
            return self._keys[0] if len(self._keys) == 1 else None
        return next((key for key in self._keys if key.get("kid") == key_id), None)

    async def _refresh(self) -> None:
        async with self._lock:  # who waited here finds that it was asked just now
            now = self._clock.monotonic()
            if now - self._asked_at < MIN_BETWEEN_SECONDS:
                return
            self._asked_at = now
            try:
                self._keys = await self._fetch()
                self._fetched_at = now
            except (httpx.HTTPError, httpx.InvalidURL, msgspec.MsgspecError, DependencyError, RecursionError) as error:
                _log.warning("provider_keys_not_fetched", issuer=self._issuer, error=f"{type(error).__name__}: {error}"[:300])

    async def _fetch(self) -> list[SigningKey]:
        url = self._jwks_url or await self._discover()
        listed = (await self._get(url)).get("keys")
        if not isinstance(listed, list):
            raise DependencyError(f"{url} lists no keys")
        return [key for key in listed[:MAX_KEYS] if isinstance(key, dict) and key.get("use", "sig") == "sig"]

    async def _discover(self) -> str:
        document = await self._get(self._issuer.rstrip("/") + _DISCOVERY)
        url = document.get("jwks_uri")
        if document.get("issuer") != self._issuer:
            raise DependencyError(f"{self._issuer} calls itself {document.get('issuer')!r}")
        if not isinstance(url, str) or not _is_safe(url):
            raise DependencyError(f"{self._issuer} has its keys at {url!r}, expected an https address")
        return url

    async def _get(self, url: str) -> dict[str, Any]:
        body = b""
        async with asyncio.timeout(2 * FETCH_SECONDS), self._http.stream("GET", url) as answer:
            if answer.status_code != httpx.codes.OK:
                raise DependencyError(f"{url} answers with {answer.status_code}")
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise DependencyError(f"{url} answers with more than {MAX_ANSWER_BYTES} bytes")
        document: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
        return document


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigurationError(f"cannot use access.oidc.ca_file {ca_file}: {type(error).__name__}") from error


def _is_safe(url: str) -> bool:
    """Whether nobody on the way can answer in place of `url`: TLS, or it does not leave this machine."""
    try:
        parts = urlsplit(url)
        if parts.scheme == "http":
            return parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname)
