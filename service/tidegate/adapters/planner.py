"""The planner beside the worker: in a process of its own, so that a long search never delays a score; or in place, for tests.

The child reads requests from its standard input and writes plans to its standard output, each as a 4-byte big-endian length
and a MessagePack message. It ignores Ctrl-C, which is the worker's to handle, and ends when its input does.
"""

import asyncio
import os
import struct
import sys
from dataclasses import dataclass
from typing import Final

from tidegate.contracts.codec import pack, unpack
from tidegate.contracts.plan import Plan
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.planner import plan
from tidegate.errors import DependencyError, TidegateError
from tidegate.ports import Planner

LENGTH: Final = struct.Struct(">I")
"""Frame header: bytes of the message that follows."""

_ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""The search uses no linear algebra; thread pools started on import would only take memory and processors from scoring."""


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
    """One child process, started with the first request and again after a death. Requests wait for one another.

    A child that dies, or takes longer than `limit_seconds` over one plan, is stopped and the request fails; the next one
    starts a new child. The same request can be made again and gives the same plan.
    """

    def __init__(self, limit_seconds: float = 30.0) -> None:
        self.limit_seconds = limit_seconds
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the living child, None when there is none."""
        return None if self._process is None else self._process.pid

    @property
    def busy(self) -> bool:
        """True while a request is with the child."""
        return self._turn.locked()

    async def plan(self, request: PlanRequest) -> Plan:
        """Return the plan for `request`, from the child.

        Raises:
            DependencyError: the child died, failed, or took longer than its limit.
        """
        raw = await asyncio.to_thread(pack, request)
        async with self._turn:
            answer = await self._ask(raw)
        reply = await asyncio.to_thread(unpack, answer, Reply)
        if reply.plan is None:
            raise DependencyError(f"the planner could not plan request {request.id}: {reply.error}")
        return reply.plan

    async def close(self) -> None:
        """Stop the child. Idempotent; a request under way fails."""
        await self._stop()

    async def _ask(self, raw: bytes) -> bytes:
        """One question, one answer. Whatever goes wrong in between, cancellation too, ends the child: it may be out of step."""
        try:
            async with asyncio.timeout(self.limit_seconds):
                return await self._exchange(raw)
        except TimeoutError as error:
            await self._stop()
            raise DependencyError(
                f"the planner process took longer than {self.limit_seconds} s", advice="lower planner_steps"
            ) from error
        except (OSError, asyncio.IncompleteReadError) as error:
            await self._stop()
            raise DependencyError("the planner process died", advice="it is started again with the next request") from error
        except BaseException:
            await self._stop()
            raise

    async def _exchange(self, raw: bytes) -> bytes:
        if self._process is None:
            self._process = await _start()
        source, sink = self._process.stdout, self._process.stdin
        if source is None or sink is None:
            raise DependencyError("the planner process has no pipes")
        sink.writelines((LENGTH.pack(len(raw)), raw))
        await sink.drain()
        (size,) = LENGTH.unpack(await source.readexactly(LENGTH.size))
        return await source.readexactly(size)

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _start() -> asyncio.subprocess.Process:
    """Start a child. In a session of its own: a terminal's Ctrl-C reaches it not even before it can ignore it.

    `-P` keeps the working directory out of the import path.
    """
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "tidegate.adapters.planner_process",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | _ONE_THREAD,
        start_new_session=True,
    )


def answer(raw: bytes) -> bytes:
    """The child's reply to one packed request; an error of ours becomes words, any other ends the child with a traceback."""
    try:
        return pack(Reply(plan(unpack(raw, PlanRequest))))
    except TidegateError as error:
        return pack(Reply(None, str(error)))
