"""The boards of a service: one for each credential that is being looked through, gone when the last page of it is."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp

from tidegate.client import ProblemError, TidegateClient
from tidegate.client.retry import Retry
from tidegate.console.board import Board
from tidegate.console.transport import InProcess
from tidegate.errors import TidegateError

_IN_PROCESS: Final = "http://localhost"
"""Nobody resolves it: the service is in this process. A name that every door answers to, and for the messages of errors."""

_BRIEF: Final = Retry(busy_seconds=1.0, unreachable_seconds=1.0)
"""A page that waits is asked again soon; better it says what is wrong."""

_STRANGERS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(slots=True)
class _Place:
    board: Board
    following: "asyncio.Task[None]"
    lookers: int = 0


@dataclass(slots=True)
class Boards:
    """Boards over the service `app`, by credential and address of the visitor."""

    app: ASGIApp
    _places: dict[tuple[str, str], _Place] = field(default_factory=dict)

    def look(self, credential: str, address: str) -> tuple[Board, Callable[[], None]]:
        """The visitor's board, and what to call once when its page is gone."""
        key = (credential, address)
        place = self._places.get(key) or self._open(key)
        place.lookers += 1
        return place.board, lambda: self._leave(key)

    async def refusal(self, credential: str, address: str) -> ProblemError | None:
        """Why the service does not know who `credential` is, asked before anything is drawn for them."""
        async with self._client(credential, address) as client:
            try:
                await client.access.whoami()
            except ProblemError as error:
                return error if error.status in _STRANGERS else None
            except TidegateError:
                pass  # the page says what is wrong
        return None

    async def close(self) -> None:
        """End every board."""
        places, self._places = list(self._places.values()), {}
        for place in places:
            place.following.cancel()
        await asyncio.gather(*(place.following for place in places), return_exceptions=True)

    def _open(self, key: tuple[str, str]) -> _Place:
        credential, address = key
        board = Board(self._client(credential, address))
        place = self._places[key] = _Place(board, asyncio.create_task(board.follow(), name="console-stream"))
        return place

    def _client(self, credential: str, address: str) -> TidegateClient:
        return TidegateClient(_IN_PROCESS, token=credential, retry=_BRIEF, transport=InProcess(self.app, address))

    def _leave(self, key: tuple[str, str]) -> None:
        place = self._places.get(key)
        if place is None:
            return
        place.lookers -= 1
        if place.lookers <= 0:
            place.following.cancel()
            del self._places[key]
