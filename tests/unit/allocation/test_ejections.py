"""Devices that step aside in turn and in groups: who gets a place by them, in which order, and within which limits."""

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


def crumbs(cpu: float = 6.0, at: str | None = None, settings: AllocationSettings | None = None, **situation) -> PlanRequest:
    """`large` fits on g1 once several of its small devices are on g2 and g3, which have room for two of them each."""
    small = [device(f"s{n}", "g1", {"g1": 1.0, "g2": 2.0, "g3": 3.0}, cpu=2.0) for n in range(1, 6)]
    others = [device(f"o{n}", f"g{n}", {f"g{n}": 1.0}, cpu=6.0) for n in (2, 3)]
    homes = {"g1": 1.0} | ({at: 1.0} if at else {})
    gateways = [gateway(f"g{n}", 10.0) for n in (1, 2, 3)] + ([gateway(at, 10.0)] if at else [])
    site = topology(gateways, [*small, *others, device("large", at, homes, cpu=cpu)])
    return request_of(site, Trigger.UNSERVED_DEVICES, settings, **situation)


def test_several_small_devices_step_aside_for_a_large_one() -> None:
    made = plan(crumbs())
    assert made.unserved == []
    assert [move.device for move in made.moves][-1] == "large"
    assert sorted(move.target for move in made.moves[:-1]) == ["g2", "g2", "g3"]
    assert all("makes room on g1 for large" in move.reason for move in made.moves[:-1])


def test_no_more_step_aside_than_are_needed() -> None:
    assert len(plan(crumbs(cpu=4.0)).moves) == 3


def test_nobody_steps_aside_where_that_would_not_suffice() -> None:
    made = plan(crumbs(cpu=9.5))
    assert (made.moves, names(made.unserved)) == ([], ["large"])


def test_nobody_steps_aside_for_a_large_one_if_the_last_of_the_group_could_not() -> None:
    made = plan(crumbs(settings=AllocationSettings(max_moves_per_plan=2)))
    assert (made.moves, names(made.unserved)) == ([], ["large"])


def test_several_step_aside_for_one_that_must_leave_a_draining_gateway() -> None:
    made = plan(crumbs(at="g4", draining=["g4"]))
    assert made.misplaced == []
    assert made.moves[-1].device == "large"
    assert made.moves[-1].reason.startswith("g4 is draining; g1 has room")


def test_those_who_step_aside_and_who_must_leave_are_within_the_limit_of_moves_together() -> None:
    made = plan(crumbs(at="g4", draining=["g4"], settings=AllocationSettings(max_moves_per_plan=3)))
    assert (made.moves, names(made.misplaced)) == ([], ["large"])


def test_an_overload_is_relieved_by_one_for_whom_others_step_aside() -> None:
    """g1 has grown: `large` is to leave, g2 has no room for it before `small` has gone to g3."""
    large = device("large", "g1", {"g1": 1.0, "g2": 1.0}, cpu=5.0)
    stays = device("stays", "g1", {"g1": 1.0}, cpu=6.0)
    small = device("small", "g2", {"g2": 1.0, "g3": 5.0}, cpu=3.0)
    rest = [device("rest", "g2", {"g2": 1.0}, cpu=4.0), device("other", "g3", {"g3": 1.0}, cpu=6.0)]
    site = topology([gateway(f"g{n}", 10.0) for n in (1, 2, 3)], [large, stays, small, *rest])
    made = plan(request_of(site, Trigger.FORECAST_OVERLOAD))
    assert [(move.device, move.target) for move in made.moves] == [("small", "g3"), ("large", "g2")]
    assert made.moves[0].reason.startswith("makes room on g2 for large")
    assert made.moves[1].reason.startswith("relieves g1 of 10.0% of its capacity in overload")
    assert (made.before.overload, made.after.overload) == (pytest.approx(0.1), 0.0)
