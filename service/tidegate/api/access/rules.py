"""The one table: which role each route needs, and where the site stands that it is needed at.

A route without a row has a role by its method: reading needs a reader, everything else an operator. Its site is found by
what its path holds; a path that holds neither a site nor anything that belongs to one needs a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tidegate.contracts.access import Role

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""


class SiteFrom(StrEnum):
    """Where a request says which site it is about."""

    PATH = "path"
    """`{site}` of the path."""
    QUERY = "query"
    """`?site=`; who may not see every site has to give one, and one who may see just one need not."""
    BODY = "body"
    """The body: the handler asks the caller once it is read."""
    ITEM = "item"
    """What the path names by id; another site's is not there."""
    SHOWN = "shown"
    """Of each thing in the answer: the handler leaves out what the caller may not see."""
    NONE = "none"
    """It is about no site: the role at any site will do."""
    EVERY = "every"
    """It is about all of them: the role at `*` is needed."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a route needs. `role` None: any caller that we know; `open`: any caller."""

    role: Role | None
    site: SiteFrom
    open: bool = False

    @property
    def audited(self) -> bool:
        """Whether each attempt is put on record: it changes what the service does, and is no telemetry."""
        return self.role in {Role.OPERATOR, Role.ADMIN}


OPEN: Final = Rule(None, SiteFrom.NONE, open=True)

Route = tuple[str, str]
"""Method and path template."""

RULES: Final[Mapping[Route, Rule]] = {
    ("GET", "/healthz"): OPEN,
    ("GET", "/readyz"): OPEN,
    ("GET", "/docs"): OPEN,
    ("GET", "/openapi.json"): OPEN,
    ("GET", "/metrics"): Rule(Role.READER, SiteFrom.EVERY),
    ("POST", "/v1/readings"): Rule(Role.PRODUCER, SiteFrom.BODY),
    ("POST", "/v1/acks"): Rule(Role.PRODUCER, SiteFrom.BODY),
    ("POST", "/v1/score"): Rule(Role.READER, SiteFrom.NONE),
    ("POST", "/v1/commands"): Rule(Role.OPERATOR, SiteFrom.BODY),
    ("GET", "/v1/summary"): Rule(Role.READER, SiteFrom.QUERY),
    ("GET", "/v1/partitions"): Rule(Role.READER, SiteFrom.EVERY),
    ("POST", "/internal/questions/{question}"): Rule(Role.READER, SiteFrom.EVERY),
    ("GET", "/v1/sites"): Rule(Role.READER, SiteFrom.SHOWN),
    ("GET", "/v1/stream"): Rule(Role.READER, SiteFrom.SHOWN),
    ("GET", "/v1/devices"): Rule(Role.READER, SiteFrom.QUERY),
    ("GET", "/v1/anomalies"): Rule(Role.READER, SiteFrom.QUERY),
    ("GET", "/v1/incidents"): Rule(Role.READER, SiteFrom.QUERY),
    ("GET", "/v1/decisions"): Rule(Role.READER, SiteFrom.QUERY),
    ("GET", "/v1/deadletters"): Rule(Role.READER, SiteFrom.QUERY),
    ("GET", "/v1/gateways/{gateway}/assignments"): Rule(Role.READER, SiteFrom.QUERY),
    ("POST", "/v1/sites/{site}/what-if"): Rule(Role.READER, SiteFrom.PATH),
    ("POST", "/v1/sites/{site}/topology/validate"): Rule(Role.READER, SiteFrom.PATH),
    ("PUT", "/v1/sites/{site}/profiles"): Rule(Role.ADMIN, SiteFrom.PATH),
    ("POST", "/v1/sites/{site}/profiles/preview"): Rule(Role.READER, SiteFrom.PATH),
    ("GET", "/v1/configuration"): Rule(Role.ADMIN, SiteFrom.EVERY),
    ("GET", "/v1/bundles"): Rule(Role.READER, SiteFrom.NONE),
    ("POST", "/v1/bundles/{name}/{version}/verify"): Rule(Role.ADMIN, SiteFrom.EVERY),
    ("POST", "/v1/bundles/{name}/{version}/activate"): Rule(Role.ADMIN, SiteFrom.EVERY),
    ("GET", "/v1/whoami"): Rule(None, SiteFrom.NONE),
    ("GET", "/v1/keys"): Rule(Role.ADMIN, SiteFrom.EVERY),
    ("POST", "/v1/keys"): Rule(Role.ADMIN, SiteFrom.EVERY),
    ("DELETE", "/v1/keys/{key}"): Rule(Role.ADMIN, SiteFrom.EVERY),
    ("GET", "/v1/audit"): Rule(Role.ADMIN, SiteFrom.EVERY),
}

ADMIN_COMMANDS: Final = frozenset({"configure-profiles", "activate-bundle"})
"""Kinds of commands that change what every reading is judged by; the others are an operator's."""

ITEMS: Final = ("anomaly", "incident", "plan", "command", "letter")
"""Path parameters that name something of a site by an id of its own; `items` knows how to ask for each."""


def rule_for(method: str, template: str) -> Rule:
    """The rule of a route; one that the table does not know needs its role at every site, unless its path says which."""
    row = RULES.get((method, template))
    if row is not None:
        return row
    role = Role.READER if method in SAFE else Role.OPERATOR
    if "{site}" in template:
        return Rule(role, SiteFrom.PATH)
    if any(f"{{{item}}}" in template for item in ITEMS):
        return Rule(role, SiteFrom.ITEM)
    return Rule(role, SiteFrom.EVERY)


def command_role(kind: str) -> Role:
    """Who may send a command of this kind."""
    return Role.ADMIN if kind in ADMIN_COMMANDS else Role.OPERATOR
