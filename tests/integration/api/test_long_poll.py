"""A gateway waits for its assignments to change, and is told at once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from tidegate.api import examples
from tidegate.api.errors import OverloadedError
from tidegate.api.gateway_bell import GatewayBell
from tidegate.contracts import topics
from tidegate.contracts.plan import Coming, Phase

PATH = "/v1/gateways/gw-b/assignments"
HERE = examples.ASSIGNMENT


@pytest_asyncio.fixture
async def told(house: Any) -> AsyncIterator[Any]:
    """A house whose feed and read model follow the log by themselves; pump-1 is at gw-b."""
    following = [asyncio.create_task(house.feed.run())]
    await publish(house, HERE)
    yield house
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)


async def publish(house: Any, assignment: Any) -> None:
    await house.publish(topics.ASSIGNMENTS, assignment.site, assignment, f"{assignment.site}/{assignment.device}")


async def ask(house: Any, seen: str | None = None, **query: Any) -> Any:
    return await house.client.get(PATH, params=query, headers={} if seen is None else {"if-none-match": seen})


async def waiting(house: Any, count: int = 1) -> None:
    bell: GatewayBell = house.app.state.door.bell
    for _ in range(1000):
        if bell.waiting == count:
            await asyncio.sleep(0.05)
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{bell.waiting} wait, expected {count}")


async def test_an_answer_has_a_tag_of_its_own_and_who_has_it_gets_nothing_again(told: Any) -> None:
    first = await ask(told)
    assert first.status_code == 200
    assert [each["device"] for each in first.json()["items"]] == ["pump-1"]
    again = await ask(told, first.headers["etag"])
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (await ask(told, '"other"', wait_seconds=30)).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        replace(HERE, device="pump-2"),
        replace(HERE, epoch=6, gateway="gw-a"),
        replace(HERE, epoch=6, gateway=None),
        replace(HERE, epoch=6, grant={}),
    ],
    ids=["one comes", "one goes", "one is released", "a grant changes"],
)
async def test_who_waits_is_answered_when_its_assignments_change(told: Any, change: Any) -> None:
    tag = (await ask(told)).headers["etag"]
    question = asyncio.create_task(ask(told, tag, wait_seconds=60))
    await waiting(told)
    await publish(told, change)
    answer = await asyncio.wait_for(question, 20)
    assert answer.status_code == 200
    assert answer.headers["etag"] != tag
    assert told.app.state.door.bell.waiting == 0


async def test_what_changes_elsewhere_wakes_nobody_and_the_wait_ends_with_nothing_new(told: Any) -> None:
    tag = (await ask(told)).headers["etag"]
    question = asyncio.create_task(ask(told, tag, wait_seconds=60))
    await waiting(told)
    await publish(told, replace(HERE, device="pump-3", gateway="gw-a"))
    await asyncio.sleep(0.2)
    assert not question.done()
    told.clock.advance(60)
    await publish(told, replace(HERE, device="pump-1", epoch=HERE.epoch))
    assert (await asyncio.wait_for(question, 20)).status_code == 304


async def test_a_change_between_the_last_answer_and_the_wait_is_not_missed(told: Any) -> None:
    tag = (await ask(told)).headers["etag"]
    await publish(told, replace(HERE, device="pump-2"))
    assert (await asyncio.wait_for(ask(told, tag, wait_seconds=60), 20)).status_code == 200


async def test_many_gateways_wait_on_one_look_at_the_log(told: Any) -> None:
    tag = (await ask(told)).headers["etag"]
    questions = [asyncio.create_task(ask(told, tag, wait_seconds=60)) for _ in range(100)]
    await waiting(told, 100)
    assert told.feed.listeners == 1
    await publish(told, replace(HERE, device="pump-2"))
    answers = await asyncio.wait_for(asyncio.gather(*questions), 20)
    assert {answer.status_code for answer in answers} == {200}
    assert told.feed.listeners == 0


async def test_more_than_the_limit_may_not_wait(told: Any) -> None:
    bell = GatewayBell(told.feed, max_waiting=1)
    async with bell.watch("gw-a"):
        with pytest.raises(OverloadedError, match="1 gateways wait already"):
            async with bell.watch("gw-b"):
                pass
    assert bell.waiting == 0
    await bell.close()


@pytest.mark.parametrize("seconds", [-1, 61, "x", 1.5])
async def test_a_wait_out_of_bounds_is_refused(told: Any, seconds: Any) -> None:
    assert (await ask(told, wait_seconds=seconds)).status_code == 422


async def test_a_fresh_answer_waits_for_what_was_committed_when_it_was_asked_for(told: Any) -> None:
    await publish(told, replace(HERE, device="pump-2"))
    answer = await ask(told, fresh="true", site=HERE.site)
    assert [each["device"] for each in answer.json()["items"]] == ["pump-1", "pump-2"]


async def test_fresh_needs_a_site(told: Any) -> None:
    answer = await ask(told, fresh="true")
    assert (answer.status_code, "fresh needs site" in answer.text) == (422, True)


async def test_who_is_to_have_a_device_next_reads_of_it_too(told: Any) -> None:
    tag = (await ask(told)).headers["etag"]
    question = asyncio.create_task(ask(told, tag, wait_seconds=60))
    await waiting(told)
    await publish(told, replace(HERE, device="pump-3", gateway="gw-a", phase=Phase.RESERVING, coming=Coming("gw-b", 9, {})))
    answer = await asyncio.wait_for(question, 20)
    assert [(each["device"], each["gateway"]) for each in answer.json()["items"]] == [("pump-1", "gw-b"), ("pump-3", "gw-a")]
