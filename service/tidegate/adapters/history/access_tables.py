"""Tables of access: API keys and the audit. Not on any topic: what is lost here is lost."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from tidegate.adapters.history.metadata import METADATA

API_KEYS: Final = Table(
    "api_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("grants", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at_ms", BigInteger),
    Column("last_used_at_ms", BigInteger),
    Column("revoked_at_ms", BigInteger),
)
"""`grants` is a JSON list of `role@site`, `digest` the SHA-256 of the secret."""

AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("principal", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("site", Text),
    Column("result", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("code", Text, nullable=False),
    Column("command", Text),
    Column("request_id", Text, nullable=False),
    Column("address", Text, nullable=False),
)
Index(None, AUDIT.c.at_ms, AUDIT.c.id)
Index(None, AUDIT.c.site, AUDIT.c.at_ms)
Index(None, AUDIT.c.principal, AUDIT.c.at_ms)
Index(None, AUDIT.c.command)
