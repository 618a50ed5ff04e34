"""Sites that nobody would draw up on purpose: each has a clear outcome, and none keeps the planner beyond its budget."""

from dataclasses import replace

import numpy as np
import pytest
from small_site import device, gateway, names, request_of, topology

from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.plan import Trigger
from tidegate.contracts.topology import DevicePlacement, Gateway
from tidegate.core.allocation.arrays import NOWHERE
from tidegate.core.allocation.ground import ground_of, heard_on
from tidegate.core.allocation.headroom import headroom
from tidegate.core.allocation.model import AllocationView
from tidegate.core.allocation.planner import plan, search
from tidegate.core.allocation.problem import problem_of
from tidegate.core.demand import SiteDemand
from tidegate.errors import InputError

MANY = 40
"""More than a crowd, so that devices are placed together."""


def crowd(**more: object) -> list[DevicePlacement]:
    return [device(f"d{n}", None, **more) for n in range(MANY)]  # type: ignore[arg-type]


def test_without_a_gateway_everybody_is_unserved_and_says_so() -> None:
    made = plan(request_of(topology([], crowd())))
    assert len(made.unserved) == MANY
    assert {left.reason for left in made.unserved} == {"no gateway is in its reach"}
    assert made.moves == []


def test_without_a_gateway_or_a_device_there_is_nothing_to_lose() -> None:
    for site in (topology([], []), topology([], crowd()), topology([gateway("g1")], [])):
        found = headroom(AllocationView("north", 0, request_of(site)))
        assert [loss.devices for loss in found.losses] == [0] * len(site.gateways)


def test_gateways_of_no_capacity_take_nobody_and_say_what_is_short() -> None:
    made = plan(request_of(topology([gateway("g1", 0.0), gateway("g2", 0.0)], crowd(cpu=1.0))))
    assert len(made.unserved) == MANY
    assert made.unserved[0].shortages == ["g1: cpu_millicores short by 1", "g2: cpu_millicores short by 1"]


def test_a_gateway_that_states_no_capacity_takes_everybody() -> None:
    made = plan(request_of(topology([Gateway("g1", {})], crowd())))
    assert len(made.moves) == MANY
    assert made.after.unserved_devices == 0


def test_one_gateway_takes_as_many_as_fit() -> None:
    made = plan(request_of(topology([gateway("g1", 10.0)], crowd())))
    assert (len(made.moves), len(made.unserved)) == (10, MANY - 10)


@pytest.mark.parametrize("pins", [{"pinned_to": "g1", "excluded": ["g1"]}, {"pinned_to": "g1", "to": {"g2": 1.0}}])
def test_a_pin_that_contradicts_itself_leaves_only_its_device_unserved(pins: dict[str, object]) -> None:
    site = topology([gateway("g1", 100.0), gateway("g2", 100.0)], [*crowd(), device("odd", None, **pins)])  # type: ignore[arg-type]
    made = plan(request_of(site))
    assert names(made.unserved) == ["odd"]
    assert all("a pin or an exclusion forbids it" in text for text in made.unserved[0].shortages)


def test_a_device_beyond_everybodys_reach_is_named_and_the_others_are_served() -> None:
    site = topology([gateway("g1", 100.0)], [*crowd(), device("lost", None, excluded=["g1"])])
    made = plan(request_of(site))
    assert names(made.unserved) == ["lost"]


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), -1.0])
def test_demand_that_is_no_amount_is_refused_by_name(amount: float) -> None:
    request = request_of(topology([gateway("g1")], [device("a", None), device("b", None)]))
    broken = replace(request, situation=replace(request.situation, demand=[[1.0], [amount]]))
    with pytest.raises(InputError, match="device 'b' demands"):
        plan(broken)


def test_measured_demand_that_is_no_amount_never_gets_that_far() -> None:
    site = topology([gateway("g1")], [replace(device(name, None), demand={}) for name in ("a", "b", "c")])
    measured = np.array([[-5.0], [np.nan], [2.0]])
    times, shape = np.zeros(3, np.int64), (3, 1, 4, 7)
    rows = (measured, np.zeros(shape), measured, measured)
    told = SiteDemand("north", ["a", "b", "c"], ["sensor"] * 3, times, ["cpu_millicores"], *rows)
    ground = ground_of(site, CoreConfiguration({}))
    cpu = heard_on(ground, told).demand[:, ground.frame.resources.index("cpu_millicores")]
    assert cpu.tolist() == [0.0, 0.0, 2.0]


def test_a_hundred_thousand_devices_in_one_site_are_placed_within_the_budget_and_capacity() -> None:
    count, gateways = 100_000, [gateway(f"g{n}", 40_000.0) for n in range(3)]
    site = topology(gateways, [DevicePlacement(f"d{n}", "sensor", demand={"cpu_millicores": 1.0}) for n in range(count)])
    request = request_of(site, Trigger.UNSERVED_DEVICES)
    problem = problem_of(request)
    placement, trail = search(problem, request.trigger, request.settings)
    assert (placement.gateway != NOWHERE).all()
    assert (placement.load <= problem.capacity).all()
    assert trail.spent <= request.settings.planner_steps + 3 * count
