"""Chains of devices that step aside in turn: who is served by them, in which order, and within which limits."""

import pytest
from small_site import device, gateway, names, request_of, topology

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.plan import Trigger
from tidegate.contracts.topology import Binding
from tidegate.core.allocation.model import PlanRequest
from tidegate.core.allocation.planner import plan


def stairs(
    count: int, settings: AllocationSettings | None = None, binding: Binding = Binding.GATEWAY_PULLED, **situation
) -> PlanRequest:
    """`lost` fits only where s1 is, s1 only where s2 is, and so on; the last of `count` fits on an empty gateway."""
    gateways = [gateway(f"g{n}", 10.0) for n in range(1, count + 2)]
    steps = [
        device(
            f"s{n}", f"g{n}", {f"g{n}": 1.0, f"g{n + 1}": 2.0}, cpu=6.0, binding=binding if n == count else Binding.GATEWAY_PULLED
        )
        for n in range(1, count + 1)
    ]
    site = topology(gateways, [*steps, device("lost", None, {"g1": 1.0}, cpu=6.0)])
    return request_of(site, Trigger.UNSERVED_DEVICES, settings, **situation)


@pytest.mark.parametrize("count", [2, 3])
def test_several_devices_step_aside_in_turn_from_the_end_for_one_that_fits_nowhere(count: int) -> None:
    made = plan(stairs(count))
    assert [(move.device, move.target) for move in made.moves] == [
        *((f"s{n}", f"g{n + 1}") for n in range(count, 0, -1)),
        ("lost", "g1"),
    ]
    assert {move.reason.split(";")[0] for move in made.moves[:-1]} == {
        f"makes room on g{n} for lost, which fits nowhere else" for n in range(1, count + 1)
    }
    assert made.unserved == []


def test_longer_chains_than_three_are_not_searched() -> None:
    assert names(plan(stairs(4)).unserved) == ["lost"]


@pytest.mark.parametrize("limit", ["cooling", "moves", "steps", "fixed"])
def test_nobody_steps_aside_in_turn_beyond_the_limits(limit: str) -> None:
    settings = AllocationSettings(
        max_moves_per_plan=1 if limit == "moves" else 200, planner_steps=2 if limit == "steps" else 20_000
    )
    binding = Binding.FIXED if limit == "fixed" else Binding.GATEWAY_PULLED
    made = plan(stairs(2, settings, binding, cooling=["s2"] if limit == "cooling" else []))
    assert (names(made.moves), names(made.unserved)) == ([], ["lost"])


def test_the_most_important_of_the_unserved_gets_the_place_that_a_chain_opens() -> None:
    request = stairs(2)
    rivals = [*request.topology.devices, device("pump", None, {"g1": 1.0}, cpu=6.0, priority=5.0)]
    made = plan(request_of(topology(request.topology.gateways, rivals), Trigger.UNSERVED_DEVICES))
    assert made.moves[-1].device == "pump"
    assert names(made.unserved) == ["lost"]


def test_the_cheaper_of_two_chains_is_made() -> None:
    to = {"s1": {"g1": 1.0, "g2": 2.0}, "s2": {"g2": 1.0, "g3": 2.0}, "dear": {"g1": 1.0, "g2": 9.0}}
    at = {"s1": "g1", "s2": "g2", "dear": "g1"}
    devices = [device(name, at[name], links, cpu=5.0) for name, links in to.items()]
    site = topology(
        [gateway(f"g{n}", 10.0 if n == 1 else 6.0) for n in (1, 2, 3)], [*devices, device("lost", None, {"g1": 1.0}, cpu=5.0)]
    )
    assert names(plan(request_of(site, Trigger.UNSERVED_DEVICES)).moves) == ["s2", "s1", "lost"]
