"""Somebody with grants, and one request of theirs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tidegate.api.errors import RoleMissingError, UnauthenticatedError
from tidegate.contracts.access import EVERY_SITE, Grant, PrincipalKind, Role


@dataclass(frozen=True, slots=True)
class Principal:
    """Who somebody is, by the credential they showed. `id` is the key's, or the token's subject; `name` is for people."""

    id: str
    name: str
    kind: PrincipalKind
    grants: tuple[Grant, ...] = ()

    def may(self, role: Role, site: str) -> bool:
        """Whether they may do what needs `role` at `site`; `EVERY_SITE` asks for every site."""
        return any(grant.gives(role, site) for grant in self.grants)

    def sites(self, role: Role) -> frozenset[str]:
        """Where they have `role`; `EVERY_SITE` stands for all."""
        return frozenset(grant.site for grant in self.grants if grant.gives(role, grant.site))


OWNER = Principal("", "anonymous", PrincipalKind.ANONYMOUS, (Grant(Role.ADMIN, EVERY_SITE),))
"""Everybody, while access control is off: whoever reaches the port may do everything."""

STRANGER = Principal("", "anonymous", PrincipalKind.ANONYMOUS)
"""Whoever shows no credential while access control is on."""


async def _always() -> bool:
    return True


@dataclass(slots=True)
class Caller:
    """Whoever makes one request. `refusal` is why their credential does not count; `recorded`, whether the audit has it.

    `still_known` asks again whether the credential is good, for answers that take long.
    """

    principal: Principal = OWNER
    address: str = ""
    request_id: str = ""
    refusal: Exception | None = None
    recorded: bool = False
    still_known: Callable[[], Awaitable[bool]] = _always

    def demand(self, role: Role, site: str) -> None:
        """Let pass whoever has `role` at `site`.

        Raises:
            UnauthenticatedError: we do not know who asks.
            RoleMissingError: we do, and they may not.
        """
        if not self.principal.may(role, site):
            where = "every site" if site == EVERY_SITE else f"site {site!r}"
            raise self.refused(f"this needs the role {role} at {where}", f"ask an admin for {role}@{site}")

    def demand_somewhere(self, role: Role) -> None:
        """Let pass whoever has `role` at any site. Raises as `demand`."""
        if not self.principal.sites(role):
            raise self.refused(f"this needs the role {role}", f"ask an admin for {role}@ and the site")

    def refused(self, message: str, advice: str) -> Exception:
        """The refusal of this caller: strangers are asked who they are, the others told what is missing."""
        if self.principal.kind is not PrincipalKind.ANONYMOUS:
            return RoleMissingError(message, advice=advice)
        return self.refusal or UnauthenticatedError(
            "this needs a credential", advice="send Authorization: Bearer with a key (tidegate keys create) or a token"
        )
