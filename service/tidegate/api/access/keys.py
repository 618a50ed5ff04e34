"""API keys: how they are made, read, and held against what is stored.

A key is `tdg_<id>_<secret>`: a prefix that scanners for leaked secrets can look for, a public id to find it by, and 256
random bits. Stored is the plain SHA-256 of the secret. Slow hashes and salts protect secrets that people choose: they make
guessing from a small set expensive. Nobody guesses 256 random bits, and a slow hash on every request would be a way to
stop the service.
"""

import contextlib
import hashlib
import hmac
import re
import secrets
from typing import Final

from tidegate.api.access.cache import Cache
from tidegate.api.access.principal import Principal
from tidegate.contracts.access import ApiKey, KeyMade, KeyRequest, PrincipalKind, parse_grants
from tidegate.contracts.ids import is_clean
from tidegate.errors import DependencyError, InputError
from tidegate.ports import Clock, KeyStore, StoredKey

PREFIX: Final = "tdg_"

_SHAPE: Final = re.compile(r"tdg_([0-9a-f]{16})_([0-9a-f]{64})")

TRUST_SECONDS: Final = 2.0
"""How long a key is taken for what it was when last looked up: by then at the latest a revoked one stops working."""

GRACE_SECONDS: Final = 300.0
"""How long it is taken for that while the store cannot be asked: telemetry shall not stop because a database restarts."""

MAX_KNOWN: Final = 10_000
"""Keys remembered by a process; about 10 MB."""

MAX_UNKNOWN: Final = 1000
"""Ids remembered as nobody's, apart from the others: made-up ids must not push out real ones."""

USE_MS: Final = 3_600_000
"""Milliseconds between two notes of a key's use: a write per request would cost more than the request."""

_NOBODY: Final = bytes(32)


def new_key(request: KeyRequest, created_by: str, now_ms: int) -> tuple[StoredKey, KeyMade]:
    """A fresh key: what to store, and what to show once.

    Raises:
        InputError: a grant is none, the name is not clean, or the key would be over before it begins.
    """
    if not is_clean(request.name):
        raise InputError(f"name {request.name!r} has control characters or surrounding blanks - at `$.name`")
    if request.expires_at_ms is not None and request.expires_at_ms <= now_ms:
        raise InputError(f"expires_at_ms {request.expires_at_ms} is in the past - at `$.expires_at_ms`")
    grants = [str(grant) for grant in parse_grants(request.grants)]
    identifier, secret = secrets.token_hex(8), secrets.token_hex(32)
    key = ApiKey(identifier, request.name, grants, now_ms, created_by, request.expires_at_ms)
    return StoredKey(key, _digest(secret)), KeyMade(key, f"{PREFIX}{identifier}_{secret}")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("ascii")).digest()


class KeyRing:
    """Tells whose a key is, from a store that it asks seldom. Bounded; one per process."""

    def __init__(self, store: KeyStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: Cache[str, tuple[StoredKey, Principal]] = Cache(MAX_KNOWN)
        self._unknown: Cache[str, None] = Cache(MAX_UNKNOWN)

    async def principal(self, text: str) -> Principal | None:
        """Whose key `text` is; None when it is no key, a wrong, expired or revoked one, and nothing says which.

        Raises:
            DependencyError: the store cannot be asked, and this key was not seen of late.
        """
        parts = _SHAPE.fullmatch(text)
        if parts is None:
            return None
        found = await self._find(parts[1])
        # Also for an id that is nobody's: the time of a refusal shall not tell which ids there are.
        genuine = hmac.compare_digest(_digest(parts[2]), _NOBODY if found is None else found[0].digest)
        if found is None or not genuine or not found[0].key.is_good(self._clock.now_ms()):
            return None
        return found[1]

    async def _find(self, key_id: str) -> tuple[StoredKey, Principal] | None:
        now = self._clock.monotonic()
        known = self._known.get(key_id, now - TRUST_SECONDS)
        if known is not None:
            return known
        if self._unknown.holds(key_id, now - TRUST_SECONDS):
            return None
        try:
            stored = await self._store.find(key_id)
            if stored is not None:
                await self._note_use(stored.key)
        except DependencyError:
            known = self._known.get(key_id, now - GRACE_SECONDS)
            if known is None:
                raise
            return known
        return self._remember(key_id, stored, now)

    def _remember(self, key_id: str, stored: StoredKey | None, now: float) -> tuple[StoredKey, Principal] | None:
        if stored is None:
            self._known.drop(key_id)
            self._unknown.put(key_id, None, now)
            return None
        grants = parse_grants(stored.key.grants)
        found = (stored, Principal(stored.key.id, stored.key.name, PrincipalKind.KEY, grants))
        self._known.put(key_id, found, now)
        return found

    async def _note_use(self, key: ApiKey) -> None:
        now_ms = self._clock.now_ms()
        if key.is_good(now_ms) and now_ms - (key.last_used_at_ms or 0) >= USE_MS:
            with contextlib.suppress(DependencyError):  # a store that can be read and not written still knows its keys
                await self._store.used(key.id, now_ms)
