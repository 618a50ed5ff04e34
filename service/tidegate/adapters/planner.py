"""The planner beside the worker: in a process of its own, so that a long search never delays a score; or in place, for tests."""

import asyncio
from dataclasses import dataclass, replace
from itertools import count
from typing import Final, TypeVar

from tidegate.adapters.child import Child
from tidegate.contracts.codec import pack, unpack
from tidegate.contracts.ids import SiteId
from tidegate.contracts.plan import Plan
from tidegate.contracts.topology import Topology
from tidegate.core.allocation.frame import Frame, frame_of
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.planner import plan
from tidegate.errors import DependencyError, TidegateError
from tidegate.ports import Planner

MOST_SITES: Final = 1_000
"""Sites whose topology is remembered, the ones told last; a frame of 10,000 devices with 12 links each takes 7 MB."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question:
    """A request without its gateways and devices, which are nearly all of it and seldom change.

    `number` stands for the topology that they are of; `told` is that topology, where the child may not have it.
    """

    request: PlanRequest
    number: int
    told: Topology | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the child answers: a plan, or what went wrong in words, or that the topology is `unknown` to it."""

    plan: Plan | None
    error: str = ""
    unknown: bool = False


class InlinePlanner(Planner):
    """Plans in the caller's own process and blocks the loop meanwhile. For tests and small offline evaluations."""

    async def plan(self, request: PlanRequest) -> Plan:
        """Return the plan for `request`."""
        return plan(request)

    async def close(self) -> None:
        """Nothing to stop."""


class ProcessPlanner(Planner):
    """One child process; requests wait for one another. The same request can be made again and gives the same plan.

    The child is told a topology once: packing and unpacking that of a large site takes many times as long as a repair.
    """

    def __init__(self, limit_seconds: float = 30.0) -> None:
        self.child = Child("the planner process", "tidegate.adapters.planner_process", limit_seconds, "lower planner_steps")
        self._numbers = count(1)
        self._told: dict[SiteId, tuple[int, Topology]] = {}

    async def plan(self, request: PlanRequest) -> Plan:
        """Return the plan for `request`, from the child.

        Raises:
            DependencyError: the child died, failed, or took longer than its limit.
        """
        question = Question(_without_topology(request), *self._known(request.topology))
        reply = await self._ask(question)
        if reply.unknown:
            reply = await self._ask(replace(question, told=request.topology))
        if reply.plan is None:
            raise DependencyError(f"the planner could not plan request {request.id}: {reply.error}")
        return reply.plan

    async def close(self) -> None:
        """Stop the child. Idempotent; a request under way fails."""
        await self.child.close()

    def _known(self, topology: Topology) -> tuple[int, Topology | None]:
        """The number of `topology`, and itself if it was not told before. The child may have forgotten it since, and says so."""
        number, before = self._told.get(topology.site, (0, None))
        if before is topology:
            return number, None
        number = next(self._numbers)
        _remember(self._told, topology.site, (number, topology))
        return number, topology

    async def _ask(self, question: Question) -> Reply:
        return await asyncio.to_thread(unpack, await self.child.ask(await asyncio.to_thread(pack, question)), Reply)


class Answers:
    """The child's side. Remembers topologies as arrays; one that it lacks, or has without a request's resources, it asks for."""

    def __init__(self) -> None:
        self._frames: dict[SiteId, tuple[int, Frame]] = {}

    def answer(self, raw: bytes) -> bytes:
        """The reply to one packed question; an error of ours becomes words, any other ends the child with a traceback."""
        try:
            return pack(self._reply(unpack(raw, Question)))
        except TidegateError as error:
            return pack(Reply(None, str(error)))

    def _reply(self, question: Question) -> Reply:
        request = question.request
        if question.told is not None:
            _remember(self._frames, request.site, (question.number, frame_of(question.told, request.situation.resources)))
        number, frame = self._frames.get(request.site, (0, None))
        if frame is None or number != question.number or frame.resources != tuple(request.situation.resources):
            return Reply(None, unknown=True)
        return Reply(plan(request, frame))


def _without_topology(request: PlanRequest) -> PlanRequest:
    return replace(request, topology=replace(request.topology, gateways=[], devices=[]))


def _remember(memory: dict[SiteId, T], site: SiteId, what: T) -> None:
    """Put `what` in `memory` as the newest; the oldest goes where there are more than `MOST_SITES`."""
    memory.pop(site, None)
    memory[site] = what
    if len(memory) > MOST_SITES:
        del memory[next(iter(memory))]
