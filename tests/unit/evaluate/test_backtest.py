"""How a backtest counts: by hand on a site of two gateways, and paired intervals on differences that are known."""

import numpy as np
import pytest

from tidegate.contracts.ids import DeviceId, GatewayId, ProfileName, SiteId
from tidegate.contracts.topology import DevicePlacement, Gateway, Link, Topology
from tidegate_training.evaluate.backtest_tally import Judge, Tally, exceedance, unavoidable
from tidegate_training.evaluate.paired import blocks_of, differences
from tidegate_training.evaluate.policies import NOWHERE
from tidegate_training.evaluate.scenario import Scenario, Traces


def scenario(demand):
    """Device a reaches both gateways (costs 1 and 3), b the second alone; capacity is 10."""
    reach = [[Link(GatewayId("g0"), 2.0, 1.0), Link(GatewayId("g1"), 6.0, 3.0)], [Link(GatewayId("g1"), 4.0, 2.0)]]
    devices = [
        DevicePlacement(DeviceId(name), ProfileName("vm"), links, links[0].gateway)
        for name, links in zip("ab", reach, strict=True)
    ]
    gateways = [Gateway(GatewayId(f"g{n}"), {"cpu": 10.0}) for n in range(2)]
    demand = np.array(demand, float)[:, :, None]
    return Scenario(Topology(SiteId("s"), 1, gateways, devices), Traces([], ["cpu"], np.arange(len(demand)), demand), [])


def test_a_tally_counts_what_followed_a_decision():
    site = scenario([[0, 0], [12, 5], [12, np.nan], [4, 7]])
    assigned = np.array([[0, 1], [NOWHERE, 1], [1, 1]])
    tally = Judge(site, 5.0).tally(assigned, np.array([0, 1]))
    assert tally.overloaded.tolist() == [1, 0, 1]
    assert tally.excess == pytest.approx([0.2, 0.0, 0.1])
    assert tally.unserved.tolist() == [0, 1, 0]
    assert tally.served.tolist() == [2, 0, 2]
    assert tally.waited_ms.tolist() == [6.0, 0.0, 10.0]
    assert tally.moves.tolist() == [0, 1, 1]
    assert tally.of(np.arange(3))["overload_minutes_per_day"] == pytest.approx(10.0 / (15 / 1440))


def test_only_devices_too_big_for_any_gateway_and_far_apart_are_proven_overloads():
    assert unavoidable(scenario([[0, 0], [9, 9], [11, 0], [11, 12]])).tolist() == [0, 1, 1]


def test_exceedance_holds_what_was_set_aside_against_the_load_of_the_same_devices_later():
    requests = np.array([[5.0, 5.0]] * 4)[:, :, None]
    demand = np.array([[0, 0], [0, 0], [6, 5], [3, 6]], float)[:, :, None]
    times, chances = exceedance(requests, np.array([[0, 1], [1, 1], [0, 1]]), demand, horizon=2)
    assert times.tolist() == [1, 0, 0]
    assert chances.tolist() == [2, 0, 0]


def tally_of(overloaded):
    ones, zeros = np.ones(len(overloaded)), np.zeros(len(overloaded))
    return Tally(1, 60.0, np.array(overloaded, float), zeros, zeros, ones, ones, zeros, zeros)


def test_a_difference_that_is_the_same_in_every_block_has_no_width():
    random = np.random.default_rng(0)
    theirs = random.integers(0, 3, 240)
    found = differences(tally_of(theirs + 1), tally_of(theirs), blocks_of(np.arange(240), 24))
    assert found["overload_minutes_per_day"] == pytest.approx([1440.0, 1440.0, 1440.0])
    assert found["latency_ms"] == [0.0, 0.0, 0.0]


def test_an_interval_covers_no_difference_where_there_is_none():
    random = np.random.default_rng(1)
    ours = random.integers(0, 3, 480)
    theirs = np.roll(ours, 240)
    middle, low, high = differences(tally_of(ours), tally_of(theirs), blocks_of(np.arange(480), 24))["overload_minutes_per_day"]
    assert low < 0 < high
    assert low <= middle <= high


def test_blocks_are_days_and_shorter_where_there_are_few_days():
    assert {len(block) for block in blocks_of(np.arange(10 * 24), 24)} == {24}
    assert {len(block) for block in blocks_of(np.arange(2 * 24), 24)} == {6}
