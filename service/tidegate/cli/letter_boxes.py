"""Two ways to the dead letters: the REST door of a running service, or the topics themselves."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, Protocol

from tidegate.adapters.clock import SystemClock
from tidegate.api.errors import ReplayRefusedError
from tidegate.api.letters import find_letters, read_letter, replays_of
from tidegate.api.replaying import ReplayRules, prepare, send
from tidegate.client import RequestRefusedError, Retry, TidegateClient
from tidegate.contracts.letters import KeptLetter, LetterFilter, ReplayRefusal
from tidegate.contracts.rest import ReplayRequest, ReplayVerdict
from tidegate.errors import InputError
from tidegate.ports import Log

ANSWER_SECONDS: Final = 30.0
"""Seconds to wait for one answer; on Kafka a replay is two appends, each bounded by 8 s."""

PATIENT: Final = Retry(busy_seconds=30.0, unreachable_seconds=0.0)
"""A service that is behind is asked again; one that is not there is said to be not there."""


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

    def __init__(self, url: str, token: str | None = None) -> None:
        self._client = TidegateClient(url, token=token, timeout_seconds=ANSWER_SECONDS, retry=PATIENT)

    async def find(self, wanted: LetterFilter, limit: int) -> list[KeptLetter]:
        """See `LetterBox.find`; a service keeps the latest 2,000 at hand."""
        return await self._client.dead_letters.list(wanted).first(limit)

    async def get(self, identifier: str) -> KeptLetter:
        """See `LetterBox.get`."""
        return await self._client.dead_letters.get(identifier)

    async def replay(self, letter: KeptLetter, asked: ReplayRequest) -> ReplayVerdict:
        """See `LetterBox.replay`."""
        try:
            return await self._client.dead_letters.replay(letter.id, asked)
        except RequestRefusedError as error:
            if error.code not in set(ReplayRefusal):
                raise
            return ReplayVerdict(letter.id, ReplayRefusal(error.code), error.message, letter.topic, letter.partition)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


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
