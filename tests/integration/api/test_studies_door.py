"""Dry runs, what-ifs, why-nots and headroom through the door: answered, and nothing written."""

from dataclasses import replace
from typing import Any

import pytest

from tidegate.api import examples_allocation
from tidegate.contracts import topics
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.topology import DevicePlacement, Gateway, Topology
from tidegate.core.allocation.allocator import Allocator
from tidegate.errors import DependencyError

SITE = "plant-7"
NAMES = ("gw-a", "gw-b")
QUESTIONS = ("plans", "what-if", "headroom", "capacity-advice", "devices/pump-1/why-not")


@pytest.fixture
def site(house: Any) -> Any:
    """Two gateways of two devices each, three devices: one gateway can die and one device would stay unserved."""
    devices = [DevicePlacement(f"pump-{n}", "pump", gateway=NAMES[n % 2]) for n in range(3)]
    topology = Topology(SITE, 3, [Gateway(name, {"devices": 2.0}) for name in NAMES], devices)
    allocator = Allocator(CoreConfiguration({}))
    allocator.handle(Command("c1", SITE, CommandKind.SET_TOPOLOGY, topology=topology), 1000)
    house.live.allocations[SITE] = allocator.view(SITE, 2000)
    house.live.topologies[SITE] = topology
    return house


async def ask(house: Any, what: str, body: Any = None) -> Any:
    path = f"/v1/sites/{SITE}/{what}"
    if what in {"plans", "what-if"}:
        return await house.client.post(path, json={} if body is None else body)
    return await house.client.get(path)


async def test_a_proposal_is_a_dry_run_unless_it_says_otherwise(site: Any) -> None:
    response = await ask(site, "plans")
    assert response.status_code == 200, response.text
    assert (response.json()["plan"]["moves"], response.json()["as_of_ms"]) == ([], 2000)
    assert await site.records(topics.COMMANDS) == []
    response = await ask(site, "plans", {"dry_run": False, "reason": "night", "issued_by": "anna"})
    assert response.status_code == 202
    [record] = await site.records(topics.COMMANDS)
    command = decode(record.value, Command)
    assert (command.kind, command.reason, command.issued_by) == (CommandKind.REQUEST_PLAN, "night", "anna")
    assert response.headers["location"] == f"/v1/commands/{command.id}"


async def test_what_if_a_gateway_fails_says_who_moves_and_who_stays_unserved(site: Any) -> None:
    answer = (await ask(site, "what-if", {"fail": ["gw-a"]})).json()
    assert [move["target"] for move in answer["plan"]["moves"]] == ["gw-b"]
    assert len(answer["plan"]["unserved"]) == 1
    assert (answer["now"]["unserved_devices"], answer["plan"]["after"]["unserved_devices"]) == (0, 1)
    assert await site.records(topics.COMMANDS) == []


@pytest.mark.parametrize("name", examples_allocation.CHANGES)
async def test_each_documented_change_is_taken(site: Any, name: str) -> None:
    body = dict(examples_allocation.CHANGES[name])
    body.pop("scale_profiles", None)
    assert (await ask(site, "what-if", body)).status_code == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"fail": ["gw-x"]}, "#/fail"),
        ({"replace": {"gw-a": "gw-x"}}, "is no gateway"),
        ({"replace": {"gw-a": "gw-a"}}, "cannot replace"),
        ({"replace": ["gw-a"]}, "#/replace"),
        ({"scale": -1}, "#/scale"),
        ({"scale": 1e300}, "#/scale"),
        ({"scale": "2"}, "#/scale"),
        ({"scale_profiles": {"x": 1}}, "is no profile"),
        ({"capacity": {"gw-a": {"devices": -1}}}, "devices is -1"),
        ({"add_gateways": [{"id": "gw-a", "capacity": {}}]}, "appears 2 times"),
        ({"add_devices": [{"id": "d", "profile": "p", "pinned_to": "gw-x"}]}, "which the topology does not have"),
        ([], "not a valid Changes"),
    ],
    ids=lambda value: repr(value)[:50],
)
async def test_a_change_that_makes_no_sense_is_refused_with_the_place(site: Any, body: Any, words: str) -> None:
    response = await ask(site, "what-if", body)
    assert response.status_code == 422, response.text
    assert words in response.text


async def test_not_a_number_is_no_factor(site: Any) -> None:
    raw, headers = b'{"scale": NaN}', {"content-type": "application/json"}
    response = await site.client.post(f"/v1/sites/{SITE}/what-if", content=raw, headers=headers)
    assert response.status_code == 422


async def test_why_not_answers_for_one_gateway_or_for_each(site: Any) -> None:
    each = (await ask(site, "devices/pump-0/why-not")).json()
    assert [(found["gateway"], found["is_there"]) for found in each["gateways"]] == [("gw-a", True), ("gw-b", False)]
    one = (await ask(site, "devices/pump-0/why-not?gateway=gw-b")).json()
    assert one["gateways"] == each["gateways"][1:]
    assert (await ask(site, "devices/pump-1/why-not?gateway=gw-x")).status_code == 422
    assert (await ask(site, "devices/pump-9/why-not")).status_code == 404


async def test_capacity_advice_says_what_to_add_where_and_that_it_is_enough(site: Any) -> None:
    answer = (await ask(site, "capacity-advice")).json()
    assert {each["gateway"]: each["resources"] for each in answer["additions"]} == {
        "gw-a": {"devices": 1.0},
        "gw-b": {"devices": 1.0},
    }
    assert (answer["losses"], answer["losses_then"], answer["unserved"], answer["unserved_then"]) == (2, 0, 0, 0)
    assert answer["growth"] == pytest.approx(4 / 3)
    assert answer["censored"] == {}
    site.live.allocations[SITE] = replace(site.live.allocations[SITE], censored={"cpu_millicores": 2})
    site.clock.advance(11.0)
    assert (await ask(site, "capacity-advice")).json()["censored"] == {"cpu_millicores": 2}


async def test_headroom_is_computed_once_in_ten_seconds(site: Any) -> None:
    first = (await ask(site, "headroom")).json()
    assert [(loss["gateways"], loss["unserved"]) for loss in first["losses"]] == [(["gw-a"], 1), (["gw-b"], 1)]
    site.live.allocations[SITE] = Allocator(CoreConfiguration({})).view(SITE, 0)
    assert (await ask(site, "headroom")).json() == first
    site.clock.advance(10.0)
    assert (await ask(site, "headroom")).status_code == 404


@pytest.mark.parametrize("what", QUESTIONS)
async def test_a_site_without_a_topology_is_not_found_and_one_being_restored_is_not_ready(house: Any, what: str) -> None:
    assert (await ask(house, what)).status_code == 404
    house.live.broken = DependencyError("partition 0 is still being restored")
    house.clock.advance(11.0)
    response = await ask(house, what)
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
