"""The service's public REST door, from outside: readings and commands in, assignments out.

Waits and tries again while the service is full (429, 503, with its Retry-After) or not reachable, up to a stated patience;
a refusal of what was said is final.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec

from tidegate.contracts.codec import encode
from tidegate.contracts.command import Command
from tidegate.contracts.content import HEADER, ContentType
from tidegate.contracts.ids import SiteId
from tidegate.contracts.paging import MAX_PAGE
from tidegate.contracts.plan import Assignment
from tidegate.contracts.reading import ReadingBatch
from tidegate.errors import ConfigurationError, DependencyError, InputError
from tidegate.fleet.forms import Form, messages

PATIENCE_SECONDS: Final = 30.0
"""Seconds a request is tried again before giving up; the service takes about 5 s to start and less to drain a full queue."""

LONGEST_PAUSE_SECONDS: Final = 5.0
"""Seconds between two tries at most, whatever Retry-After says, so that patience is used and not slept through."""

FIRST_PAUSE_SECONDS: Final = 0.1
"""Seconds before the second try when the service names no time; doubles with each further try."""

REQUEST_TIMEOUT_SECONDS: Final = 10.0
"""Seconds for one request."""

_BUSY: Final = frozenset({429, 502, 503, 504})
_JSON: Final = {HEADER: "application/json"}


@dataclass(frozen=True)
class _Page:
    items: list[Assignment]
    next_cursor: str | None = None


class RestDoor:
    """Sink and feedback over HTTP. One request at a time per caller keeps the order of a device's readings."""

    def __init__(
        self,
        url: str,
        form: Form = Form.BATCH,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Point at `url`, such as http://127.0.0.1:8080, and send readings in `form`. Opens no connection yet.

        `pause` and `monotonic` are for tests.

        Raises:
            ConfigurationError: `url` is not an http or https address.
        """
        self._url, self._form = _checked(url), form
        self._client = httpx.AsyncClient(base_url=self._url, transport=transport, timeout=REQUEST_TIMEOUT_SECONDS)
        self._patience_seconds, self._pause, self._monotonic = patience_seconds, pause, monotonic

    async def send(self, batch: ReadingBatch) -> None:
        """Post one batch; see `Sink.send`."""
        content_type, bodies = messages(batch, self._form)
        headers = {HEADER: content_type.value} if content_type is ContentType.PACKED else _JSON
        for body in bodies:
            await self._request("POST", "/v1/readings", content=body, headers=headers)

    async def command(self, command: Command) -> None:
        """Post one command; see `Sink.command`."""
        await self._request("POST", "/v1/commands", content=encode(command), headers=_JSON)

    async def assignments(self, site: SiteId) -> Sequence[Assignment]:
        """Get the assignments of `site`, page by page; see `Feedback.assignments`."""
        found: list[Assignment] = []
        cursor: str | None = None
        while True:
            params: dict[str, str | int] = {"limit": MAX_PAGE} | ({"cursor": cursor} if cursor else {})
            response = await self._request("GET", f"/v1/sites/{quote(site, safe='')}/assignments", params=params)
            page = _page(response)
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                return found

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        deadline = self._monotonic() + self._patience_seconds
        pause_seconds = FIRST_PAUSE_SECONDS
        while True:
            outcome = await self._try(method, path, **arguments)
            if isinstance(outcome, httpx.Response) and outcome.status_code not in _BUSY:
                return _accepted(outcome)
            wait_seconds = min(_asked_pause(outcome) or pause_seconds, LONGEST_PAUSE_SECONDS)
            if self._monotonic() + wait_seconds > deadline:
                raise self._gave_up(outcome)
            await self._pause(wait_seconds)
            pause_seconds *= 2

    async def _try(self, method: str, path: str, **arguments: Any) -> httpx.Response | httpx.TransportError:
        try:
            return await self._client.request(method, path, **arguments)
        except httpx.TransportError as error:
            return error

    def _gave_up(self, outcome: httpx.Response | httpx.TransportError) -> DependencyError:
        if isinstance(outcome, httpx.Response):
            return DependencyError(f"{self._url} was busy (status {outcome.status_code}) for {self._patience_seconds:g} s")
        return DependencyError(
            f"{self._url} cannot be reached: {outcome or type(outcome).__name__}",
            advice="start the service with `tidegate serve`, or give its address with --to",
        )


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"address is {url!r}: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigurationError(f"address is {url!r}, expected such as http://127.0.0.1:8080")
    return url


def _asked_pause(outcome: httpx.Response | httpx.TransportError) -> float | None:
    """Retry-After in seconds, or None where it is absent or a date."""
    text = outcome.headers.get("retry-after", "") if isinstance(outcome, httpx.Response) else ""
    return float(text) if text.isdigit() else None


def _accepted(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    raise InputError(f"{response.request.method} {response.url} was refused with {response.status_code}: {_detail(response)}")


def _detail(response: httpx.Response) -> str:
    try:
        problem = response.json()
        return str(problem.get("detail") or problem.get("title"))[:500]
    except (ValueError, AttributeError):
        return response.text[:500]


def _page(response: httpx.Response) -> _Page:
    try:
        return msgspec.json.decode(response.content, type=_Page)
    except msgspec.DecodeError as error:
        raise InputError(f"{response.url} did not answer with assignments: {error}") from error
