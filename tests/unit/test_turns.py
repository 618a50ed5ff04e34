"""While one partition is on trial no other steps, and whoever waits shows that it lives."""

import asyncio

import pytest

from tidegate.pipeline import turns
from tidegate.pipeline.turns import Turns


async def test_a_trial_waits_for_running_steps_and_holds_back_others() -> None:
    order, subject = [], Turns()
    stepping, tried = asyncio.Event(), asyncio.Event()

    async def step(partition: int, name: str) -> None:
        async with subject.step(partition, lambda: None):
            order.append(name)
            await stepping.wait()

    async def trial() -> None:
        async with subject.trial(1, lambda: None):
            order.append("trial")
            async with subject.step(1, lambda: None):
                order.append("its own step")
            await tried.wait()
            order.append("trial over")

    running = asyncio.create_task(step(0, "running step"))
    await asyncio.sleep(0)
    tasks = [running, asyncio.create_task(trial())]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(step(2, "later step")))
    await asyncio.sleep(0)
    assert order == ["running step"]
    stepping.set()
    await running
    for _ in range(5):
        await asyncio.sleep(0)
    assert order == ["running step", "trial", "its own step"]
    tried.set()
    await asyncio.gather(*tasks)
    assert order[-2:] == ["trial over", "later step"]


async def test_who_waits_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "BEAT_SECONDS", 0.001)
    subject, beaten = Turns(), asyncio.Event()
    async with subject.trial(0, lambda: None):
        waiting = asyncio.create_task(_step(subject, beaten))
        await beaten.wait()
        assert not waiting.done()
    await waiting


async def _step(subject: Turns, beaten: asyncio.Event) -> None:
    async with subject.step(1, beaten.set):
        pass


async def test_turns_come_in_the_order_they_were_asked_for_so_many_at_once() -> None:
    subject, order = Turns(at_once=2), list[int]()
    may_end = [asyncio.Event() for _ in range(6)]

    async def step(number: int) -> None:
        async with subject.step(number, lambda: None):
            order.append(number)
            await may_end[number].wait()

    tasks = [asyncio.create_task(step(number)) for number in range(6)]
    for number in (1, 0, 3, 2, 5, 4):
        for _ in range(5):
            await asyncio.sleep(0)
        assert order == sorted(order)
        assert len(order) == min(6, 2 + sum(task.done() for task in tasks))
        may_end[number].set()
    await asyncio.gather(*tasks)


async def test_who_gives_up_waiting_leaves_the_queue_to_the_others() -> None:
    subject, may_end = Turns(at_once=1), asyncio.Event()

    async def step(number: int) -> int:
        async with subject.step(number, lambda: None):
            await may_end.wait()
        return number

    first, second, third = (asyncio.create_task(step(number)) for number in range(3))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    may_end.set()
    assert await asyncio.gather(first, third) == [0, 2]
