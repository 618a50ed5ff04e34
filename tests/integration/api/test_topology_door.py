"""A topology through the door: read with its version, replaced only by who has seen it."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from tidegate.api import examples, examples_allocation
from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.outcome import CommandOutcome

PATH = "/v1/sites/plant-7/topology"
BODY = examples_allocation.TOPOLOGY_BODY


@pytest.fixture
def in_force(house: Any) -> Any:
    """Revision 3 is in force."""
    house.live.topologies["plant-7"] = examples.TOPOLOGY
    return house


async def sent(house: Any) -> Command:
    [record] = await house.records(topics.COMMANDS)
    return decode(record.value, Command)


async def test_the_etag_of_a_topology_is_its_revision_and_a_client_that_has_it_gets_nothing_again(in_force: Any) -> None:
    first = await in_force.client.get(PATH)
    assert (first.status_code, first.headers["etag"], first.json()["revision"]) == (200, '"3"', 3)
    for seen in ('"3"', 'W/"3"', '"1", "3"', "*"):
        again = await in_force.client.get(PATH, headers={"if-none-match": seen})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", '"3"')
    for other in ('"2"', "3", "nonsense", '"', ""):
        assert (await in_force.client.get(PATH, headers={"if-none-match": other})).status_code == 200


async def test_replacing_what_one_has_seen_is_the_command_for_the_next_revision_and_for_no_other(in_force: Any) -> None:
    response = await in_force.client.put(
        PATH, json=BODY, headers={"if-match": '"3"'}, params={"reason": "a", "issued_by": "anna"}
    )
    assert response.status_code == 202, response.text
    command = await sent(in_force)
    assert (command.kind, command.if_revision, command.reason, command.issued_by) == (CommandKind.SET_TOPOLOGY, 3, "a", "anna")
    assert command.topology is not None
    assert (command.topology.revision, command.topology.devices) == (4, examples.TOPOLOGY.devices)
    assert response.json()["revision"] == 4
    assert response.json()["outcome"] == response.headers["location"] == f"/v1/commands/{command.id}"


@pytest.mark.parametrize("seen", ['"2"', '"4"', "3", '"x"'])
async def test_a_stale_or_foreign_etag_replaces_nothing(in_force: Any, seen: str) -> None:
    response = await in_force.client.put(PATH, json=BODY, headers={"if-match": seen})
    assert (response.status_code, response.json()["code"]) == (412, "precondition-failed")
    assert "revision 3 is in force" in response.text
    assert await in_force.records(topics.COMMANDS) == []


async def test_replacing_without_saying_what_is_refused_unless_a_revision_says_it(in_force: Any) -> None:
    response = await in_force.client.put(PATH, json=BODY)
    assert (response.status_code, response.json()["code"]) == (428, "precondition-required")
    assert (await in_force.client.put(PATH, json=BODY | {"revision": 9})).status_code == 202
    assert (await sent(in_force)).if_revision is None


@pytest.mark.parametrize("revision", [3, 2, 0])
async def test_the_same_or_an_older_revision_is_refused(in_force: Any, revision: int) -> None:
    response = await in_force.client.put(PATH, json=BODY | {"revision": revision})
    assert (response.status_code, response.json()["code"]) == (409, "command-refused")
    assert "does not rise above 3" in response.text


async def test_the_first_topology_needs_no_condition_and_only_ever_is_the_first(house: Any) -> None:
    response = await house.client.put(PATH, json=BODY)
    assert (response.status_code, response.json()["revision"]) == (202, 1)
    assert (await sent(house)).if_revision == 0
    assert (await house.client.put(PATH, json=BODY, headers={"if-match": "*"})).status_code == 412


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (BODY | {"site": "other"}, "#/site"),
        (BODY | {"revision": -1}, "#/revision"),
        (BODY | {"schema_version": 2}, "schema version 2"),
        (BODY | {"gateways": [{"id": "gw-a", "capacity": {"devices": -1}}]}, "devices is -1"),
        (BODY | {"gateways": []}, "which the topology does not have"),
        (BODY | {"devices": [{"id": "d", "profile": "p", "demand": {"devices": 1e300}}]}, "expected a number from 0"),
        (BODY | {"devices": [{"id": "d", "profile": "p", "priority": None}]}, "#/devices/0/priority"),
        ({"gateways": []}, "devices"),
        ([], "not a valid TopologyBody"),
    ],
    ids=lambda value: repr(value)[:50],
)
async def test_a_topology_that_is_wrong_in_itself_is_refused_with_the_place(house: Any, body: Any, words: str) -> None:
    response = await house.client.put(PATH, json=body)
    assert response.status_code == 422, response.text
    assert words in response.text


async def test_not_a_number_is_no_demand(house: Any) -> None:
    raw = json.dumps(BODY | {"devices": [{"id": "d", "profile": "p", "demand": {"devices": float("nan")}}]})
    response = await house.client.put(PATH, content=raw, headers={"content-type": "application/json"})
    assert response.status_code == 422


async def test_a_topology_larger_than_a_body_may_be_is_refused_unread(house: Any) -> None:
    devices = [{"id": f"device-{number}", "profile": "p"} for number in range(100_000)]
    async with asyncio.timeout(10):
        response = await house.client.put(PATH, json={"gateways": [], "devices": devices})
    assert (response.status_code, response.json()["code"]) == (413, "body-too-large")


async def came_into_force(house: Any, revision: int, *, accepted: bool = True) -> None:
    topology = replace(examples.TOPOLOGY, revision=revision)
    command = Command(f"c{revision}", topology.site, CommandKind.SET_TOPOLOGY, "anna", topology=topology)
    await house.publish(topics.COMMANDS, topology.site, command)
    outcome = CommandOutcome(command.id, command.site, command.kind, "anna", accepted, "", 1000 + revision)
    await house.publish(topics.OUTCOMES, topology.site, outcome)


async def test_revisions_that_came_into_force_are_listed_and_told_whole(house: Any) -> None:
    for revision in (1, 2, 3):
        await came_into_force(house, revision, accepted=revision != 2)
    listed = (await house.client.get(f"{PATH}/revisions")).json()["items"]
    assert [(each["revision"], each["issued_by"], each["devices"]) for each in listed] == [(3, "anna", 1), (1, "anna", 1)]
    assert (await house.client.get(f"{PATH}/revisions/1")).json()["revision"] == 1
    for unknown in (2, 9):
        assert (await house.client.get(f"{PATH}/revisions/{unknown}")).status_code == 404
    for no_revision in ("-1", "x", str(2**60)):
        assert (await house.client.get(f"{PATH}/revisions/{no_revision}")).status_code == 422
