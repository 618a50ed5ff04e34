"""The planner in a process of its own: same answers, and a death that costs one request."""

import asyncio
import os
import signal
import sys
from dataclasses import replace

import pytest

from tidegate.adapters.planner import Answers, InlinePlanner, ProcessPlanner, Question, Reply
from tidegate.contracts.codec import pack, unpack
from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.plan import Trigger
from tidegate.contracts.topology import DevicePlacement, Gateway, Topology
from tidegate.core.allocation.model import PlanRequest, Situation
from tidegate.core.allocation.planner import plan
from tidegate.errors import DependencyError


def a_request() -> PlanRequest:
    devices = [DevicePlacement(f"d{n}", "sensor", demand={"devices": 1.0}) for n in range(20)]
    site = Topology("north", 1, [Gateway(f"g{n}", {"devices": 8.0}) for n in range(3)], devices)
    situation = Situation(["devices"], [[1.0]] * 20, [None] * 20, [1] * 20, [], [], [], [])
    return PlanRequest("plan-1", "north", Trigger.UNSERVED_DEVICES, 0, 1000, site, situation, AllocationSettings(), "digest")


async def test_the_process_gives_the_same_plan_as_planning_in_place() -> None:
    planner = ProcessPlanner()
    try:
        plans = await asyncio.gather(*(planner.plan(a_request()) for _ in range(3)))
    finally:
        await planner.close()
    assert plans == [await InlinePlanner().plan(a_request())] * 3
    assert len(plans[0].moves) == 20


async def test_a_topology_is_told_once_and_again_when_it_the_resources_or_the_process_is_another() -> None:
    first = a_request()
    waiting = replace(first, situation=replace(first.situation, assigned=[None] * 19 + ["g0"]))
    other = replace(first, topology=replace(first.topology, gateways=[*first.topology.gateways, Gateway("g3", {"devices": 8.0})]))
    priced = replace(other, situation=replace(other.situation, resources=["cpu"], demand=[[2.0]] * 20))
    planner, inline = ProcessPlanner(), InlinePlanner()
    try:
        for request in (first, waiting, other, first, other, priced, priced):
            assert await planner.plan(request) == await inline.plan(request)
        assert planner.child.pid is not None
        os.kill(planner.child.pid, signal.SIGKILL)
        with pytest.raises(DependencyError, match="died"):
            await planner.plan(priced)
        assert await planner.plan(priced) == await inline.plan(priced)
    finally:
        await planner.close()


def test_a_question_about_a_topology_that_is_known_carries_none_of_it() -> None:
    answers, request = Answers(), a_request()
    bare = replace(request, topology=replace(request.topology, gateways=[], devices=[]))
    assert unpack(answers.answer(pack(Question(bare, 1))), Reply).unknown
    assert len(unpack(answers.answer(pack(Question(bare, 1, request.topology))), Reply).plan.moves) == 20
    assert unpack(answers.answer(pack(Question(bare, 1))), Reply).plan == plan(request)
    assert unpack(answers.answer(pack(Question(bare, 2))), Reply).unknown


async def test_a_killed_process_fails_one_request_and_the_next_gets_a_new_one() -> None:
    planner = ProcessPlanner()
    try:
        before = await planner.plan(a_request())
        first = planner.child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        with pytest.raises(DependencyError, match="died"):
            await planner.plan(a_request())
        assert await planner.plan(a_request()) == before
        assert planner.child.pid not in {first, None}
    finally:
        await planner.close()


async def test_a_plan_over_the_limit_fails_and_leaves_no_process_behind() -> None:
    planner = ProcessPlanner(limit_seconds=60.0)
    await planner.plan(a_request())
    child = planner.child.pid
    assert child is not None
    os.kill(child, signal.SIGSTOP)
    planner.child.limit_seconds = 0.2
    with pytest.raises(DependencyError, match=r"longer than 0\.2 s"):
        await planner.plan(a_request())
    assert planner.child.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    await planner.close()


async def test_a_cancelled_request_does_not_answer_the_next_one() -> None:
    planner = ProcessPlanner()
    try:
        expected = await planner.plan(a_request())
        child = planner.child.pid
        assert child is not None
        os.kill(child, signal.SIGSTOP)
        waiting = asyncio.create_task(planner.plan(a_request()))
        while not planner.child.busy:  # noqa: ASYNC110  # the planner has no event to wait on, and one turn of the loop is enough
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await planner.plan(a_request()) == expected
        assert planner.child.pid != child
    finally:
        await planner.close()


async def test_the_process_ignores_ctrl_c() -> None:
    planner = ProcessPlanner()
    try:
        await planner.plan(a_request())
        child = planner.child.pid
        assert child is not None
        os.kill(child, signal.SIGINT)
        await planner.plan(a_request())
        assert planner.child.pid == child
    finally:
        await planner.close()


async def test_closing_is_idempotent_and_ends_the_process() -> None:
    planner = ProcessPlanner()
    await planner.plan(a_request())
    child = planner.child.pid
    assert child is not None
    await planner.close()
    await planner.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


async def test_a_process_whose_parent_is_gone_ends() -> None:
    """The parent's end of the pipe closes when it dies, however it dies."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "tidegate.adapters.planner_process", stdin=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    child.stdin.close()
    assert await asyncio.wait_for(child.wait(), 30.0) == 0


async def test_a_request_that_breaks_the_planner_is_reported_in_words() -> None:
    planner = ProcessPlanner()
    try:
        reply = await planner.child.ask(b"\x00 not a request")
        assert b"not a valid Question" in reply
        assert len((await planner.plan(a_request())).moves) == 20
    finally:
        await planner.close()
