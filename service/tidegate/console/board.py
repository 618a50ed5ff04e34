"""What one visitor's pages show, asked for once: many pages of one credential cost the service no more than one.

A question is asked again when its answer has become old or a fact of the live stream touched it, never twice at a time, and
never so often that asking takes more than a twentieth of the time: a fleet too large to be asked about every second isn't.
"""

import asyncio
import contextlib
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from tidegate.client import TidegateClient
from tidegate.client.stream import Fact
from tidegate.contracts.anomaly import Anomaly, Incident
from tidegate.contracts.outcome import CommandOutcome
from tidegate.contracts.plan import Assignment, Decision
from tidegate.contracts.stream import FactKind, StreamGap
from tidegate.errors import TidegateError

T = TypeVar("T")

_SHARE: Final = 20
"""Of the time, the part that may go into asking one question again and again."""

_KEPT: Final = 200
"""Answers of one visitor; the one asked for longest ago goes first."""

_AFTER_FAILURE_SECONDS: Final = 2.0
"""Before a question that failed is asked again."""

_STREAM_PAUSE_SECONDS: Final = 5.0
"""Between two tries to follow the stream; meanwhile answers grow old and are asked for anew."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """The last good value, None before the first; `error` is why there is no newer one. `version` rises with each change."""

    value: T | None
    error: TidegateError | None
    taken_at: float
    version: int


@dataclass(slots=True)
class _Question:
    answer: Answer[Any]
    lock: asyncio.Lock
    asked_at: float = -math.inf
    took_seconds: float = 0.0
    facts: int = -1


class Board:
    """One visitor's questions and answers. `follow` the stream while anybody looks."""

    def __init__(self, client: TidegateClient, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.client = client
        self._monotonic = monotonic
        self._questions: OrderedDict[str, _Question] = OrderedDict()
        self._facts: Counter[FactKind] = Counter()

    async def ask(
        self, name: str, question: Callable[[], Awaitable[T]], *, seconds: float, touched_by: tuple[FactKind, ...] = ()
    ) -> Answer[T]:
        """The answer to `question`: at most `seconds` old, or newer than the last fact of `touched_by`. Raises nothing."""
        asked = self._question(name)
        facts = sum(self._facts[kind] for kind in touched_by)
        async with asked.lock:
            age = self._monotonic() - asked.asked_at
            if age >= asked.took_seconds * _SHARE and (age >= seconds or facts != asked.facts):
                asked.facts = facts
                await self._renew(asked, question)
        return asked.answer

    def forget(self, prefix: str = "") -> None:
        """Ask anew what begins with `prefix`: something was just changed by this visitor."""
        for name, question in self._questions.items():
            if name.startswith(prefix):
                question.took_seconds, question.facts = 0.0, -1

    @property
    def kept(self) -> int:
        """How many answers are kept."""
        return len(self._questions)

    def age_seconds(self, answer: Answer[Any]) -> float:
        """How old `answer` is."""
        return self._monotonic() - answer.taken_at

    def wall_ms(self, answer: Answer[Any]) -> int:
        """When `answer` was taken, in Unix ms."""
        return round((time.time() - self.age_seconds(answer)) * 1000)

    async def follow(self) -> None:
        """Count the facts of the live stream, for ever."""
        while True:
            # Not swallowed: a credential that ended, or too many listeners, shows in what the pages ask.
            with contextlib.suppress(TidegateError):
                async for event in self.client.stream.follow():
                    self.note(event.fact)
            await asyncio.sleep(_STREAM_PAUSE_SECONDS)

    def note(self, fact: Fact | StreamGap) -> None:
        """Have answers that `fact` touches asked for anew."""
        self._facts.update(FactKind if isinstance(fact, StreamGap) else [_KIND_OF[type(fact)]])

    def _question(self, name: str) -> _Question:
        found = self._questions.get(name)
        if found is None:
            found = self._questions[name] = _Question(Answer(None, None, self._monotonic(), 0), asyncio.Lock())
            if len(self._questions) > _KEPT:
                self._questions.popitem(last=False)
        self._questions.move_to_end(name)
        return found

    async def _renew(self, asked: _Question, question: Callable[[], Awaitable[Any]]) -> None:
        asked.asked_at, before = self._monotonic(), asked.answer
        try:
            value, error = await question(), None
        except TidegateError as failure:
            value, error = before.value, failure
        now = self._monotonic()
        asked.took_seconds = now - asked.asked_at
        if error is not None:
            asked.took_seconds = max(asked.took_seconds, _AFTER_FAILURE_SECONDS / _SHARE)
        changed = str(error) != str(before.error) or value != before.value
        taken_at = before.taken_at if error is not None and before.value is not None else now
        asked.answer = Answer(value, error, taken_at, before.version + 1 if changed else before.version)


_KIND_OF: Final[dict[type[Fact], FactKind]] = {
    Anomaly: FactKind.ANOMALY,
    Incident: FactKind.INCIDENT,
    Decision: FactKind.DECISION,
    Assignment: FactKind.ASSIGNMENT,
    CommandOutcome: FactKind.OUTCOME,
}
