"""The checks find what they are for in plans that were tampered with, and nothing in the planner's own."""

from dataclasses import replace

import pytest

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.ids import DeviceId, GatewayId, PlanId, ProfileName, SiteId
from tidegate.contracts.plan import Trigger
from tidegate.contracts.topology import DevicePlacement, Gateway, Link, Topology
from tidegate.core.allocation.model import PlanRequest, Situation
from tidegate.core.allocation.planner import plan
from tidegate_training.evaluate.plan_checks import out_of_reach, over_capacity

EAST, WEST, NORTH = GatewayId("east"), GatewayId("west"), GatewayId("north")


def device(name, at, reach, **more):
    return DevicePlacement(DeviceId(name), ProfileName("sensor"), [Link(gateway) for gateway in reach], at, **more)


@pytest.fixture
def request_():
    """East is too full by one device; west has room for exactly one."""
    gateways = [Gateway(name, {"cpu_millicores": size}) for name, size in ((EAST, 10.0), (WEST, 6.0), (NORTH, 99.0))]
    devices = [device(name, EAST, [EAST, WEST]) for name in ("a", "b", "c")]
    situation = Situation(["cpu_millicores"], [[5.0]] * 3, [EAST] * 3, [1] * 3, [], [], [], [])
    topology = Topology(SiteId("site"), 1, gateways, devices)
    return PlanRequest(
        PlanId("p"), SiteId("site"), Trigger.FORECAST_OVERLOAD, 0, 1000, topology, situation, AllocationSettings(), "d"
    )


def test_the_planners_own_plan_is_lawful(request_):
    answer = plan(request_)
    assert len(answer.moves) == 1
    assert over_capacity(request_, answer) == out_of_reach(request_, answer) == []


def test_a_gateway_filled_beyond_its_capacity_is_found(request_):
    answer = plan(request_)
    other = next(name for name in ("a", "b", "c") if name != answer.moves[0].device)
    greedy = replace(answer, moves=[*answer.moves, replace(answer.moves[0], device=DeviceId(other))])
    assert over_capacity(request_, greedy) == ["west: cpu_millicores"]


def test_a_gateway_that_was_too_full_before_and_received_nothing_is_not_the_plans_doing(request_):
    idle = replace(plan(request_), moves=[])
    assert over_capacity(request_, idle) == []


def test_a_move_beyond_the_devices_reach_is_found(request_):
    answer = plan(request_)
    astray = replace(answer, moves=[replace(answer.moves[0], target=NORTH)])
    assert len(out_of_reach(request_, astray)) == 1


@pytest.mark.parametrize("rule", [{"excluded": [WEST]}, {"pinned_to": EAST}])
def test_a_move_against_a_pin_or_an_exclusion_is_found(request_, rule):
    answer = plan(request_)
    devices = [replace(each, **rule) for each in request_.topology.devices]
    strict = replace(request_, topology=replace(request_.topology, devices=devices))
    assert len(out_of_reach(strict, answer)) == 1


def test_a_move_to_a_draining_or_dead_gateway_is_found(request_):
    answer = plan(request_)
    for shut in ({"dead": [WEST]}, {"draining": [WEST]}):
        assert out_of_reach(replace(request_, situation=replace(request_.situation, **shut)), answer)
