"""The way of a plan: request out to the planner's process, plan back in as a command on the log.

A plan comes back through the log, never through memory, so that a replay reads the same plan at the same place and a
decision is never computed twice. A request lost with a crash is asked again; the allocator drops a second answer.
"""

import asyncio
from collections.abc import Sequence

import structlog

from tidegate.contracts import topics
from tidegate.contracts.codec import encode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.ids import CommandId
from tidegate.contracts.plan import Plan
from tidegate.core.allocation.model import PlanRequest
from tidegate.errors import DependencyError
from tidegate.ports import NO_TRACING, Clock, Log, Metrics, Outgoing, Planner, Tracing

_log = structlog.get_logger(__name__)


class WatchedPlanner(Planner):
    """`planner`, and whether it answers at all. Requests may wait for one another; that nobody gets an answer is the fault."""

    def __init__(self, planner: Planner, clock: Clock, stuck_after_seconds: float) -> None:
        self._planner = planner
        self._clock = clock
        self._bound = stuck_after_seconds
        self._asked = 0
        self._answered_at = 0.0

    async def plan(self, request: PlanRequest) -> Plan:
        """Return the plan for `request`."""
        if self._asked == 0:
            self._answered_at = self._clock.monotonic()
        self._asked += 1
        try:
            return await self._planner.plan(request)
        finally:
            self._asked -= 1
            self._answered_at = self._clock.monotonic()

    async def close(self) -> None:
        """Stop the process."""
        await self._planner.close()

    def seconds(self) -> float:
        """Since somebody last got an answer, an error included, or the first asked; 0 while nobody waits for one."""
        return self._clock.monotonic() - self._answered_at if self._asked else 0.0

    def stuck(self) -> str | None:
        """That no answer came within the bound, in words."""
        seconds = self.seconds()
        return f"the planner has not answered for {seconds:.0f} s" if seconds > self._bound else None


class PlanDesk:
    """Keeps the requests of one partition moving; at most one per site is on its way, as the allocator asks no more."""

    def __init__(self, partition: int, planner: Planner, log: Log, metrics: Metrics, tracing: Tracing = NO_TRACING) -> None:
        self._partition = partition
        self._planner = planner
        self._log = log
        self._metrics = metrics
        self._tracing = tracing
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, requests: Sequence[PlanRequest]) -> None:
        """Send `requests` to the planner; returns at once."""
        for request in requests:
            task = asyncio.create_task(self._answer(request), name=f"plan-{request.id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Drop what is on its way: after a restart it is asked again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(self, request: PlanRequest) -> None:
        try:
            with self._tracing.span("plan") as span:
                with self._metrics.planning():
                    plan = await self._planner.plan(request)
                value = encode(_submit(plan))
                await self._log.append([Outgoing(topics.COMMANDS, self._partition, plan.site.encode(), value, span.headers)])
        except DependencyError as error:
            # The allocator's request expires and is made anew on current demand: repeating this one would plan on old news.
            _log.error("plan_failed", site=request.site, plan=request.id, reason=str(error))


def _submit(plan: Plan) -> Command:
    return Command(
        id=CommandId(f"submit-{plan.id}"),
        site=plan.site,
        kind=CommandKind.SUBMIT_PLAN,
        issued_by="planner",
        plan=plan,
    )
