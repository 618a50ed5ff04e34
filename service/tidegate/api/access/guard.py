"""The route that was found against its rule, before its handler sees the request."""

from typing import Final
from urllib.parse import parse_qs, unquote

from fastapi import Request

from tidegate.api.access.items import SITE_OF
from tidegate.api.access.principal import Caller
from tidegate.api.access.rules import Rule, SiteFrom
from tidegate.api.answers import found
from tidegate.api.dependencies import caller_of, door_of
from tidegate.api.errors import RoleMissingError
from tidegate.contracts.access import EVERY_SITE, Role

_NAMES: Final = {"letter": "dead letter"}
"""Of items, where people call them otherwise than paths do."""


async def guard(request: Request) -> None:
    """Let the request pass to its handler when its caller may make it.

    Raises:
        UnauthenticatedError: we do not know who asks, and the route is not open.
        RoleMissingError: they may not do this, or not there, or have to say where.
        NotFoundError: what the path names is another site's: who may not see it is not told that it exists.
    """
    caller, rule = caller_of(request), door_of(request).rules[request.method, request.scope["route"].path]
    if rule.open:
        return
    if rule.role is None:
        _demand_known(caller)
    elif rule.site is SiteFrom.PATH:
        caller.demand(rule.role, unquote(request.path_params["site"]))
    elif rule.site is SiteFrom.EVERY:
        caller.demand(rule.role, EVERY_SITE)
    else:
        caller.demand_somewhere(rule.role)
        await _look_closer(request, caller, rule, rule.role)


def _demand_known(caller: Caller) -> None:
    if not caller.principal.grants:
        raise caller.refused("this needs a credential that grants something", "ask an admin for a role")


async def _look_closer(request: Request, caller: Caller, rule: Rule, role: Role) -> None:
    if caller.principal.may(role, EVERY_SITE):
        return
    if rule.site is SiteFrom.QUERY:
        _demand_named(request, caller, role)
    elif rule.site is SiteFrom.ITEM:
        await _demand_own(request, caller, role)


def _demand_named(request: Request, caller: Caller, role: Role) -> None:
    named = parse_qs(request.scope["query_string"].decode("latin-1"), keep_blank_values=True).get("site", [])
    if len(named) != 1:
        sites = ", ".join(sorted(caller.principal.sites(role))[:20])
        raise RoleMissingError("say which site: you may not see every one", advice=f"add ?site= with one of: {sites}")
    caller.demand(role, named[0])


async def _demand_own(request: Request, caller: Caller, role: Role) -> None:
    door = door_of(request)
    for name, lookup in SITE_OF.items():
        if name in request.path_params:
            identifier = unquote(request.path_params[name])
            site = await lookup(door.ports.views, door.ports.log, identifier)
            own = site if site is not None and caller.principal.may(Role.READER, site) else None
            found(own, f"{_NAMES.get(name, name)} {identifier[:100]!r}")
            caller.demand(role, own or EVERY_SITE)
