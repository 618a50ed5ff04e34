"""The adviser: questions about plans that nobody will carry out, answered in a process of their own.

Not the planner's process: a what-if over a large site would hold up the rescue of another one.
"""

import asyncio
from dataclasses import dataclass
from typing import Final, TypeVar

from tidegate.adapters.child import Child
from tidegate.contracts.codec import pack, unpack
from tidegate.contracts.ids import DeviceId, GatewayId
from tidegate.contracts.studies import CapacityAdvice, Changes, Headroom, Study, WhyNot
from tidegate.core.allocation.advice import advice
from tidegate.core.allocation.headroom import headroom
from tidegate.core.allocation.model import AllocationView
from tidegate.core.allocation.what_if import study
from tidegate.core.allocation.why_not import why_not
from tidegate.errors import AllocationError, DependencyError, InputError, TidegateError
from tidegate.ports import Adviser

T = TypeVar("T")

LIMIT_SECONDS: Final = 10.0
"""Seconds for one answer: people wait for it."""

MOST_WAITING: Final = 4
"""Questions at a time, the one being answered included: the last then waits 40 s at worst."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the child is asked: `changes` for a study, `device` for a why-not, `capacity` for advice, none for the headroom."""

    view: AllocationView
    changes: Changes | None = None
    device: DeviceId | None = None
    gateway: GatewayId | None = None
    capacity: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the child answers: the one that was asked for, or what is wrong with the question."""

    study: Study | None = None
    why_not: WhyNot | None = None
    headroom: Headroom | None = None
    advice_on_capacity: CapacityAdvice | None = None
    error: str = ""
    advice: str = ""
    of_allocation: bool = False


class InlineAdviser(Adviser):
    """Answers in the caller's own process and blocks the loop meanwhile. For tests."""

    async def study(self, view: AllocationView, changes: Changes) -> Study:
        """The plan for the site of `view` after `changes`."""
        return study(view, changes)

    async def why_not(self, view: AllocationView, device: DeviceId, gateway: GatewayId | None) -> WhyNot:
        """Why `device` is not at `gateway`, or at each."""
        return why_not(view, device, gateway)

    async def headroom(self, view: AllocationView) -> Headroom:
        """Who would stay without service if a gateway died now."""
        return headroom(view)

    async def advice(self, view: AllocationView) -> CapacityAdvice:
        """What to add where so that everybody is served, also after any loss."""
        return advice(view)

    async def close(self) -> None:
        """Nothing to stop."""


class ProcessAdviser(Adviser):
    """One child process, started with the first question. Holds nothing between questions."""

    def __init__(self, limit_seconds: float = LIMIT_SECONDS, most_waiting: int = MOST_WAITING) -> None:
        advice = "ask about a smaller site, or lower planner_steps"
        self.child = Child("the answer", "tidegate.adapters.adviser_process", limit_seconds, advice)
        self._most_waiting = most_waiting
        self._waiting = 0

    async def study(self, view: AllocationView, changes: Changes) -> Study:
        """The plan for the site of `view` after `changes`."""
        return _there((await self._ask(Question(view, changes=changes))).study)

    async def why_not(self, view: AllocationView, device: DeviceId, gateway: GatewayId | None) -> WhyNot:
        """Why `device` is not at `gateway`, or at each."""
        return _there((await self._ask(Question(view, device=device, gateway=gateway))).why_not)

    async def headroom(self, view: AllocationView) -> Headroom:
        """Who would stay without service if a gateway died now."""
        return _there((await self._ask(Question(view))).headroom)

    async def advice(self, view: AllocationView) -> CapacityAdvice:
        """What to add where so that everybody is served, also after any loss."""
        return _there((await self._ask(Question(view, capacity=True))).advice_on_capacity)

    async def close(self) -> None:
        """Stop the child. Idempotent; a question under way fails."""
        await self.child.close()

    async def _ask(self, question: Question) -> Answer:
        if self._waiting >= self._most_waiting:
            raise DependencyError(
                f"{self._waiting} questions wait for answers, which is the limit", advice="ask again in a moment"
            )
        self._waiting += 1
        try:
            raw = await self.child.ask(await asyncio.to_thread(pack, question))
            answer = await asyncio.to_thread(unpack, raw, Answer)
        finally:
            self._waiting -= 1
        if answer.error:
            raise (AllocationError if answer.of_allocation else InputError)(answer.error, advice=answer.advice)
        return answer


def answer(raw: bytes) -> bytes:
    """The child's answer to one packed question; an error of ours becomes words, any other ends the child with a traceback."""
    try:
        return pack(_answer(unpack(raw, Question)))
    except TidegateError as error:
        return pack(Answer(error=error.message, advice=error.advice, of_allocation=isinstance(error, AllocationError)))


def _answer(question: Question) -> Answer:
    if question.changes is not None:
        return Answer(study=study(question.view, question.changes))
    if question.device is not None:
        return Answer(why_not=why_not(question.view, question.device, question.gateway))
    if question.capacity:
        return Answer(advice_on_capacity=advice(question.view))
    return Answer(headroom=headroom(question.view))


def _there(part: T | None) -> T:
    if part is None:
        raise DependencyError("the answer is to another question")
    return part
