"""Two ways to the dead letters: the REST door of a running service, or the topics themselves."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from http import HTTPStatus
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote

import httpx

from tidegate.adapters.clock import SystemClock
from tidegate.api.errors import ReplayRefusedError
from tidegate.api.letters import find_letters, read_letter, replays_of
from tidegate.api.replaying import ReplayRules, prepare, send
from tidegate.contracts.codec import decode, encode
from tidegate.contracts.letters import KeptLetter, LetterFilter, ReplayRefusal
from tidegate.contracts.paging import MAX_PAGE, Page
from tidegate.contracts.problem import ProblemDetails
from tidegate.contracts.rest import ReplayRequest, ReplayVerdict
from tidegate.errors import DependencyError, InputError
from tidegate.ports import Log

ANSWER_SECONDS: Final = 30.0
"""Seconds to wait for one answer; on Kafka a replay is two appends, each bounded by 8 s."""

BUSY_TRIES: Final = 30
"""Times that a service which is behind is asked again, a second apart."""

BUSY_SECONDS: Final = 1.0

T = TypeVar("T")


class LetterBox(Protocol):
    """Where dead letters are. Every call raises DependencyError when it cannot be reached; it may be called again."""

    async def find(self, wanted: LetterFilter, limit: int) -> list[KeptLetter]:
        """The newest `limit` letters that are meant, newest first, with the head of their originals."""
        ...

    async def get(self, identifier: str) -> KeptLetter:
        """One letter with all that is kept of its original.

        Raises:
            InputError: there is none of this id.
        """
        ...

    async def replay(self, letter: KeptLetter, asked: ReplayRequest) -> ReplayVerdict:
        """Send the original of `letter` again, or say why not; with `dry_run` only say it."""
        ...

    async def close(self) -> None:
        """Let go of connections. Idempotent."""
        ...


class RestBox:
    """The letters of the service at `url`; goes there directly, never through a proxy."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._http = httpx.AsyncClient(base_url=self._url, timeout=ANSWER_SECONDS, trust_env=False)

    async def find(self, wanted: LetterFilter, limit: int) -> list[KeptLetter]:
        """See `LetterBox.find`; a service keeps the latest 2,000 at hand."""
        asked = {each.name: getattr(wanted, each.name) for each in fields(wanted)}
        params = {name: value for name, value in asked.items() if value is not None}
        found: list[KeptLetter] = []
        while True:
            answer = await self._ask("GET", "/v1/deadletters", params=params | {"limit": min(limit - len(found), MAX_PAGE)})
            page = self._read(answer, Page[KeptLetter])
            found += page.items
            if page.next_cursor is None or len(found) >= limit:
                return found
            params["cursor"] = page.next_cursor

    async def get(self, identifier: str) -> KeptLetter:
        """See `LetterBox.get`."""
        return self._read(await self._ask("GET", f"/v1/deadletters/{quote(identifier, safe='')}"), KeptLetter)

    async def replay(self, letter: KeptLetter, asked: ReplayRequest) -> ReplayVerdict:
        """See `LetterBox.replay`."""
        path, headers = f"/v1/deadletters/{letter.id}/replay", {"content-type": "application/json"}
        answer = await self._ask("POST", path, content=encode(asked), headers=headers)
        if answer.status_code != HTTPStatus.CONFLICT:
            return self._read(answer, ReplayVerdict)
        problem = self._read(answer, ProblemDetails)
        return ReplayVerdict(letter.id, ReplayRefusal(problem.code), problem.detail, letter.topic, letter.partition)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        for _ in range(BUSY_TRIES):
            try:
                answer = await self._http.request(method, path, **arguments)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise DependencyError(
                    f"no answer from {self._url}: {error or type(error).__name__}", advice="start it with `tidegate serve`"
                ) from error
            if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(BUSY_SECONDS)
        if answer.is_success or answer.status_code == HTTPStatus.CONFLICT:
            return answer
        problem = self._read(answer, ProblemDetails)
        kind = DependencyError if answer.is_server_error else InputError
        raise kind(problem.detail, advice=problem.advice)

    def _read(self, answer: httpx.Response, kind: type[T]) -> T:
        try:
            return decode(answer.content, kind)
        except InputError as error:
            raise DependencyError(
                f"{self._url} does not answer like a Tidegate of this release: {answer.status_code}, {error.message[:200]}"
            ) from error


class LogBox:
    """The letters on the topics of the log that `open_log` opens at first use."""

    def __init__(self, open_log: Callable[[], Awaitable[Log]]) -> None:
        self._open_log = open_log
        self._log: Log | None = None

    async def find(self, wanted: LetterFilter, limit: int) -> list[KeptLetter]:
        """See `LetterBox.find`; reads all that the topic keeps."""
        return await find_letters(await self._opened(), wanted, limit)

    async def get(self, identifier: str) -> KeptLetter:
        """See `LetterBox.get`."""
        letter = await self._whole(identifier)
        return replace(letter, replayed=await replays_of(await self._opened(), letter))

    async def replay(self, letter: KeptLetter, asked: ReplayRequest) -> ReplayVerdict:
        """See `LetterBox.replay`."""
        log = await self._opened()
        whole = replace(await self._whole(letter.id), replayed=letter.replayed)
        try:
            record = await prepare(log, whole, ReplayRules(asked.max_replays, asked.again))
        except ReplayRefusedError as error:
            return ReplayVerdict(letter.id, error.refusal, str(error), letter.topic, letter.partition)
        verdict = ReplayVerdict(letter.id, None, "would be sent", record.topic, record.partition)
        if asked.dry_run:
            return verdict
        note = await send(log, whole, record, SystemClock().now_ms())
        return replace(verdict, detail="sent", offset=note.offset)

    async def close(self) -> None:
        """Close the log, if it was opened."""
        if self._log is not None:
            await self._log.close()

    async def _whole(self, identifier: str) -> KeptLetter:
        letter = await read_letter(await self._opened(), identifier)
        if letter is None:
            raise InputError(f"there is no dead letter {identifier[:100]!r}", advice="`tidegate deadletter list` shows them")
        return letter

    async def _opened(self) -> Log:
        if self._log is None:
            self._log = await self._open_log()
        return self._log
