"""Censored samples: when use is only a lower bound of demand, what is asked then, how it ends, and where it is told."""

from dataclasses import replace

import numpy as np
import pytest
from small_site import SITE, Worker, device, gateway, topology

from tidegate.contracts.codec import pack, unpack
from tidegate.contracts.command import CommandKind
from tidegate.contracts.topology import MAX_AMOUNT, DevicePlacement, Gateway, Topology
from tidegate.core.allocation.advice import advice
from tidegate.core.allocation.allocator import Allocator
from tidegate.core.allocation.censoring import RELEASED_AFTER
from tidegate.core.demand import SiteDemand
from tidegate.errors import InputError

NAN = float("nan")
CPU = "cpu_millicores"
ALL, LITTLE = {"a": 4.0, "b": 3.0, "c": 3.0}, {"a": 1.0, "b": 1.0, "c": 1.0}
"""What a, b and c use of a gateway of 10: just what it has, and little of it."""


def plain(name: str, at: str | None = "g1") -> DevicePlacement:
    """A device whose demand is what its readings say."""
    return replace(device(name, at), demand={})


class Fleet(Worker):
    """Devices of a site that send a sample with each review: what they use, and what is forecast of it. Grants stay."""

    def __init__(self, site: Topology) -> None:
        super().__init__(site, renew_grants=False)

    def hear(self, used: dict[str, float], asks: dict[str, float] | None = None, times: int = 1) -> dict[str, float]:
        """Reviews of `times` further samples; what each device asks then. Without `asks`, forecasts follow what is used."""
        for _ in range(times):
            self.later(1)
            asked = np.array([list((used if asks is None else asks).values())]).T
            sample = np.array([list(used.values())]).T
            rows = (asked, np.zeros((len(used), 1, 4, 7)), asked, sample)
            stamps = np.full(len(used), self.now_ms, np.int64)
            self.review(demand=SiteDemand(SITE, list(used), ["sensor"] * len(used), stamps, [CPU], *rows))
        return self.asks()

    def asks(self) -> dict[str, float]:
        request = self.allocator.view(SITE, self.now_ms).request
        assert request is not None
        column = request.situation.resources.index(CPU)
        pairs = zip(request.topology.devices, request.situation.demand, strict=True)
        return {each.id: row[column] for each, row in pairs}

    def marked(self) -> dict[str, list[str]]:
        return self.allocator.censored(SITE)


def full_gateway() -> Fleet:
    """g1 of 10 serves a, b and c, which asked 6, 4 and 3 when it was not full; g2 takes nobody yet. Then it is full."""
    fleet = Fleet(topology([gateway("g1"), gateway("g2", 20.0)], [plain(name) for name in "abc"]))
    fleet.command(CommandKind.CORDON, gateway="g2")
    fleet.hear({"a": 2.0, "b": 1.0, "c": 1.0}, {"a": 6.0, "b": 4.0, "c": 3.0})
    return fleet


def granted_less() -> Fleet:
    """a came to g1 with a grant of 4 by a plan, and asks 6 since; there is room for much more."""
    fleet = Fleet(topology([gateway("g1", 100.0)], [plain("a", None)]))
    fleet.hear({"a": 3.0}, {"a": 4.0})
    fleet.answer()
    (given,) = fleet.allocator.assignments(SITE)
    assert given.grant[CPU] == 4.0
    fleet.hear({"a": 3.0}, {"a": 6.0})
    return fleet


def test_at_a_full_gateway_devices_ask_what_they_asked_before_whatever_they_get() -> None:
    fleet = full_gateway()
    assert fleet.marked() == {}
    assert fleet.hear(ALL) == {"a": 6.0, "b": 4.0, "c": 3.0}
    assert fleet.marked() == {}, "it may be on its way past it"
    assert fleet.hear(ALL) == {"a": 6.0, "b": 4.0, "c": 3.0}
    assert fleet.marked() == {name: [CPU] for name in "abc"}
    assert fleet.hear(ALL, times=500) == {"a": 6.0, "b": 4.0, "c": 3.0}


def test_what_is_forecast_beyond_that_counts_while_it_is_forecast_and_is_not_held() -> None:
    fleet, used = full_gateway(), ALL
    assert fleet.hear(used, {"a": 9.0, "b": 3.0, "c": 3.0})["a"] == 9.0
    assert fleet.hear(used)["a"] == 6.0


@pytest.mark.parametrize("total", [9.89, 10.11], ids=["not quite full", "more than it has"])
def test_a_gateway_bounds_its_devices_only_when_they_use_just_what_it_has(total: float) -> None:
    fleet = full_gateway()
    used = {"a": total - 6.0, "b": 3.0, "c": 3.0}
    assert fleet.hear(used) == used
    assert fleet.marked() == {}


def test_three_samples_that_are_not_bounded_end_it_and_two_do_not() -> None:
    fleet = full_gateway()
    fleet.hear(ALL, times=2)
    assert fleet.hear(LITTLE, times=RELEASED_AFTER - 1)["a"] == 6.0
    assert fleet.marked() == {}, "the latest sample is none, though something is held"
    fleet.hear(ALL)
    assert fleet.hear(LITTLE, times=RELEASED_AFTER - 1)["a"] == 6.0, "it was censored in between"
    assert fleet.hear(LITTLE) == LITTLE


def test_a_load_that_passes_a_bound_holds_nobody() -> None:
    fleet, more = full_gateway(), {"a": 6.0, "b": 4.0, "c": 3.0}
    for used in (ALL, more, ALL, LITTLE):
        fleet.hear(used)
        assert fleet.marked() == {}
    assert fleet.asks() == LITTLE


def test_reviews_without_a_new_sample_change_nothing() -> None:
    fleet = full_gateway()
    fleet.hear(ALL, times=2)
    fleet.hear(LITTLE)
    before = fleet.allocator.digest()
    fleet.now_ms -= 1000
    assert fleet.hear(LITTLE, times=1)["a"] == 6.0
    assert fleet.allocator.digest() == before


def test_a_device_at_its_grant_that_asked_more_asks_it_still() -> None:
    fleet = granted_less()
    assert fleet.hear({"a": 4.0}, times=50) == {"a": 6.0}
    assert fleet.marked() == {"a": [CPU]}


def test_when_it_moves_it_is_given_what_it_asked_and_not_what_it_got() -> None:
    fleet = granted_less()
    fleet.hear({"a": 4.0}, times=50)
    gateways = [gateway("g1", 100.0), gateway("g2", 100.0)]
    fleet.command(CommandKind.SET_TOPOLOGY, topology=topology(gateways, [plain("a", None)], 2))
    fleet.command(CommandKind.DRAIN, gateway="g1")
    fleet.hear({"a": 4.0})
    fleet.answer()
    (given,) = fleet.allocator.assignments(SITE)
    assert (given.gateway, given.grant[CPU]) == ("g2", 6.0)
    assert fleet.hear({"a": 5.0}, times=RELEASED_AFTER) == {"a": 5.0}


@pytest.mark.parametrize(
    ("used", "asked"), [(3.95, 4.03), (3.97, 6.0), (4.03, 6.0)], ids=["not short", "short", "a hundredth above counts as at it"]
)
def test_the_grant_has_to_be_less_than_is_asked_and_is_met_within_a_hundredth(used: float, asked: float) -> None:
    fleet = granted_less()
    fleet.hear({"a": 3.0}, {"a": asked})
    fleet.hear({"a": used}, times=2)
    assert bool(fleet.marked()) == (asked == 6.0)


def test_where_a_grant_was_exceeded_grants_bound_nobody() -> None:
    fleet = Fleet(topology([gateway("g1", 100.0)], [plain("a", None), plain("b", None)]))
    fleet.hear({"a": 3.0, "b": 3.0}, {"a": 4.0, "b": 4.0})
    fleet.answer()
    fleet.hear({"a": 3.0, "b": 3.0}, {"a": 6.0, "b": 6.0})
    assert fleet.hear({"a": 5.0, "b": 4.0}, times=3) == {"a": 5.0, "b": 4.0}, (
        "b is at its grant, and a shows that it may use more"
    )
    assert fleet.marked() == {}
    fleet.restart()
    fleet.hear({"a": 3.0, "b": 3.0}, {"a": 6.0, "b": 6.0})
    assert fleet.hear({"a": 3.0, "b": 4.0}, times=3) == {"a": 3.0, "b": 4.0}, "that is not forgotten"


def test_a_sample_that_may_be_from_before_a_grant_does_not_exceed_it() -> None:
    fleet = Fleet(topology([gateway("g1", 100.0)], [plain("a", None)]))
    fleet.hear({"a": 3.0}, {"a": 4.0})
    fleet.answer()
    fleet.hear({"a": 8.0}, {"a": 8.0})
    assert fleet.hear({"a": 4.0}, times=2) == {"a": 8.0}
    assert fleet.marked() == {"a": [CPU]}


def test_a_grant_of_nothing_bounds_nothing() -> None:
    fleet = Fleet(topology([gateway("g1", 100.0)], [plain("a")]))
    (given,) = fleet.allocator.assignments(SITE)
    assert given.grant[CPU] == 0.0
    fleet.hear({"a": 3.0}, {"a": 6.0})
    assert fleet.hear({"a": 0.0}) == {"a": 0.0}


def test_who_is_served_nowhere_and_uses_nothing_asks_what_it_asked_and_who_uses_something_is_believed() -> None:
    fleet = Fleet(topology([gateway("g1", 1.0)], [plain("a"), plain("b")]))
    fleet.hear({"a": 0.5, "b": 0.3}, {"a": 5.0, "b": 5.0})
    fleet.command(CommandKind.SET_TOPOLOGY, topology=topology([gateway("g2", 1.0)], [plain("a", None), plain("b", None)], 2))
    assert fleet.where() == {"a": None, "b": None}
    fleet.hear({"a": 0.5, "b": 0.3}, {"a": 5.0, "b": 5.0})
    assert fleet.hear({"a": 0.0, "b": 0.2}, times=2) == {"a": 5.0, "b": 0.2}
    assert fleet.marked() == {"a": [CPU]}


@pytest.mark.parametrize("bad", [NAN, float("inf"), -1.0, 1e300])
def test_samples_that_are_no_amounts_hold_nothing_and_break_nothing(bad: float) -> None:
    fleet = full_gateway()
    found = fleet.hear({"a": bad, "b": 3.0, "c": 3.0}, {"a": bad, "b": 3.0, "c": 3.0}, times=2)
    assert all(0 <= amount <= MAX_AMOUNT for amount in found.values())
    assert "a" not in fleet.marked()
    unpack(pack(fleet.allocator.export_state()), dict)


def test_a_gateway_without_a_limit_and_one_of_nothing() -> None:
    unlimited, nothing = Gateway("g1", {}), Gateway("g2", {CPU: 0.0})
    fleet = Fleet(topology([unlimited, nothing], [plain("a", "g1"), plain("b", "g2")]))
    fleet.hear({"a": 3.0, "b": 3.0})
    assert fleet.hear({"a": 1e18, "b": 0.0}, times=2) == {"a": 1e18, "b": 3.0}
    assert fleet.marked() == {"b": [CPU]}, "of nothing it was given all"


def test_what_the_topology_says_of_demand_stands_whatever_is_used() -> None:
    fleet = Fleet(topology([gateway("g1", 4.0)], [device("a", "g1", cpu=4.0), device("b", None, cpu=4.0)]))
    assert fleet.hear({"a": 4.0, "b": 0.0}, {"a": 9.0, "b": 9.0}) == {"a": 4.0, "b": 4.0}
    assert fleet.marked() == {}


def test_a_device_without_readings_holds_nothing_any_more() -> None:
    fleet = full_gateway()
    fleet.hear(ALL, times=2)
    assert fleet.hear({"b": 3.0, "c": 3.0}) == {"a": 0.0, "b": 4.0, "c": 3.0}
    assert "a" not in fleet.marked()


def test_a_new_topology_keeps_what_is_held_of_whoever_stays() -> None:
    fleet = full_gateway()
    fleet.hear(ALL, times=2)
    gateways = [gateway("g0", 1.0), gateway("g1"), gateway("g2", 20.0)]
    fleet.command(CommandKind.SET_TOPOLOGY, topology=topology(gateways, [plain("new", None), plain("b"), plain("a")], 2))
    fleet.command(CommandKind.CORDON, gateway="g2")
    found = fleet.hear({"a": 4.0, "b": 3.0, "c": 3.0, "new": 0.0})
    assert found == {"new": 0.0, "b": 4.0, "a": 6.0}


def test_a_restart_at_any_time_changes_nothing() -> None:
    steps = [
        ALL,
        ALL,
        LITTLE,
        ALL,
        *[LITTLE] * 4,
    ]
    kept, restarted = full_gateway(), full_gateway()
    for used in steps:
        restarted.restart()
        assert restarted.hear(used) == kept.hear(used)
        assert restarted.allocator.digest() == kept.allocator.digest()


def test_a_snapshot_from_before_there_was_any_of_this_is_taken() -> None:
    fleet = full_gateway()
    exported = unpack(pack(fleet.allocator.export_state()), dict)
    older = unpack(exported["sites"][0], dict)
    del older["censoring"]
    fleet.allocator = Allocator.restore(fleet.configuration, exported | {"sites": [pack(older)]})
    assert fleet.hear(ALL, times=2) == {"a": 6.0, "b": 4.0, "c": 3.0}


@pytest.mark.parametrize(
    "spoiled",
    [
        {"lax": [99]},
        {"held": {99: 1.0}, "sure": {99: 1}},
        {"held": {-1: 1.0}, "sure": {-1: 1}},
        {"sure": {}},
        {"epoch": [1]},
    ],
    ids=["no such cell", "none held", "before the first", "not how sure", "of one device"],
)
def test_a_snapshot_of_another_site_is_refused(spoiled: dict[str, object]) -> None:
    fleet = full_gateway()
    fleet.hear(ALL, times=2)
    exported = unpack(pack(fleet.allocator.export_state()), dict)
    other = unpack(exported["sites"][0], dict)
    other["censoring"] |= spoiled
    with pytest.raises(InputError, match="of another site"):
        Allocator.restore(fleet.configuration, exported | {"sites": [pack(other)]})


def test_operators_see_who_is_at_the_limit_and_where() -> None:
    fleet = full_gateway()
    fleet.hear(ALL, times=2)
    assert [(view.gateway, view.devices, view.censored) for view in fleet.allocator.gateway_views(SITE)] == [
        ("g1", 3, 3),
        ("g2", 0, 0),
    ]
    assert fleet.allocator.censored_devices() == 3
    assert fleet.allocator.censored("elsewhere") == {}


def test_advice_says_that_what_is_missing_is_missing_at_least() -> None:
    fleet = full_gateway()
    assert advice(fleet.allocator.view(SITE, fleet.now_ms)).censored == {}
    fleet.hear(ALL, times=2)
    told = advice(fleet.allocator.view(SITE, fleet.now_ms))
    assert told.censored == {CPU: 3}
    assert told.growth == pytest.approx(10.0 / 13.0), "by what they ask, and not by what they get"
