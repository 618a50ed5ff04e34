"""`/v1/whoami`, `/v1/keys`, `/v1/audit`: who one is taken for, who else may come in, and who asked for what."""

import asyncio
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from tidegate.api import examples_access as examples
from tidegate.api.access.auditing import Deed
from tidegate.api.access.keys import new_key
from tidegate.api.answers import as_json, example_of, found
from tidegate.api.bodies import json_body
from tidegate.api.dependencies import Door, Here
from tidegate.api.errors import NotFoundError
from tidegate.api.openapi import body_of
from tidegate.api.params import CommandFilter, Paging, SiteFilter
from tidegate.contracts.access import ApiKey, AuditEntry, AuditFilter, AuditResult, KeyMade, KeyRequest, WhoAmI
from tidegate.contracts.codec import decode
from tidegate.contracts.ids import MAX_INTEGER
from tidegate.contracts.paging import Page
from tidegate.ports import AuditTrail, KeyStore

router = APIRouter(tags=["access"])

KeyPath = Annotated[str, Path(description="Key id, the middle part of the key.", examples=["0f3c5a7d9b1e2468"])]
_Time = Annotated[int | None, Query(ge=-MAX_INTEGER, le=MAX_INTEGER, description="Unix time in milliseconds.")]


async def _wanted(
    principal: Annotated[str | None, Query(max_length=128, description="Only what this principal asked for, by name.")] = None,
    site: SiteFilter = None,
    action: Annotated[str | None, Query(max_length=256, description="Only this command kind or route.")] = None,
    result: Annotated[AuditResult | None, Query(description="Only what was taken, or refused, at the door.")] = None,
    command: CommandFilter = None,
    since_ms: _Time = None,
    until_ms: _Time = None,
) -> AuditFilter:
    return AuditFilter(principal, site, action, result, command, since_ms, until_ms)


@router.get("/v1/whoami", response_model=WhoAmI, responses=example_of(examples.WHOAMI))
async def get_whoami(door: Here) -> Response:
    """Say whom the service takes you for, and what that lets you do."""
    who = door.caller.principal
    return as_json(WhoAmI(who.name, who.kind, [str(grant) for grant in who.grants], door.ports.access.on))


@router.get("/v1/keys", response_model=list[ApiKey], responses=example_of([examples.KEY]))
async def list_keys(door: Here) -> Response:
    """List every key without its secret, the last made first; also revoked and expired ones."""
    return as_json(await _keys(door).all())


@router.post(
    "/v1/keys",
    status_code=HTTPStatus.CREATED,
    response_model=KeyMade,
    responses=example_of(examples.KEY_MADE, HTTPStatus.CREATED, "The key; its secret is shown this once."),
    openapi_extra=body_of([KeyRequest], {"operator of one site": examples.KEY_REQUEST}),
)
async def post_key(request: Request, door: Here) -> Response:
    """Make a key. The answer is the only place where its secret ever is: it is stored as a hash."""
    async with json_body(request, door) as body:
        asked = decode(body, KeyRequest)
    stored, made = new_key(asked, door.caller.principal.name, door.ports.clock.now_ms())
    store = _keys(door)
    await door.ports.auditor.before(door.caller, Deed(f"create-key {stored.key.id}"), must=True)
    await store.add(stored)
    return as_json(made, HTTPStatus.CREATED)


@router.delete("/v1/keys/{key}", response_model=ApiKey, responses=example_of(examples.KEY_REVOKED))
async def delete_key(key: KeyPath, door: Here) -> Response:
    """Revoke a key: within two seconds no process takes it any more. It stays in the list. Twice is no different from once."""
    store = _keys(door)
    await door.ports.auditor.before(door.caller, Deed(f"revoke-key {key[:32]}"), must=True)
    return as_json(found(await store.revoke(key, door.ports.clock.now_ms()), f"key {key[:100]!r}"))


@router.get("/v1/audit", response_model=Page[AuditEntry], responses=example_of(examples.AUDIT))
async def list_audit(page: Paging, door: Here, wanted: Annotated[AuditFilter, Depends(_wanted)]) -> Response:
    """List who asked for what, the newest first, with what became of it; also what was refused."""
    entries = await _trail(door).entries(page, wanted)
    items = await asyncio.gather(*(_with_outcome(entry, door) for entry in entries.items))
    return as_json(replace(entries, items=items))


async def _with_outcome(entry: AuditEntry, door: Door) -> AuditEntry:
    view = None if entry.command is None else await door.ports.views.command(entry.command)
    return entry if view is None else replace(entry, outcome=view.status, reason=view.reason)


def _keys(door: Door) -> KeyStore:
    if door.ports.keys is None:
        raise NotFoundError("this process keeps no keys", advice="keys are kept in the history database")
    return door.ports.keys


def _trail(door: Door) -> AuditTrail:
    if door.ports.audit is None:
        raise NotFoundError("this process keeps no audit", advice="the audit is kept in the history database")
    return door.ports.audit
