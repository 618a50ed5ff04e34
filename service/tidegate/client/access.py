"""Who one is taken for, who else may come in, and who asked for what."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Final

from tidegate.client.listing import Listing
from tidegate.client.route import Route
from tidegate.client.wire import Wire
from tidegate.contracts.access import ApiKey, AuditEntry, AuditFilter, KeyMade, KeyRequest, WhoAmI
from tidegate.contracts.paging import Page

_WHOAMI: Final = Route("GET", "/v1/whoami")
_KEYS: Final = Route("GET", "/v1/keys")
_CREATE: Final = Route("POST", "/v1/keys")
_REVOKE: Final = Route("DELETE", "/v1/keys/{key}")
_AUDIT: Final = Route("GET", "/v1/audit")

_KEY_LIST = list[ApiKey]


class Access:
    """`/v1/whoami`, `/v1/keys`, `/v1/audit`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def whoami(self) -> WhoAmI:
        """Whom the service takes you for, and what that lets you do."""
        return await self._wire.ask(_WHOAMI, WhoAmI)

    async def keys(self) -> Sequence[ApiKey]:
        """Every key without its secret, the last made first."""
        return await self._wire.ask(_KEYS, _KEY_LIST)

    async def create_key(self, asked: KeyRequest) -> KeyMade:
        """Make a key; its secret is in this answer and nowhere else. Never repeated: a lost answer's key is to be revoked."""
        return await self._wire.ask(_CREATE, KeyMade, body=asked)

    async def revoke_key(self, key: str) -> ApiKey:
        """Let no process take the key any more."""
        return await self._wire.ask(_REVOKE, ApiKey, {"key": key})

    def audit(self, wanted: AuditFilter | None = None) -> Listing[AuditEntry]:
        """Who asked for what, the newest first, with what became of it."""
        meant = wanted or AuditFilter()
        return Listing(
            self._wire, _AUDIT, Page[AuditEntry], query={each.name: getattr(meant, each.name) for each in fields(meant)}
        )
