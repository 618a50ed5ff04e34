"""Dead letters: input that could not be used."""

from dataclasses import fields
from typing import Final

from tidegate.client.listing import Listing
from tidegate.client.route import Route
from tidegate.client.wire import Wire
from tidegate.contracts.letters import ALL_LETTERS, KeptLetter, LetterFilter
from tidegate.contracts.paging import Page
from tidegate.contracts.rest import ReplayRequest, ReplayVerdict

_LIST: Final = Route("GET", "/v1/deadletters")
_GET: Final = Route("GET", "/v1/deadletters/{letter}")
# Twice has no effect twice: the reading or command inside is recognised.
_REPLAY: Final = Route("POST", "/v1/deadletters/{letter}/replay", harmless_twice=True)


class DeadLetters:
    """`/v1/deadletters`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self, wanted: LetterFilter = ALL_LETTERS) -> Listing[KeptLetter]:
        """The letters that are meant, the latest first, with the head of their originals."""
        query = {each.name: getattr(wanted, each.name) for each in fields(wanted)}
        return Listing(self._wire, _LIST, Page[KeptLetter], query=query)

    async def get(self, letter: str) -> KeptLetter:
        """One letter with all that is kept of its original."""
        return await self._wire.ask(_GET, KeptLetter, {"letter": letter})

    async def replay(self, letter: str, asked: ReplayRequest | None = None) -> ReplayVerdict:
        """Send the original again; a `dry_run` only says what would be done.

        Raises:
            RequestRefusedError: it is not sent again; `code` is a `ReplayRefusal`.
        """
        return await self._wire.ask(_REPLAY, ReplayVerdict, {"letter": letter}, body=asked or ReplayRequest())
