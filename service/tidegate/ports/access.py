"""Keys, tokens and the record of who asked for what: what the door needs of their stores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tidegate.contracts.access import ApiKey, AuditEntry, AuditFilter
from tidegate.contracts.paging import Page, PageRequest


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key with the SHA-256 of its secret, 32 bytes; the secret itself is stored nowhere."""

    key: ApiKey
    digest: bytes


class KeyStore(Protocol):
    """API keys, shared by every process of an installation. What is written here is read by all of them.

    Raises:
        DependencyError: the store cannot be asked; nothing was changed.
    """

    async def add(self, stored: StoredKey) -> None:
        """Keep a new key; its id is new."""
        ...

    async def find(self, key_id: str) -> StoredKey | None:
        """The key of that id, also one that is over."""
        ...

    async def all(self) -> Sequence[ApiKey]:
        """Every key, the last made first; also those that are over."""
        ...

    async def revoke(self, key_id: str, at_ms: int) -> ApiKey | None:
        """End a key now, and give it back; one that is revoked already keeps its time. None when there is none."""
        ...

    async def expire(self, key_id: str, at_ms: int) -> ApiKey | None:
        """Let a key end at `at_ms` if it does not end sooner, and give it back. None when there is none."""
        ...

    async def used(self, key_id: str, at_ms: int) -> None:
        """Note when a key was last used; an earlier time than the noted one changes nothing."""
        ...


class AuditTrail(Protocol):
    """What was asked for and by whom. Entries are only ever added.

    Raises:
        DependencyError: it cannot be written or asked.
    """

    async def record(self, entry: AuditEntry) -> None:
        """Add `entry`; durable when this returns."""
        ...

    async def entries(self, page: PageRequest, wanted: AuditFilter) -> Page[AuditEntry]:
        """The entries that are meant, the newest first, without outcomes."""
        ...


class TokenVerifier(Protocol):
    """Checks bearer tokens of an identity provider. May fetch the provider's keys; bounded in how often and how long."""

    async def claims(self, token: str) -> Mapping[str, Any] | None:
        """The claims of `token` when it is genuine, meant for us and in time; None otherwise.

        Raises:
            DependencyError: the provider's keys are not known and cannot be fetched.
        """
        ...
