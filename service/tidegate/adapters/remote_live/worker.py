"""One worker at the other end of a connection: asks it, and says in our errors what went wrong. Tries once."""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, Protocol

import httpx

from tidegate.contracts.codec import decode, pack, unpack
from tidegate.contracts.problem import ProblemDetails
from tidegate.errors import CommandRefused, ConfigurationError, DependencyError, InputError, TidegateError
from tidegate.ports.questions import QUESTIONS

PATH: Final = "/internal/questions"
"""Where workers are asked; one path for each question below it."""

SLOW_SECONDS: Final = {"Configuring.preview": 90.0}
"""Seconds for answers that take long by nature: a preview works for up to a minute, and for what it was asked by then."""


_MEANT: Final[Mapping[int, type[TidegateError]]] = {
    HTTPStatus.UNPROCESSABLE_ENTITY: InputError,
    HTTPStatus.CONFLICT: CommandRefused,
}
"""Statuses by which a worker says that what is asked is wrong; by any other, that it cannot say."""


class Reach(Protocol):
    """A worker to be asked."""

    @property
    def name(self) -> str:
        """Its address, for people."""
        ...

    async def ask(self, question: str, *given: object, **named: object) -> Any:
        """Ask it `question`, a key of `QUESTIONS`, with arguments as its port takes them."""
        ...


class WorkerDoor:
    """Implements `Reach` over HTTP. `address` is of one process; `host` is what it goes by (TLS, virtual hosts)."""

    def __init__(self, http: httpx.AsyncClient, seconds: float, address: httpx.URL, host: str) -> None:
        self._http = http
        self._seconds = seconds
        self._address = address
        self._host = host

    @property
    def name(self) -> str:
        """Its address."""
        return f"{self._address.scheme}://{self._address.netloc.decode('ascii')}"

    async def ask(self, question: str, *given: object, **named: object) -> Any:
        """Ask it `question`.

        Raises:
            InputError, CommandRefused: what is asked is what is wrong.
            DependencyError: it does not answer in time, does not let us in, or says that it cannot know now.
        """
        asked = QUESTIONS[question]
        seconds = SLOW_SECONDS.get(question, self._seconds)
        try:
            async with asyncio.timeout(seconds):  # httpx bounds each step of a request, and not their sum
                answer = await self._post(question, pack(asked.asked(*given, **named)), seconds)
        except (httpx.HTTPError, TimeoutError) as error:
            raise DependencyError(
                f"worker {self.name} does not answer: {str(error) or type(error).__name__}",
                advice="try again in a moment; if it stays, see that it runs and that api.workers is right",
            ) from error
        if not answer.is_success:
            raise self._refusal(answer)
        try:
            return unpack(answer.content, asked.answer)
        except InputError as error:
            raise DependencyError(
                f"worker {self.name} answers {question!r} in another way", advice="run one release in all processes"
            ) from error

    async def _post(self, question: str, body: bytes, seconds: float) -> httpx.Response:
        return await self._http.post(
            self._address.copy_with(path=f"{PATH}/{question}"),
            content=body,
            headers={"host": self._host, "content-type": "application/msgpack"},
            timeout=seconds,
            extensions={"sni_hostname": self._host.partition(":")[0]},
        )

    def _refusal(self, answer: httpx.Response) -> TidegateError:
        if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return DependencyError(
                f"worker {self.name} does not let us in", advice="give both the same access.worker_token_file (docs/access.md)"
            )
        try:
            problem = decode(answer.content, ProblemDetails)
        except InputError:
            return DependencyError(
                f"worker {self.name} answers {answer.status_code} and no more", advice="see that api.workers are Tidegate's"
            )
        kind = _MEANT.get(problem.status, DependencyError)
        return kind(problem.detail, advice=problem.advice)


class Addresses:
    """Base URLs of workers as they are set; a name that stands for several addresses stands for as many workers."""

    def __init__(self, http: httpx.AsyncClient, urls: Sequence[str], seconds: float) -> None:
        """Look nothing up yet. A worker has `seconds` to answer a question.

        Raises:
            ConfigurationError: one is not an http or https address of a host and nothing else.
        """
        self._http = http
        self._seconds = seconds
        self._urls = [_checked(url) for url in urls]

    async def now(self) -> list[Reach]:
        """Everyone behind the names at the moment; a name that leads nowhere is nobody."""
        found = await asyncio.gather(*map(self._behind, self._urls))
        return [worker for workers in found for worker in workers]

    async def _behind(self, url: httpx.URL) -> list[Reach]:
        port = url.port or {"http": 80, "https": 443}[url.scheme]
        try:
            hosts = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        except OSError:
            return []
        named = url.netloc.decode("ascii")
        found = sorted({str(row[4][0]) for row in hosts})
        return [WorkerDoor(self._http, self._seconds, url.copy_with(host=host, port=port), named) for host in found]


def _checked(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text.rstrip("/"))
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"api.workers: {text!r} is no address: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host or url.path not in {"", "/"} or url.query or url.userinfo:
        raise ConfigurationError(f"api.workers: {text!r} is no address", advice="expected such as http://worker-1:8080")
    return url
