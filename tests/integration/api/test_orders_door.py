"""An operator's orders through the door: each is a command, with who and why."""

from dataclasses import replace
from typing import Any

import pytest

from tidegate.api import examples
from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command, CommandKind

VERBS = {
    "gateways/gw-a/drain": CommandKind.DRAIN,
    "gateways/gw-a/decommission": CommandKind.DECOMMISSION,
    "gateways/gw-a/recommission": CommandKind.RECOMMISSION,
    "gateways/gw-a/cordon": CommandKind.CORDON,
    "gateways/gw-a/uncordon": CommandKind.UNCORDON,
    "freeze": CommandKind.FREEZE,
    "thaw": CommandKind.THAW,
    "stop": CommandKind.STOP_ALLOCATION,
    "resume": CommandKind.RESUME_ALLOCATION,
}
WHY = {"reason": "firmware", "issued_by": "anna"}


async def sent(house: Any) -> Command:
    [record] = await house.records(topics.COMMANDS)
    return decode(record.value, Command)


@pytest.mark.parametrize("verb", VERBS)
async def test_each_verb_is_its_command_with_who_and_why(house: Any, verb: str) -> None:
    response = await house.client.post(f"/v1/sites/plant-7/{verb}", json=WHY)
    assert response.status_code == 202, response.text
    command = await sent(house)
    assert (command.kind, command.site, command.reason, command.issued_by) == (VERBS[verb], "plant-7", "firmware", "anna")
    assert command.gateway == ("gw-a" if "gateways" in verb else None)
    assert response.json()["outcome"] == response.headers["location"] == f"/v1/commands/{command.id}"


async def test_replacing_names_the_successor_with_who_and_why(house: Any) -> None:
    response = await house.client.post("/v1/sites/plant-7/gateways/gw-a/replace", json=WHY | {"successor": "gw-b"})
    assert response.status_code == 202, response.text
    command = await sent(house)
    assert (command.kind, command.gateway, command.successor) == (CommandKind.REPLACE, "gw-a", "gw-b")
    assert (command.reason, command.issued_by) == ("firmware", "anna")


@pytest.mark.parametrize("body", [{}, {"successor": ""}, {"successor": 7}, {"successor": None}])
async def test_replacing_by_nobody_is_refused(house: Any, body: Any) -> None:
    assert (await house.client.post("/v1/sites/plant-7/gateways/gw-a/replace", json=body)).status_code == 422
    assert await house.records(topics.COMMANDS) == []


async def test_an_order_without_a_word_is_an_order_and_a_repeat_under_one_key_is_one(house: Any) -> None:
    for _ in range(2):
        response = await house.client.post("/v1/sites/plant-7/stop", json={}, headers={"idempotency-key": "stop-1"})
        assert response.status_code == 202
    assert (await sent(house)).id == "stop-1"


@pytest.mark.parametrize("body", [{"reason": 7}, [], {"issued_by": None}])
async def test_an_order_that_is_none_is_refused(house: Any, body: Any) -> None:
    assert (await house.client.post("/v1/sites/plant-7/stop", json=body)).status_code == 422
    assert await house.records(topics.COMMANDS) == []


@pytest.mark.parametrize(("verb", "kind"), [("refuse", CommandKind.REFUSE_PLAN), ("undo", CommandKind.UNDO_PLAN)])
async def test_refusing_and_undoing_name_the_plan_and_its_site(house: Any, verb: str, kind: CommandKind) -> None:
    fact = examples.DECISION_HISTORY.facts[0]
    await house.publish(topics.DECISIONS, fact.site, fact)
    response = await house.client.post(f"/v1/decisions/{fact.plan_id}/{verb}", json=WHY)
    assert response.status_code == 202, response.text
    command = await sent(house)
    assert (command.kind, command.site, command.plan_id, command.reason) == (kind, fact.site, fact.plan_id, "firmware")
    assert (await house.client.post(f"/v1/decisions/other/{verb}", json=WHY)).status_code == 404


async def test_one_site_shows_what_holds_its_plans_back(house: Any) -> None:
    house.live.site_views = [examples.SITE, replace(examples.SITE, site="plant-8", holds=["the site is frozen"])]
    assert (await house.client.get("/v1/sites/plant-8")).json()["holds"] == ["the site is frozen"]
    assert (await house.client.get("/v1/sites/plant-9")).status_code == 404
