"""Facts as they are committed, without a gap over broken connections."""

from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass
from typing import Final

import httpx

from tidegate.client.errors import ForeignAnswerError, RequestRefusedError, ServiceFailedError, UnreachableError
from tidegate.client.events import ServerSentEvent, server_sent_events
from tidegate.client.retry import Patience, Retry
from tidegate.client.route import Route
from tidegate.client.wire import Wire
from tidegate.contracts.anomaly import Anomaly, Incident
from tidegate.contracts.codec import decode
from tidegate.contracts.outcome import CommandOutcome
from tidegate.contracts.plan import Assignment, Decision
from tidegate.contracts.stream import GAP_EVENT, FactKind, StreamGap
from tidegate.errors import DependencyError, InputError

Fact = Anomaly | Incident | Decision | Assignment | CommandOutcome

SILENCE_SECONDS: Final = 60.0
"""Seconds without a byte after which a connection counts as dead; the service speaks every 15 s."""

_STREAM: Final = Route("GET", "/v1/stream")

_KINDS: Final[dict[str, type[Fact | StreamGap]]] = {
    FactKind.ANOMALY: Anomaly,
    FactKind.INCIDENT: Incident,
    FactKind.DECISION: Decision,
    FactKind.ASSIGNMENT: Assignment,
    FactKind.OUTCOME: CommandOutcome,
    GAP_EVENT: StreamGap,
}


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """A fact, or a `StreamGap` where facts are missing. Keep `position` to go on after this event, in another process too."""

    kind: str
    fact: Fact | StreamGap
    position: str | None


class Stream:
    """`GET /v1/stream`."""

    def __init__(self, wire: Wire, retry: Retry) -> None:
        self._wire = wire
        self._retry = retry

    async def follow(
        self, *, after: str | None = None, site: str | None = None, kinds: Collection[FactKind] = ()
    ) -> AsyncGenerator[StreamEvent, None]:
        """Facts as they are committed, from now on or `after` a position, for ever; each once, in the order of the log.

        A connection that breaks is made again where it broke off, for as long as the client's patience lasts without an answer.
        Kinds of fact that this release does not know are passed over.

        Raises:
            ProblemError: the service refuses the stream, or has no place for one more.
            UnreachableError: nobody answered within the patience.
            ForeignAnswerError: somebody answered, but not with a stream of ours.
        """
        position = after
        patience: Patience | None = None
        query: dict[str, str | list[str] | None] = {"site": site, "kind": [kind.value for kind in kinds]}
        while True:
            trouble: DependencyError = UnreachableError(f"the stream of {self._wire.url} ended")
            try:
                async for event in self._once(query, position):
                    patience, position = None, event.id or position
                    kind = _KINDS.get(event.name)
                    if kind is not None and event.data:
                        yield StreamEvent(event.name, self._read(event, kind), position)
            except (UnreachableError, ServiceFailedError) as error:
                trouble = error
            patience = patience or Patience(self._retry)  # it starts when the stream breaks, however long it was well
            if not await patience.is_left(reached=isinstance(trouble, ServiceFailedError)):
                raise trouble

    def _read(self, event: ServerSentEvent, kind: type[Fact | StreamGap]) -> Fact | StreamGap:
        try:
            return decode(event.data, kind)
        except InputError as error:
            raise self._foreign(error) from error

    def _foreign(self, error: InputError) -> ForeignAnswerError:
        return ForeignAnswerError(f"{self._wire.url} does not stream like a Tidegate of this release: {error.message[:200]}")

    async def _once(
        self, query: dict[str, str | list[str] | None], position: str | None
    ) -> AsyncGenerator[ServerSentEvent, None]:
        """One connection."""
        headers = {"accept": "text/event-stream"} | ({"last-event-id": position} if position else {})
        params: dict[str, str | list[str]] = {name: value for name, value in query.items() if value}
        timeout = httpx.Timeout(self._wire.http.timeout.connect, read=SILENCE_SECONDS)
        path = _STREAM.path({})
        try:
            async with self._wire.http.stream("GET", path, params=params, headers=headers, timeout=timeout) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise self._wire.refusal(answer)
                async for event in server_sent_events(answer.aiter_bytes()):
                    yield event
        except httpx.HTTPError as error:
            raise self._wire.unreachable(error) from error
        except InputError as error:
            if isinstance(error, RequestRefusedError):
                raise
            raise self._foreign(error) from error
