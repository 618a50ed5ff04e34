"""The adviser's process: bounded, apart from the planner's, and none the worse for a question that fails."""

import asyncio
import os
import signal

import pytest

from tidegate.adapters.adviser import ProcessAdviser
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.studies import Changes
from tidegate.contracts.topology import DevicePlacement, Gateway, Topology
from tidegate.core.allocation.allocator import Allocator
from tidegate.core.allocation.model import AllocationView
from tidegate.errors import AllocationError, DependencyError, InputError


def a_view() -> AllocationView:
    devices = [DevicePlacement(f"d{n}", "sensor", gateway=f"g{n % 3}") for n in range(20)]
    site = Topology("north", 1, [Gateway(f"g{n}", {"devices": 8.0}) for n in range(3)], devices)
    allocator = Allocator(CoreConfiguration({}))
    allocator.handle(Command("c1", "north", CommandKind.SET_TOPOLOGY, topology=site), 0)
    return allocator.view("north", 0)


async def test_a_question_that_makes_no_sense_is_refused_in_its_own_words_and_the_next_is_answered() -> None:
    adviser = ProcessAdviser()
    try:
        with pytest.raises(InputError, match="'gx' is no gateway"):
            await adviser.study(a_view(), Changes(fail=["gx"]))
        child = adviser.child.pid
        with pytest.raises(AllocationError, match="devices is -1"):
            await adviser.study(a_view(), Changes(capacity={"g1": {"devices": -1.0}}))
        with pytest.raises(InputError, match="has no topology"):
            await adviser.headroom(AllocationView("south", 0, None))
        assert (await adviser.study(a_view(), Changes())).plan.moves == []
        assert adviser.child.pid == child
    finally:
        await adviser.close()


async def test_more_questions_than_may_wait_are_turned_away_and_a_slow_one_is_given_up() -> None:
    adviser = ProcessAdviser(most_waiting=2)
    try:
        await adviser.study(a_view(), Changes())
        child = adviser.child.pid
        assert child is not None
        os.kill(child, signal.SIGSTOP)
        adviser.child.limit_seconds = 1.0
        slow = [asyncio.create_task(adviser.study(a_view(), Changes())) for _ in range(2)]
        await asyncio.sleep(0.2)
        with pytest.raises(DependencyError, match="2 questions wait"):
            await adviser.study(a_view(), Changes())
        adviser.child.limit_seconds = 60.0
        first, second = await asyncio.gather(*slow, return_exceptions=True)
        assert isinstance(first, DependencyError)
        assert "took longer than 1.0 s" in str(first) or "took longer" in str(first)
        assert not isinstance(second, BaseException)
    finally:
        await adviser.close()
