"""A topology looked over before it is set: everything at once, each with its place."""

import time
from dataclasses import replace
from typing import Any

import pytest

from tidegate.api.reporting import report_on
from tidegate.contracts import topics
from tidegate.contracts.codec import encode
from tidegate.contracts.command import Command, CommandKind
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.profile import Profile
from tidegate.contracts.topology import DevicePlacement, Gateway, Link, Topology
from tidegate.core.allocation.allocator import Allocator

SITE = "plant-7"
PATH = f"/v1/sites/{SITE}/topology/validate"
CONFIGURATION = CoreConfiguration({"pump": Profile(name="pump", interval_seconds=1.0, metrics={})})
FINE = {
    "gateways": [{"id": name, "capacity": {"devices": 2.0}, "failure_domain": name} for name in ("gw-a", "gw-b")],
    "devices": [{"id": "pump-1", "profile": "pump", "gateway": "gw-a"}],
}


@pytest.fixture
def site(house: Any) -> Any:
    """Revision 3: gateways a and b, pump-1 at a and pump-2 at b; a stranger sends readings."""
    devices = [DevicePlacement("pump-1", "pump", gateway="gw-a"), DevicePlacement("pump-2", "pump", gateway="gw-b")]
    topology = Topology(SITE, 3, [Gateway("gw-a", {"devices": 2.0}, "gw-a"), Gateway("gw-b", {"devices": 2.0})], devices)
    allocator = Allocator(CONFIGURATION)
    allocator.handle(Command("c1", SITE, CommandKind.SET_TOPOLOGY, topology=topology), 1000)
    house.live.allocations[SITE] = allocator.view(SITE, 2000)
    return house


async def report(house: Any, body: Any) -> Any:
    response = await house.client.post(PATH, json=body)
    assert response.status_code == 200, response.text
    assert await house.records(topics.COMMANDS) == []
    return response.json()


def codes(found: Any) -> list[tuple[str, str]]:
    return [(each["code"], each["pointer"]) for each in found["findings"]]


async def test_a_good_topology_is_valid_and_the_difference_is_told(site: Any) -> None:
    found = await report(site, FINE)
    assert (found["valid"], found["in_force"], found["revision"], found["findings"]) == (True, 3, 4, [])
    assert found["devices"]["removed"] == ["pump-2"]
    assert found["gateways"]["changed"] == [{"id": "gw-b", "fields": ["failure_domain"]}]


async def test_without_a_topology_in_force_everything_is_added(house: Any) -> None:
    found = await report(house, FINE)
    assert (found["in_force"], found["revision"], found["devices"]["added"], found["gateways"]["added_count"]) == (
        None,
        1,
        ["pump-1"],
        2,
    )


async def test_every_refusal_is_listed_with_its_place(site: Any) -> None:
    body = {
        "revision": 3,
        "gateways": [{"id": "gw-a", "capacity": {"cpu/s": -1.0}}, {"id": "gw-a", "capacity": {}}],
        "devices": [
            {
                "id": "d",
                "profile": "pump",
                "reach": [{"gateway": "gw-x"}],
                "gateway": "gw-y",
                "pinned_to": "gw-z",
                "excluded": ["q"],
            },
            {"id": "d\u0000", "profile": "pump", "priority": -2.0, "demand": {"devices": 1e30}},
        ],
        "flows": [{"source": "d", "target": "e", "amount": -1.0}],
        "distances": [{"source": "gw-v", "target": "gw-a", "cost_per_hour": 1.0}],
    }
    found = await report(site, body)
    errors = [each for each in codes(found) if each in set(codes(found)[: found["errors"]])]
    assert not found["valid"]
    assert errors[: found["errors"]] == [
        ("revision-not-rising", "#/revision"),
        ("gateway-repeated", "#/gateways/0/id"),
        ("id-unclean", "#/devices/1/id"),
        ("amount-invalid", "#/gateways/0/capacity/cpu~1s"),
        ("gateway-unknown", "#/devices/0/reach/0/gateway"),
        ("gateway-unknown", "#/devices/0/excluded/0"),
        ("gateway-unknown", "#/devices/0/gateway"),
        ("gateway-unknown", "#/devices/0/pinned_to"),
        ("amount-invalid", "#/devices/1/demand/devices"),
        ("amount-invalid", "#/devices/1/priority"),
        ("device-unknown", "#/flows/0/target"),
        ("amount-invalid", "#/flows/0/amount"),
        ("gateway-unknown", "#/distances/0/source"),
    ]
    assert all(each["advice"] for each in found["findings"])


async def test_every_doubt_is_listed_and_refuses_nothing(site: Any) -> None:
    def a_device(number: int, **more: Any) -> dict[str, Any]:
        return {"id": f"d{number}", "profile": "pump", **more}

    to_a = [{"gateway": "gw-a"}]
    body = {
        "gateways": [
            {"id": "gw-a", "capacity": {"cpu": 0.0, "devices": 4.0}},
            {"id": "gw-b", "capacity": {}, "failure_domain": "b"},
        ],
        "devices": [
            a_device(0, pinned_to="gw-a", excluded=["gw-a"]),
            a_device(1, pinned_to="gw-b", reach=to_a),
            a_device(2, reach=to_a, excluded=["gw-a"]),
            a_device(3, reach=to_a + to_a),
            a_device(4, reach=to_a, gateway="gw-b"),
            a_device(5, binding="fixed"),
            a_device(6, reach=to_a, demand={"devices": 5.0}),
            {"id": "d7", "profile": "boiler"},
        ],
        "flows": [{"source": "d0", "target": "d0", "amount": 1.0}],
        "distances": [
            {"source": one, "target": other, "cost_per_hour": 1.0}
            for one, other in (("gw-a", "gw-a"), ("gw-a", "gw-b"), ("gw-b", "gw-a"))
        ],
    }
    found = await report(site, body)
    assert found["valid"]
    assert codes(found) == [
        ("capacity-zero", "#/gateways/0/capacity/cpu"),
        ("failure-domain-missing", "#/gateways/0/failure_domain"),
        ("capacity-absent", "#/gateways/1/capacity"),
        ("profile-unknown", "#/devices/7/profile"),
        ("pin-excluded", "#/devices/0/pinned_to"),
        ("pin-beyond-reach", "#/devices/1/pinned_to"),
        ("device-unreachable", "#/devices/2"),
        ("reach-repeated", "#/devices/3/reach"),
        ("gateway-not-allowed", "#/devices/4/gateway"),
        ("fixed-nowhere", "#/devices/5/gateway"),
        ("device-too-large", "#/devices/6"),
        ("flow-to-itself", "#/flows/0"),
        ("distance-to-itself", "#/distances"),
        ("distance-repeated", "#/distances"),
    ]


async def test_flows_over_gateways_without_distances_are_doubted_and_what_changes_is_named_by_both_ends(site: Any) -> None:
    devices = [{"id": name, "profile": "pump"} for name in ("pump-1", "valve-1")]
    flows = [{"source": "valve-1", "target": "pump-1", "amount": 2.0}]
    found = await report(site, FINE | {"devices": devices, "flows": flows})
    assert ("distances-missing", "#/distances") in codes(found)
    assert found["flows"]["added"] == ["pump-1 and valve-1"]
    assert (found["flows"]["removed_count"], found["distances"]["added_count"]) == (0, 0)


@pytest.mark.parametrize(("count", "code"), [(5, "demand-over-capacity"), (3, "headroom-missing"), (2, None)])
async def test_total_demand_is_held_against_total_capacity_and_against_what_is_left_after_a_loss(
    site: Any, count: int, code: str | None
) -> None:
    found = await report(site, FINE | {"devices": [{"id": f"d{n}", "profile": "pump"} for n in range(count)]})
    assert [each for each, _ in codes(found)] == ([] if code is None else [code])


async def test_devices_that_send_readings_and_are_left_out_are_named(site: Any) -> None:
    site.live.allocations[SITE] = replace(site.live.allocations[SITE], strangers=["pump-9"])
    [found] = (await report(site, FINE))["findings"]
    assert (found["code"], "pump-9" in found["detail"]) == ("device-absent", True)


async def test_every_field_of_the_wrong_type_is_listed(site: Any) -> None:
    body = {"gateways": [{"id": 7, "capacity": {"devices": "2"}}], "devices": [{"id": "d", "priority": None}]}
    found = await report(site, body)
    assert not found["valid"]
    assert set(codes(found)) == {
        ("field-invalid", "#/gateways/0/id"),
        ("field-invalid", "#/gateways/0/capacity/devices"),
        ("field-invalid", "#/devices/0/profile"),
        ("field-invalid", "#/devices/0/priority"),
    }


async def test_another_sites_topology_is_said_to_be_that(site: Any) -> None:
    assert codes(await report(site, FINE | {"site": "other"})) == [("site-other", "#/site")]


@pytest.mark.parametrize("raw", [b"", b"[]", b"nonsense", b'{"gateways": [], "devices": [], "schema_version": 2}'])
async def test_what_is_no_topology_at_all_is_refused(site: Any, raw: bytes) -> None:
    response = await site.client.post(PATH, content=raw, headers={"content-type": "application/json"})
    assert response.status_code == 422, response.text


def test_a_large_topology_full_of_doubts_is_reported_in_bounded_time_and_size() -> None:
    gateways = [Gateway(f"g{n}", {"devices": 1000.0}) for n in range(100)]
    links = [Link("g0"), Link("g0")]
    devices = [DevicePlacement(f"d{n}", "unknown", links if n % 2 else []) for n in range(60_000)]
    body, now = encode(Topology(SITE, 4, gateways, devices)), Allocator(CONFIGURATION).view(SITE, 0)
    started = time.process_time()
    found = report_on(body, now)
    assert time.process_time() - started < 10
    assert (len(found.findings), found.warnings > 30_000) == (1000, True)
    assert found.devices is not None
    assert (len(found.devices.added), found.devices.added_count) == (1000, 60_000)
