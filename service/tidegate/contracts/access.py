"""Who may do what at which site: roles, grants, API keys as they are shown, and the record of what was asked for."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from pydantic import Field

from tidegate.contracts.ids import CommandId, TimeField, is_clean
from tidegate.contracts.views import CommandStatus
from tidegate.errors import InputError

EVERY_SITE: Final = "*"
"""In place of a site: every site there is or will be, and what belongs to no site."""

MAX_GRANTS: Final = 100
"""Grants of one principal: more sites than that are better served by `*`, and each request looks through them."""


class Role(StrEnum):
    """What a principal is for. `INCLUDES` says what each may do besides."""

    READER = "reader"
    PRODUCER = "producer"
    OPERATOR = "operator"
    ADMIN = "admin"


INCLUDES: Final[dict[Role, frozenset[Role]]] = {
    Role.READER: frozenset({Role.READER}),
    Role.PRODUCER: frozenset({Role.PRODUCER}),
    Role.OPERATOR: frozenset({Role.OPERATOR, Role.READER}),
    Role.ADMIN: frozenset(Role),
}
"""A producer does not read: the key in a device that somebody opens shows nothing. A gateway has two grants."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role at one site, or at `EVERY_SITE`; as text `operator@plant-1`."""

    role: Role
    site: str

    def __str__(self) -> str:
        return f"{self.role}@{self.site}"

    def gives(self, role: Role, site: str) -> bool:
        """Whether it lets its owner do what needs `role` at `site`; `EVERY_SITE` asks for every site."""
        return role in INCLUDES[self.role] and self.site in (EVERY_SITE, site)


def parse_grant(text: str) -> Grant:
    """The grant that `text` names.

    Raises:
        InputError: no role that we know, no site, or a site that no reading could be of.
    """
    role, at, site = text.partition("@")
    if role not in set(Role) or not at or not is_clean(site):
        raise InputError(
            f"grant is {text[:200]!r}, expected role@site", advice=f"roles: {', '.join(Role)}; site: an id, or * for every site"
        )
    return Grant(Role(role), site)


def parse_grants(texts: list[str]) -> tuple[Grant, ...]:
    """The grants that `texts` name, without repeats.

    Raises:
        InputError: one is none, or there are more than `MAX_GRANTS`.
    """
    if len(texts) > MAX_GRANTS:
        raise InputError(f"{len(texts)} grants, expected at most {MAX_GRANTS}", advice="grant a role at * instead")
    return tuple(dict.fromkeys(parse_grant(text) for text in texts))


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it may be shown: everything but its secret. `last_used_at_ms` is exact to the hour."""

    id: str
    name: str
    grants: list[str]
    created_at_ms: int
    created_by: str
    expires_at_ms: int | None = None
    last_used_at_ms: int | None = None
    revoked_at_ms: int | None = None

    def is_good(self, now_ms: int) -> bool:
        """Whether it opens the door at `now_ms`."""
        return self.revoked_at_ms is None and (self.expires_at_ms is None or now_ms < self.expires_at_ms)


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """Asks for a key: what it is called in the audit, what it may, and until when (Unix ms; null: until it is revoked)."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=128), Field(min_length=1, max_length=128)]
    grants: Annotated[list[str], msgspec.Meta(min_length=1, max_length=MAX_GRANTS), Field(min_length=1, max_length=MAX_GRANTS)]
    expires_at_ms: TimeField | None = None


@dataclass(frozen=True, slots=True)
class KeyMade:
    """A new key. `secret` is the whole of it, is shown this once, and is kept nowhere."""

    key: ApiKey
    secret: str


class PrincipalKind(StrEnum):
    """How somebody showed who they are."""

    ANONYMOUS = "anonymous"
    KEY = "key"
    TOKEN = "token"  # noqa: S105 a kind, not a secret
    SHELL = "shell"


@dataclass(frozen=True, slots=True)
class WhoAmI:
    """Whom the service takes the caller for. `access_control` false means that everybody may do everything."""

    name: str
    kind: PrincipalKind
    grants: list[str]
    access_control: bool


class AuditResult(StrEnum):
    """What the door did: let it through to whoever decides, or did not."""

    TAKEN = "taken"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Somebody asked for something to be changed.

    `action` is a command's kind, or method and path; `code` is the problem's code when it was refused. `outcome` and
    `reason` are what the worker then made of the command; null and empty where it was none, or is no longer known.
    """

    id: str
    at_ms: int
    principal: str
    kind: PrincipalKind
    action: str
    site: str | None
    result: AuditResult
    status: int
    code: str = ""
    command: CommandId | None = None
    request_id: str = ""
    address: str = ""
    outcome: CommandStatus | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are meant; null asks for nothing. `since_ms` is included, `until_ms` is not."""

    principal: str | None = None
    site: str | None = None
    action: str | None = None
    result: AuditResult | None = None
    command: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def matches(self, entry: AuditEntry) -> bool:
        """Whether `entry` is meant."""
        wanted = {name: getattr(self, name) for name in ("principal", "site", "action", "result", "command")}
        return (
            all(value is None or getattr(entry, name) == value for name, value in wanted.items())
            and (self.since_ms is None or entry.at_ms >= self.since_ms)
            and (self.until_ms is None or entry.at_ms < self.until_ms)
        )
