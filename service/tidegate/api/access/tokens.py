"""Bearer tokens: from the claims of a genuine one to a principal."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tidegate.api.access.cache import Cache
from tidegate.api.access.principal import Principal
from tidegate.contracts.access import MAX_GRANTS, Grant, PrincipalKind, parse_grant
from tidegate.contracts.ids import is_clean
from tidegate.errors import InputError
from tidegate.ports import Clock, TokenVerifier

TRUST_SECONDS: Final = 30.0
"""How long a token that was verified is not verified again; never beyond its own end. A signature costs as much as a request."""

MAX_KNOWN: Final = 10_000
"""Tokens remembered, by their hash."""


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """Which claims say who somebody is and what they may; dots lead into a claim. Without `grants`, values are grants."""

    name: str = "sub"
    grants_claim: str = "groups"
    grants: Mapping[str, Sequence[str]] = field(default_factory=dict)


class TokenDesk:
    """Tells whose a token is. Bounded; one per process."""

    def __init__(self, verifier: TokenVerifier, rules: ClaimRules, clock: Clock) -> None:
        self._verifier = verifier
        self._rules = rules
        self._clock = clock
        self._known: Cache[bytes, tuple[Principal, float]] = Cache(MAX_KNOWN)

    async def principal(self, token: str) -> Principal | None:
        """Whose `token` is; None when it is not genuine, not for us, not in time, or does not say whose it is.

        Raises:
            DependencyError: the provider's keys are not known and cannot be fetched.
        """
        digest, now = hashlib.sha256(token.encode()).digest(), self._clock.monotonic()
        known = self._known.get(digest, now - TRUST_SECONDS)
        if known is not None and self._clock.now_ms() < known[1] * 1000:
            return known[0]
        claims = await self._verifier.claims(token)
        found = None if claims is None else principal_from(claims, self._rules)
        if claims is not None and found is not None:
            self._known.put(digest, (found, float(claims["exp"])), now)
        return found


def principal_from(claims: Mapping[str, Any], rules: ClaimRules) -> Principal | None:
    """Who `claims` are about, with what they grant by `rules`; None when they do not name anybody whom a log could name.

    A value that grants nothing is passed over: providers put all of a user's groups in, and few are about us.
    """
    subject, name = claims.get("sub"), _claim(claims, rules.name)
    if not (isinstance(subject, str) and isinstance(name, str) and is_clean(name) and is_clean(subject)):
        return None
    grants = dict.fromkeys(grant for value in _words(_claim(claims, rules.grants_claim)) for grant in _granted(value, rules))
    return Principal(subject, name, PrincipalKind.TOKEN, tuple(grants)[:MAX_GRANTS])


def _granted(value: str, rules: ClaimRules) -> list[Grant]:
    if rules.grants:
        return [parse_grant(text) for text in rules.grants.get(value, ())]
    try:
        return [parse_grant(value)]
    except InputError:
        return []


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    if path in claims:  # some providers name claims by URLs, with dots of their own
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
