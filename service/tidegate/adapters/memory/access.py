"""Keys and the audit in memory: gone with the process. `broken` makes every question fail, as a database that is away does."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tidegate.contracts.access import ApiKey, AuditEntry, AuditFilter
from tidegate.contracts.paging import AsOf, Page, PageRequest, to_cursor
from tidegate.errors import DependencyError, InputError
from tidegate.ports import StoredKey


@dataclass
class MemoryKeys:
    """`ports.KeyStore`."""

    stored: dict[str, StoredKey] = field(default_factory=dict)
    broken: bool = False

    async def add(self, stored: StoredKey) -> None:
        """Keep a new key."""
        self._check()
        self.stored[stored.key.id] = stored

    async def find(self, key_id: str) -> StoredKey | None:
        """The key of that id."""
        self._check()
        return self.stored.get(key_id)

    async def all(self) -> Sequence[ApiKey]:
        """Every key, the last made first."""
        self._check()
        keys = [stored.key for stored in self.stored.values()]
        return sorted(keys, key=lambda key: (-key.created_at_ms, key.id))

    async def revoke(self, key_id: str, at_ms: int) -> ApiKey | None:
        """End a key now."""
        found = await self.find(key_id)
        if found is None:
            return None
        revoked = found.key.revoked_at_ms
        return self._put(found, replace(found.key, revoked_at_ms=at_ms if revoked is None else revoked))

    async def expire(self, key_id: str, at_ms: int) -> ApiKey | None:
        """Let a key end at `at_ms`, or sooner."""
        found = await self.find(key_id)
        if found is None:
            return None
        expires = found.key.expires_at_ms
        return self._put(found, replace(found.key, expires_at_ms=at_ms if expires is None else min(at_ms, expires)))

    async def used(self, key_id: str, at_ms: int) -> None:
        """Note when a key was last used."""
        found = await self.find(key_id)
        if found is not None:
            self._put(found, replace(found.key, last_used_at_ms=max(at_ms, found.key.last_used_at_ms or at_ms)))

    def _put(self, found: StoredKey, key: ApiKey) -> ApiKey:
        self.stored[key.id] = replace(found, key=key)
        return key

    def _check(self) -> None:
        if self.broken:
            raise DependencyError("the keys cannot be asked")


@dataclass
class MemoryAudit:
    """`ports.AuditTrail`."""

    kept: list[AuditEntry] = field(default_factory=list)
    broken: bool = False

    async def record(self, entry: AuditEntry) -> None:
        """Add `entry`."""
        self._check()
        self.kept.append(entry)

    async def entries(self, page: PageRequest, wanted: AuditFilter) -> Page[AuditEntry]:
        """The entries that are meant, the newest first."""
        self._check()
        if page.after is not None and not isinstance(page.after[0], int):
            raise InputError("the cursor is of another list", advice="start over without a cursor")
        ordered = sorted((entry for entry in self.kept if wanted.matches(entry)), key=_place, reverse=True)
        rest = ordered if page.after is None else [entry for entry in ordered if _place(entry) < page.after]
        shown = rest[: page.limit]
        cursor = to_cursor(_place(shown[-1])) if len(rest) > page.limit else None
        return Page(shown, cursor, AsOf())

    def _check(self) -> None:
        if self.broken:
            raise DependencyError("the audit cannot be written or asked")


def _place(entry: AuditEntry) -> tuple[int, str]:
    return entry.at_ms, entry.id
