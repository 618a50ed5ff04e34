"""One request and its answer: credentials, patience, and the door's answers as values or as our errors."""

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

import httpx

from tidegate import __version__
from tidegate.client.errors import ForeignAnswerError, ProblemError, UnreachableError, problem_error
from tidegate.client.retry import Patience, Retry
from tidegate.client.route import Route
from tidegate.contracts.codec import decode, encode
from tidegate.contracts.problem import MEDIA_TYPE, ProblemDetails
from tidegate.errors import ConfigurationError, InputError

T = TypeVar("T")

TOKEN_VARIABLE: Final = "TIDEGATE_TOKEN"  # noqa: S105 - the variable's name
"""Environment variable that holds the credential when none is given."""

IDEMPOTENCY_KEY: Final = "idempotency-key"
"""Header that makes a command recognisable when it is sent again."""

_BUSY: Final = frozenset({429, 502, 503, 504})
_JSON: Final = "application/json"


class Wire:
    """Carries requests to one service. Knows no path and no resource; those are its callers'."""

    def __init__(self, http: httpx.AsyncClient, url: str, retry: Retry) -> None:
        self.http = http
        self.url = url
        self._retry = retry

    async def ask(
        self,
        route: Route,
        kind: type[T],
        names: dict[str, str] | None = None,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Ask, and decode the answer as `kind`. `body`, if any, goes as JSON.

        Raises:
            ProblemError: the service refused, or failed.
            UnreachableError: nobody answered within the patience.
            ForeignAnswerError: the answer is no Tidegate's.
        """
        content = None if body is None else encode(body)
        return self.read(await self.send(route, names, query=query, content=content, headers=headers), kind)

    async def send(
        self,
        route: Route,
        names: dict[str, str] | None = None,
        *,
        query: Mapping[str, object] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        also: frozenset[int] = frozenset(),
    ) -> httpx.Response:
        """Ask, again while the service is busy and the request may be repeated; a status in `also` is an answer, too.

        Raises as `ask`.
        """
        typed = {"content-type": _JSON} if content is not None else {}
        request = self.http.build_request(
            route.method,
            route.path(names or {}),
            params=_query(query or {}),
            content=content,
            headers=typed | dict(headers or {}),
        )
        patience = Patience(self._retry)
        repeatable = route.repeatable or IDEMPOTENCY_KEY in request.headers
        while True:
            outcome = await self._try(request)
            if isinstance(outcome, httpx.Response):
                if outcome.is_success or outcome.status_code in also:
                    return outcome
                busy = outcome.status_code in _BUSY
                if not (busy and repeatable and await patience.is_left(reached=True, asked_seconds=_asked_pause(outcome))):
                    raise self.refusal(outcome)
            elif not (repeatable and await patience.is_left(reached=False)):
                raise outcome

    def read(self, answer: httpx.Response, kind: type[T]) -> T:
        """The body of `answer` as `kind`.

        Raises:
            ForeignAnswerError: it is none.
        """
        try:
            return decode(answer.content, kind)
        except InputError as error:
            raise self.foreign(answer, error.message) from error

    def foreign(self, answer: httpx.Response, why: str) -> ForeignAnswerError:
        """The error for an `answer` that no Tidegate gives."""
        return ForeignAnswerError(
            f"{self.url} does not answer like a Tidegate of this release: {answer.status_code} to {answer.request.method} "
            f"{answer.request.url.path[:200]}, {why[:200]}",
            advice="check the address, and that service and client are of one release",
        )

    async def _try(self, request: httpx.Request) -> httpx.Response | UnreachableError:
        try:
            return await self.http.send(request)
        except httpx.HTTPError as error:
            return self.unreachable(error)

    def unreachable(self, error: httpx.HTTPError) -> UnreachableError:
        """The error for a request that got no answer."""
        return UnreachableError(
            f"no answer from {self.url}: {error or type(error).__name__}",
            advice="start the service with `tidegate serve`, or give its address",
        )

    def refusal(self, answer: httpx.Response) -> ProblemError | ForeignAnswerError:
        """The error that an `answer` without success says."""
        if answer.headers.get("content-type", "").partition(";")[0].strip() != MEDIA_TYPE:
            return self.foreign(answer, f"content type {answer.headers.get('content-type', 'none')!r}")
        try:
            return problem_error(self.read(answer, ProblemDetails))
        except ForeignAnswerError as error:
            return error


def open_http(
    url: str, token: str | None, timeout_seconds: float, proxies: bool, transport: httpx.AsyncBaseTransport | None
) -> httpx.AsyncClient:
    """An HTTP client for the service at `url`. Follows no redirect: the credential is for this service alone.

    Raises:
        ConfigurationError: `url` is not an http or https address, or the credential cannot be a header.
    """
    credential = token if token is not None else os.environ.get(TOKEN_VARIABLE, "")
    return httpx.AsyncClient(
        base_url=checked_address(url),
        headers={"user-agent": f"tidegate/{__version__}", "accept": _JSON} | _authorization(credential),
        timeout=timeout_seconds,
        trust_env=proxies,
        transport=transport,
    )


def checked_address(url: str) -> str:
    """`url` without a slash at its end.

    Raises:
        ConfigurationError: it is not an http or https address.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"address is {url!r}: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigurationError(f"address is {url!r}, expected such as http://127.0.0.1:8080")
    return url.rstrip("/")


def _authorization(token: str) -> dict[str, str]:
    if not token:
        return {}
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise ConfigurationError(
            "the credential holds blanks or other characters that no credential has", advice="paste it again"
        )
    return {"authorization": f"Bearer {token}"}


def _query(wanted: Mapping[str, object]) -> dict[str, Any]:
    """`wanted` as a query string has it; what is null is not asked for."""
    return {name: value.value if isinstance(value, StrEnum) else value for name, value in wanted.items() if value is not None}


def _asked_pause(answer: httpx.Response) -> float | None:
    """Retry-After in seconds, or None where it is absent or a date."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
