"""Credential to principal, whichever of the accepted kinds it is."""

import hmac
from dataclasses import dataclass
from typing import Final

from tidegate.api.access.keys import PREFIX, KeyRing
from tidegate.api.access.principal import Principal
from tidegate.api.access.rates import Rate
from tidegate.api.access.tokens import TokenDesk
from tidegate.contracts.access import EVERY_SITE, Grant, PrincipalKind, Role

A_DOOR: Final = Principal("door", "door", PrincipalKind.KEY, (Grant(Role.READER, EVERY_SITE),))
"""The door of another process of this installation, which asks workers what they know (`access.worker_token`)."""


class Authenticator:
    """Knows whose a credential is. For the gate, and for whoever else is handed one (the console's login)."""

    def __init__(self, keys: KeyRing | None = None, tokens: TokenDesk | None = None, door_token: str = "") -> None:
        self._keys = keys
        self._tokens = tokens
        self._door_token = door_token.encode()

    async def principal_of(self, credential: str) -> Principal | None:
        """Whose `credential` is; None when it opens nothing, and nothing says why.

        Raises:
            DependencyError: what would know cannot be asked.
        """
        if self._door_token and hmac.compare_digest(credential.encode(), self._door_token):
            return A_DOOR
        if credential.startswith(PREFIX):
            return await self._keys.principal(credential) if self._keys else None
        return await self._tokens.principal(credential) if self._tokens else None


@dataclass(frozen=True, slots=True)
class AccessControl:
    """How the door tells callers apart. `authenticator` None: it does not, and everybody may do everything.

    `rate` bounds what each may ask for, `failures` how many wrong credentials one address may try; None bounds nothing.
    """

    authenticator: Authenticator | None = None
    rate: Rate | None = None
    failures: Rate = Rate(per_second=1.0, burst=20)  # noqa: RUF009 a frozen value
    metrics_open: bool = False

    @property
    def on(self) -> bool:
        """Whether callers are told apart."""
        return self.authenticator is not None
