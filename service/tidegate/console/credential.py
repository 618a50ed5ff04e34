"""Whose eyes a page has: the API key in the visitor's cookie, and the two requests that put it there and take it away.

The key itself, and no session of ours: nothing to keep, to share between processes, or to lose in a restart. Scripts cannot read
the cookie, other sites cannot send it, and it ends with the browser. A key that is revoked shows nothing from then on.
"""

from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

COOKIE: Final = "tidegate_console"

MAX_KEY: Final = 4096
"""Characters of a credential: a browser keeps no larger cookie."""

_MAX_FORM_BYTES: Final = 16 * 1024


def credential_of(connection: HTTPConnection) -> str:
    """What the visitor logged in with; empty for nothing, or for nothing that a header could carry."""
    credential = connection.cookies.get(COOKIE, "")
    return credential if _sendable(credential) else ""


def is_from_elsewhere(connection: HTTPConnection) -> bool:
    """Whether a page of another origin sent this; a browser says so, and cannot be made not to."""
    origin = connection.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != connection.headers.get("host")


async def log_in(request: Request) -> Response:
    """Take the key of the login form into the cookie; whether it opens anything, the first page will see."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM_BYTES:
            return Response("The form is too large.", status_code=413, media_type="text/plain")
    fields = parse_qs(body.decode("latin-1"), max_num_fields=10)
    credential = fields.get("key", [""])[0].strip()
    if not _sendable(credential):
        return RedirectResponse("login?refused=1", status_code=303)
    answer = RedirectResponse(_way_back(fields.get("next", [""])[0]), status_code=303)
    answer.set_cookie(
        COOKIE, credential, path=_cookie_path(request), httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return answer


async def log_out(request: Request) -> Response:
    """Forget the key."""
    answer = RedirectResponse("login", status_code=303)
    answer.delete_cookie(COOKIE, path=_cookie_path(request), httponly=True, samesite="strict")
    return answer


def login_address(request: Request, *, refused: bool) -> str:
    """Where a visitor without a good key is sent, and from there back here."""
    here = request.url.path.rsplit("/", 1)[-1] + (f"?{request.url.query}" if request.url.query else "")
    return f"login?next={quote(here, safe='')}" + ("&refused=1" if refused else "")


def _way_back(address: str) -> str:
    """A page beside the form, and never another host: `//evil` and `https:` are no such pages."""
    return address if address and address[0].isalpha() and ":" not in address.partition("?")[0] else "./"


def _cookie_path(request: Request) -> str:
    return str(request.scope.get("root_path", "")) or "/"


def _sendable(credential: str) -> bool:
    return (
        0 < len(credential) <= MAX_KEY
        and credential.isascii()
        and credential.isprintable()
        and not set(' ;,"\\') & set(credential)
    )
