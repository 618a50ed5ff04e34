"""The planner beside the worker: in a process of its own, so that a long search never delays a score; or in place, for tests."""

import asyncio
from dataclasses import dataclass

from tidegate.adapters.child import Child
from tidegate.contracts.codec import pack, unpack
from tidegate.contracts.plan import Plan
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.planner import plan
from tidegate.errors import DependencyError, TidegateError
from tidegate.ports import Planner


@dataclass(frozen=True, slots=True)
class Reply:
    """What the child answers: a plan, or what went wrong in words."""

    plan: Plan | None
    error: str = ""


class InlinePlanner(Planner):
    """Plans in the caller's own process and blocks the loop meanwhile. For tests and small offline evaluations."""

    async def plan(self, request: PlanRequest) -> Plan:
        """Return the plan for `request`."""
        return plan(request)

    async def close(self) -> None:
        """Nothing to stop."""


class ProcessPlanner(Planner):
    """One child process; requests wait for one another. The same request can be made again and gives the same plan."""

    def __init__(self, limit_seconds: float = 30.0) -> None:
        self.child = Child("the planner process", "tidegate.adapters.planner_process", limit_seconds, "lower planner_steps")

    async def plan(self, request: PlanRequest) -> Plan:
        """Return the plan for `request`, from the child.

        Raises:
            DependencyError: the child died, failed, or took longer than its limit.
        """
        answer = await self.child.ask(await asyncio.to_thread(pack, request))
        reply = await asyncio.to_thread(unpack, answer, Reply)
        if reply.plan is None:
            raise DependencyError(f"the planner could not plan request {request.id}: {reply.error}")
        return reply.plan

    async def close(self) -> None:
        """Stop the child. Idempotent; a request under way fails."""
        await self.child.close()


def answer(raw: bytes) -> bytes:
    """The child's reply to one packed request; an error of ours becomes words, any other ends the child with a traceback."""
    try:
        return pack(Reply(plan(unpack(raw, PlanRequest))))
    except TidegateError as error:
        return pack(Reply(None, str(error)))
