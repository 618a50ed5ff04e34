"""The smallest change that flips a move, on sites small enough to know it by hand: and half of it does not."""

from dataclasses import replace

import pytest
from small_site import device, gateway, request_of, topology

from tidegate.contracts.plan import ChangedPart, Counterfactual, Move, Trigger
from tidegate.contracts.topology import Topology
from tidegate.core.allocation import counterfactual, planner
from tidegate.core.allocation.counterfactual import STEPS_PER_TRY
from tidegate.core.allocation.planner import plan
from tidegate_training.evaluate.plan_checks import changed_topology, flips


def only_move(site: Topology, trigger: Trigger = Trigger.PERIOD) -> tuple[Move, Counterfactual]:
    request = request_of(site, trigger)
    (move,) = plan(request).moves
    assert move.counterfactual is not None
    assert flips(request, move)
    half = replace(move.counterfactual, by={name: amount / 2 for name, amount in move.counterfactual.by.items()})
    again = plan(request_of(changed_topology(site, move.device, half), trigger)).moves
    assert [each.target for each in again if each.device == move.device] == [move.target], "half of it is not enough"
    return move, move.counterfactual


def test_a_move_for_cost_is_flipped_by_a_dearer_link() -> None:
    site = topology([gateway("g1"), gateway("g2")], [device("a", "g1", {"g1": 5.0, "g2": 1.0})])
    _, flip = only_move(site)
    assert (flip.part, flip.gateway, flip.instead) == (ChangedPart.LINK_COST, "g2", "g1")
    assert flip.by["cost_per_hour"] == pytest.approx(4.0, rel=0.1)  # five less one, less the price of a move


def test_a_move_that_relieves_is_flipped_by_what_its_gateway_lacks() -> None:
    devices = [device(f"d{n}", "g1", {"g1": 0.0, "g2": 8.0}, cpu=6.0) for n in range(2)]
    _, flip = only_move(topology([gateway("g1"), gateway("g2")], devices), Trigger.FORECAST_OVERLOAD)
    assert (flip.part, flip.gateway, flip.instead) == (ChangedPart.CAPACITY, "g1", "g1")
    assert flip.by["cpu_millicores"] == pytest.approx(2.0, rel=0.01)


def test_a_rescue_with_one_way_out_is_flipped_by_less_room_there() -> None:
    site = topology([gateway("g1", cpu=4.0)], [device("a", None, cpu=3.0)])
    _, flip = only_move(site, Trigger.UNSERVED_DEVICES)
    assert (flip.part, flip.gateway, flip.instead) == (ChangedPart.CAPACITY, "g1", None)
    assert flip.by["cpu_millicores"] == pytest.approx(-1.0, rel=0.02)


def test_a_rescue_to_the_better_of_two_goes_to_the_other_when_its_link_gets_dearer() -> None:
    site = topology([gateway("g1"), gateway("g2")], [device("a", None, {"g1": 2.0, "g2": 5.0})])
    _, flip = only_move(site, Trigger.UNSERVED_DEVICES)
    assert (flip.part, flip.gateway, flip.instead) == (ChangedPart.LINK_COST, "g1", "g2")
    assert flip.by["cost_per_hour"] == pytest.approx(3.0, rel=0.1)


def test_no_other_way_and_no_limit_leave_nothing_to_name() -> None:
    (move,) = plan(request_of(topology([replace(gateway("g1"), capacity={})], [device("a", None)]))).moves
    assert move.counterfactual is None


def test_a_plan_in_need_whose_search_alone_is_longer_than_the_budget_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[Trigger] = []
    real = planner.search
    monkeypatch.setattr(planner, "search", lambda *given: searched.append(given[1]) or real(*given))
    monkeypatch.setattr(planner, "STEPS_IN_NEED", budget := 80)
    site = topology([gateway(f"g{n}", cpu=1e4) for n in range(4)], [device(f"d{n}", None, cpu=1.0 + n % 7) for n in range(150)])
    made = plan(request_of(site, Trigger.UNSERVED_DEVICES))
    assert (len(made.moves), len(searched)) == (150, 1)
    assert made.steps + STEPS_PER_TRY > budget


def test_on_a_large_site_setting_up_a_try_alone_may_be_more_than_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    site = topology([gateway("g1"), gateway("g2")], [device("a", None, {"g1": 2.0, "g2": 5.0}), device("b", "g1")])
    assert plan(request_of(site, Trigger.UNSERVED_DEVICES)).moves[0].counterfactual is not None
    monkeypatch.setattr(counterfactual, "DEVICES_PER_SETUP_STEP", 2 / planner.STEPS_IN_NEED)
    assert plan(request_of(site, Trigger.UNSERVED_DEVICES)).moves[0].counterfactual is None


def test_a_counterfactual_that_is_not_so_is_found_out() -> None:
    site = topology([gateway("g1"), gateway("g2")], [device("a", "g1", {"g1": 5.0, "g2": 1.0})])
    move, flip = only_move(site)
    assert not flips(request_of(site), replace(move, counterfactual=replace(flip, by={"cost_per_hour": 0.1})))
    assert not flips(request_of(site), replace(move, counterfactual=None))
