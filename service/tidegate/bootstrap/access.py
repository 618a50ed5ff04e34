"""Who may come in."""

import ipaddress
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from tidegate.adapters.oidc import OidcVerifier, ProviderKeys, TokenRules
from tidegate.api.access.authenticator import AccessControl, Authenticator
from tidegate.api.access.keys import KeyRing
from tidegate.api.access.rates import Rate
from tidegate.api.access.tokens import ClaimRules, TokenDesk
from tidegate.bootstrap.secrets import secret
from tidegate.errors import ConfigurationError
from tidegate.ports import Clock, KeyStore
from tidegate.settings import OidcSettings, Settings

MIN_TOKEN_CHARACTERS: Final = 32
"""Of the secret that doors and workers share: 128 bits as hex."""


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


def hosts_of(settings: Settings) -> Sequence[str] | None:
    """By which names the door may be asked; None where that is not looked at, for callers show who they are."""
    api = settings.api
    if settings.access.accept or not (api.hosts or _is_loopback(api.host)):
        return None
    return api.hosts


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


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _knows_doors_alone(settings: Settings) -> bool:
    """Whether this is a worker that nobody but the doors of its installation may ask."""
    return "api" not in settings.roles and bool(worker_token(settings))


def _token_desk(settings: OidcSettings, clock: Clock, stack: AsyncExitStack) -> TokenDesk:
    keys = ProviderKeys(settings.issuer, settings.jwks_url, clock, settings.ca_file)
    stack.push_async_callback(keys.close)
    rules = TokenRules(settings.issuer, settings.audience, settings.algorithms, settings.leeway_seconds)
    claims = ClaimRules(settings.name_claim, settings.grants_claim, settings.grants)
    return TokenDesk(OidcVerifier(keys, rules), claims, clock)
