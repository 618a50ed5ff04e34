"""Commands through the door: what can be judged without state is judged here, the rest goes on the log."""

import json
from typing import Any

import pytest

from tidegate.api import examples
from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.partitioner import partition_of


async def post(house: Any, body: Any) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await house.client.post("/v1/commands", content=raw, headers={"content-type": "application/json"})


@pytest.mark.parametrize("name", examples.COMMAND_BODIES)
async def test_each_documented_example_is_taken_as_it_stands(house: Any, name: str) -> None:
    response = await post(house, examples.COMMAND_BODIES[name])
    assert response.status_code == 202, response.text
    [record] = await house.records(topics.COMMANDS)
    command = decode(record.value, Command)
    assert command.kind == CommandKind(name)
    assert record.partition == partition_of(command.site, house.log.partitions)
    assert record.key == command.site.encode()
    assert response.json()["outcome"] == response.headers["location"] == f"/v1/commands/{command.id}"


def test_there_is_an_example_of_every_kind_that_rest_takes() -> None:
    assert set(examples.COMMAND_BODIES) == {kind.value for kind in CommandKind} - {"submit-plan"}


async def test_a_command_without_an_id_gets_one_and_two_get_two(house: Any) -> None:
    ids = [(await post(house, {"site": "s", "kind": "freeze"})).json()["id"] for _ in range(2)]
    assert len(set(ids)) == 2
    assert {decode(record.value, Command).id for record in await house.records(topics.COMMANDS)} == set(ids)


async def test_the_planners_own_command_is_not_taken_from_outside(house: Any) -> None:
    plan = json.loads(json.dumps(examples.COMMAND_BODIES["drain"])) | {"kind": "submit-plan"}
    assert (await post(house, plan)).status_code == 403
    assert await house.records(topics.COMMANDS) == []


TOPOLOGY = examples.COMMAND_BODIES["set-topology"]


def topology(**changes: Any) -> dict[str, Any]:
    return TOPOLOGY | {"topology": TOPOLOGY["topology"] | changes}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"site": "s", "kind": "drain"}, "needs gateway"),
        ({"site": "s", "kind": "approve-plan", "plan_id": "p"}, "needs digest"),
        ({"site": "s", "kind": "frieze"}, "#/kind"),
        ({"kind": "freeze"}, "#/site"),
        ({"site": "", "kind": "freeze"}, "#/site"),
        ({"site": "s\n", "kind": "freeze"}, "#/site"),
        ({"site": "s", "kind": "freeze", "id": " x "}, "#/id"),
        ({"site": "s", "kind": "freeze", "id": 7}, "#/id"),
        ({"site": "s", "kind": "freeze", "schema_version": 2}, "#/schema_version"),
        ({"site": "other", "kind": "set-topology", "topology": TOPOLOGY["topology"]}, "site 'plant-7'"),
        (topology(gateways=[{"id": "gw-a", "capacity": {"devices": -1}}]), "devices is -1"),
        (topology(gateways=[{"id": "gw-a", "capacity": {"devices": "1"}}]), "#/topology/gateways/0/capacity/devices"),
        (topology(gateways=[{"id": "gw-a", "capacity": {}}] * 2), "appears 2 times"),
        (topology(gateways=[]), "which the topology does not have"),
        (topology(devices=[{"id": "d\x00", "profile": "p"}]), "control characters"),
        (topology(revision="3"), "#/topology/revision"),
        (b"[]", "not a valid Command"),
        (b"", "not a valid Command"),
        (b'{"site":"s","kind":"freeze","reason":NaN}', "not a valid Command"),
        (b'{"site":"s","kind":"freeze","x":%s}' % (b"[" * 50_000 + b"]" * 50_000), "not a valid Command"),
        (b'{"site":"\\ud800","kind":"freeze"}', ""),
        (
            b'{"site":"s","kind":"set-topology","topology":{"site":"s","revision":1e99,"gateways":[],"devices":[]}}',
            "#/topology/revision",
        ),
    ],
    ids=lambda value: repr(value)[:60],
)
async def test_a_command_that_is_wrong_in_itself_is_refused_with_the_reason(house: Any, body: Any, words: str) -> None:
    response = await post(house, body)
    assert response.status_code == 422, response.text
    assert words in response.text
    assert await house.records(topics.COMMANDS) == []


async def test_a_command_larger_than_the_limit_is_refused(house: Any) -> None:
    assert (await post(house, {"site": "s", "kind": "freeze", "reason": "x" * 300_000})).status_code == 413


async def test_approving_names_the_plan_the_site_and_the_digest(house: Any) -> None:
    fact = examples.DECISION_HISTORY.facts[0]
    await house.publish(topics.DECISIONS, fact.site, fact)
    response = await house.client.post(f"/v1/decisions/{fact.plan_id}/approve", json={"digest": fact.digest, "issued_by": "anna"})
    assert response.status_code == 202
    [record] = await house.records(topics.COMMANDS)
    command = decode(record.value, Command)
    assert (command.kind, command.site, command.plan_id, command.digest, command.issued_by) == (
        CommandKind.APPROVE_PLAN,
        fact.site,
        fact.plan_id,
        fact.digest,
        "anna",
    )


async def test_approving_needs_a_digest_and_a_plan_that_is_known(house: Any) -> None:
    fact = examples.DECISION_HISTORY.facts[0]
    await house.publish(topics.DECISIONS, fact.site, fact)
    assert (await house.client.post(f"/v1/decisions/{fact.plan_id}/approve", json={})).status_code == 422
    assert (await house.client.post("/v1/decisions/other/approve", json={"digest": "d"})).status_code == 404
