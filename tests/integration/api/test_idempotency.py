"""A command under a key: sent again it is the same command, whoever forgot what; under a used key another one is refused."""

import asyncio
from typing import Any

import pytest

from tidegate.api import examples
from tidegate.api.idempotency import RecentCommands
from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command
from tidegate.errors import DependencyError

FREEZE = {"site": "plant-7", "kind": "freeze", "reason": "stock taking"}
KEY = {"idempotency-key": "key-1"}


async def post(house: Any, body: Any, headers: Any = KEY, path: str = "/v1/commands") -> Any:
    return await house.client.post(path, json=body, headers=headers)


async def ids(house: Any) -> list[str]:
    return [decode(record.value, Command).id for record in await house.records(topics.COMMANDS)]


async def test_the_key_becomes_the_id_of_the_command(house: Any) -> None:
    response = await post(house, FREEZE)
    assert response.status_code == 202
    assert response.json()["id"] == "key-1"
    assert await ids(house) == ["key-1"]


@pytest.mark.parametrize("followed", [False, True], ids=["at once", "after the read model has it"])
async def test_a_repeat_gets_the_same_receipt_and_is_not_written_again(house: Any, followed: bool) -> None:
    first = await post(house, FREEZE)
    if followed:
        await house.follow()
    again = await post(house, FREEZE)
    assert (again.status_code, again.content, again.headers["location"]) == (202, first.content, first.headers["location"])
    assert await ids(house) == ["key-1"]


@pytest.mark.parametrize("known", ["memory", "read model", "outcome"])
async def test_another_command_under_the_key_is_refused_and_not_written(house: Any, known: str) -> None:
    await post(house, FREEZE)
    if known != "memory":
        await house.follow()
        house.app.state.door.ports.recent.__init__()
    response = await post(house, FREEZE | {"kind": "thaw"})
    assert (response.status_code, response.json()["code"]) == (409, "idempotency-key-reused")
    assert await ids(house) == ["key-1"]


async def test_two_at_once_under_one_key_are_one_command(house: Any) -> None:
    answers = await asyncio.gather(post(house, FREEZE), post(house, FREEZE | {"kind": "thaw"}))
    assert sorted(answer.status_code for answer in answers) == [202, 409]
    assert await ids(house) == ["key-1"]


async def test_an_approval_takes_the_key_too(house: Any) -> None:
    fact = examples.DECISION_HISTORY.facts[0]
    await house.publish(topics.DECISIONS, fact.site, fact)
    path = f"/v1/decisions/{fact.plan_id}/approve"
    for _ in range(2):
        assert (await post(house, {"digest": fact.digest}, path=path)).json()["id"] == "key-1"
    assert (await post(house, {"digest": "other"}, path=path)).status_code == 409
    assert await ids(house) == ["key-1"]


async def test_an_id_in_the_body_is_a_key_and_has_to_agree_with_the_header(house: Any) -> None:
    assert (await post(house, FREEZE | {"id": "key-1"})).status_code == 202
    assert (await post(house, FREEZE | {"id": "key-1"}, {})).status_code == 202
    assert (await post(house, FREEZE | {"id": "key-1", "reason": "other"}, {})).status_code == 409
    response = await post(house, FREEZE | {"id": "key-2"})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "#/id")


@pytest.mark.parametrize("key", ["", " ", "x" * 129, "tab\there", "\x7f"])
async def test_a_key_that_cannot_be_an_id_is_refused(house: Any, key: str) -> None:
    response = await post(house, FREEZE, {"idempotency-key": key})
    assert (response.status_code, "Idempotency-Key" in response.json()["detail"]) == (422, True)


async def test_a_command_whose_append_failed_may_be_sent_again(house: Any) -> None:
    house.log.fail("append", DependencyError("gone"))
    assert (await post(house, FREEZE)).status_code == 503
    assert (await post(house, FREEZE)).status_code == 202
    assert await ids(house) == ["key-1"]


async def test_memory_of_recent_commands_is_bounded(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.api.idempotency.REMEMBERED", 5)
    recent = RecentCommands()
    for number in range(20):
        command = decode(b'{"id":"c%d","site":"s","kind":"freeze"}' % number, Command)
        await recent.claim(command, house.views)
        recent.durable(command.id)
    assert (len(recent._asked), len(recent._durable)) == (5, 5)


async def test_a_command_is_known_from_the_moment_it_is_taken(house: Any) -> None:
    await post(house, FREEZE)
    response = await house.client.get("/v1/commands/key-1")
    assert (response.status_code, response.json()["status"]) == (200, "pending")


async def test_every_operation_that_makes_a_command_says_so(house: Any) -> None:
    document = (await house.client.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            makes = any(f"schemas/{name}Receipt" in str(operation["responses"]) for name in ("Command", "Topology"))
            assert makes == any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", [])), (method, path)
