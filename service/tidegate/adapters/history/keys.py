"""API keys in the database of history, which every process of an installation shares."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, func, insert, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from tidegate.adapters.history.access_tables import API_KEYS
from tidegate.adapters.history.database import Database
from tidegate.contracts.access import ApiKey
from tidegate.contracts.codec import encode
from tidegate.ports import StoredKey

_OF = API_KEYS.c


class SqlKeys:
    """`ports.KeyStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, stored: StoredKey) -> None:
        """Keep a new key."""
        key = stored.key
        row = {
            "id": key.id,
            "name": key.name,
            "grants": encode(key.grants).decode(),
            "digest": stored.digest,
            "created_at_ms": key.created_at_ms,
            "created_by": key.created_by,
            "expires_at_ms": key.expires_at_ms,
        }
        async with self._database.writing(durable=True) as connection:
            await connection.execute(insert(API_KEYS).values(row))

    async def find(self, key_id: str) -> StoredKey | None:
        """The key of that id."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(API_KEYS).where(_OF.id == key_id))).one_or_none()
        return None if row is None else StoredKey(_key(row), bytes(row.digest))

    async def all(self) -> Sequence[ApiKey]:
        """Every key, the last made first."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(API_KEYS).order_by(_OF.created_at_ms.desc(), _OF.id))).all()
        return [_key(row) for row in rows]

    async def revoke(self, key_id: str, at_ms: int) -> ApiKey | None:
        """End a key now."""
        return await self._change(key_id, _OF.revoked_at_ms.is_(None), revoked_at_ms=at_ms)

    async def expire(self, key_id: str, at_ms: int) -> ApiKey | None:
        """Let a key end at `at_ms`, or sooner."""
        return await self._change(key_id, or_(_OF.expires_at_ms.is_(None), _OF.expires_at_ms > at_ms), expires_at_ms=at_ms)

    async def used(self, key_id: str, at_ms: int) -> None:
        """Note when a key was last used."""
        await self._change(key_id, func.coalesce(_OF.last_used_at_ms, 0) < at_ms, last_used_at_ms=at_ms)

    async def _change(self, key_id: str, when: ColumnElement[bool], **values: int) -> ApiKey | None:
        async with self._database.writing(durable=True) as connection:
            await connection.execute(update(API_KEYS).where(_OF.id == key_id, when).values(**values))
            row = (await connection.execute(select(API_KEYS).where(_OF.id == key_id))).one_or_none()
        return None if row is None else _key(row)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        grants=msgspec.json.decode(row.grants, type=list[str]),
        created_at_ms=row.created_at_ms,
        created_by=row.created_by,
        expires_at_ms=row.expires_at_ms,
        last_used_at_ms=row.last_used_at_ms,
        revoked_at_ms=row.revoked_at_ms,
    )
