"""Finds out who makes a request, before anything else happens to it, and sees to its record at the end. ASGI, inside `edge`.

A wrong credential does not end the request here: the route may be open, and the audit wants to know which it was.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Final
from urllib.parse import parse_qs, quote, unquote

import structlog

from tidegate.api.access.auditing import Auditor, Deed
from tidegate.api.access.authenticator import AccessControl, Authenticator
from tidegate.api.access.principal import OWNER, STRANGER, Caller, Principal
from tidegate.api.access.rates import Buckets, neighbourhood
from tidegate.api.access.rules import SAFE, Route, Rule
from tidegate.api.asgi import CALLER, PROBLEM, REQUEST_ID, Answer, Application, Receive, Scope, Send
from tidegate.api.errors import UnauthenticatedError
from tidegate.api.problems import answer_to
from tidegate.contracts.access import EVERY_SITE, PrincipalKind, Role
from tidegate.errors import DependencyError, TidegateError
from tidegate.ports import Clock

MAX_CREDENTIAL_BYTES: Final = 8192
"""Bytes of an Authorization header: with a key it has 93, with a token of many groups some thousands."""

_SECRET_IN_QUERY: Final = re.compile(rb"(^|&)(access_token|api_key)=|tdg_[0-9a-f]{16}_", re.IGNORECASE)
"""What is in a URL is in the log of every proxy on the way, and in the history of a browser."""

_log = structlog.get_logger()


class Gate:
    """ASGI middleware that puts the `Caller` into the scope."""

    def __init__(
        self, app: Application, control: AccessControl, rules: Mapping[Route, Rule], auditor: Auditor, clock: Clock
    ) -> None:
        self._app = app
        self._control = control
        self._rules = rules
        self._auditor = auditor
        self._clock = clock
        self._requests = Buckets(control.rate) if control.rate else None
        self._failures = Buckets(control.failures)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything but HTTP passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            caller = scope[CALLER] = await self._caller(scope)
        except TidegateError as error:
            await answer_to(error)(scope, receive, send)
            return
        _imply_site(scope, caller.principal)
        answer = Answer(send)
        try:
            await self._app(scope, receive, answer.send)
        finally:
            await self._record(scope, caller, answer.status)

    async def _caller(self, scope: Scope) -> Caller:
        address = (scope.get("client") or ("", 0))[0]
        caller = Caller(OWNER, address, scope.get(REQUEST_ID, ""))
        authenticator = self._control.authenticator
        if authenticator is not None:
            _refuse_secret_in_query(scope)
            await self._identify(scope, caller, authenticator)
        if self._requests is not None:
            who = caller.principal
            whose = neighbourhood(address) if who.kind is PrincipalKind.ANONYMOUS else f"{who.kind}/{who.id}"
            self._requests.take(whose, self._clock.monotonic())
        return caller

    async def _identify(self, scope: Scope, caller: Caller, authenticator: Authenticator) -> None:
        """Say whose the credential is, or why it does not count."""
        caller.principal = STRANGER
        headers = [value for name, value in scope["headers"] if name == b"authorization"]
        if not headers:
            return
        credential = _credential(headers)
        try:
            found = None if credential is None else await authenticator.principal_of(credential)
        except DependencyError as error:
            caller.refusal = error
            return
        if credential is not None and found is not None:
            caller.principal, caller.still_known = found, partial(_is_still, found, credential, authenticator)
            return
        self._failures.take(neighbourhood(caller.address), self._clock.monotonic())
        _log.warning("credential_refused", address=caller.address, request_id=caller.request_id)
        caller.refusal = UnauthenticatedError(
            "the credential is not accepted", code="credential-invalid", advice="send one Authorization: Bearer with a good key"
        )

    async def _record(self, scope: Scope, caller: Caller, status: int | None) -> None:
        """Leave no attempt to change something without a record, whoever answered it."""
        if scope["method"] in SAFE or caller.recorded or status is None:
            return
        template = getattr(scope.get("route"), "path", "")
        rule = self._rules.get((scope["method"], template))
        if rule is not None and rule.audited:
            site = scope.get("path_params", {}).get("site")
            deed = Deed(f"{scope['method']} {template}", None if site is None else unquote(site))
            await self._auditor.after(caller, deed, status, scope.get(PROBLEM, ""))


async def _is_still(who: Principal, credential: str, authenticator: Authenticator) -> bool:
    try:
        return await authenticator.principal_of(credential) == who
    except DependencyError:
        return False


def _credential(headers: list[bytes]) -> str | None:
    """What one well-formed `Authorization: Bearer` header carries; None for everything else."""
    if len(headers) != 1 or len(headers[0]) > MAX_CREDENTIAL_BYTES or not headers[0].isascii():
        return None
    scheme, _, credential = headers[0].decode("ascii").partition(" ")
    credential = credential.strip()
    return credential if scheme.lower() == "bearer" and credential.isprintable() and " " not in credential else None


def _refuse_secret_in_query(scope: Scope) -> None:
    if _SECRET_IN_QUERY.search(scope.get("query_string", b"")):
        raise UnauthenticatedError(
            "a credential in the query string is not taken",
            code="credential-in-query",
            advice="send it as Authorization: Bearer, and revoke this one: URLs are logged on their way",
        )


def _imply_site(scope: Scope, principal: Principal) -> None:
    """Let whoever may see exactly one site leave it out of questions."""
    if scope["method"] not in SAFE or not principal.grants:
        return
    sites = principal.sites(Role.READER)
    if len(sites) == 1 and EVERY_SITE not in sites:
        query = scope.get("query_string", b"")
        if "site" not in parse_qs(query.decode("latin-1"), keep_blank_values=True):
            [site] = sites
            scope["query_string"] = (query + b"&" if query else b"") + f"site={quote(site, safe='')}".encode()
