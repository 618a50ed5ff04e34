"""Suspect gateways: what is held against them, how fast it counts, what it costs them, and what it never does."""

from dataclasses import replace
from itertools import accumulate

import numpy as np
import pytest
from scipy.stats import fisher_exact
from small_site import NO_DEMAND, SITE, Worker, device, gateway, request_of, three_gateways, topology

from tidegate.contracts.ack import Ack, AckKind
from tidegate.contracts.codec import pack, unpack
from tidegate.contracts.command import CommandKind
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.views import GatewayView
from tidegate.core.allocation.allocator import Allocator
from tidegate.core.allocation.model import Suspect
from tidegate.core.allocation.planner import plan
from tidegate.core.allocation.suspicion import CHANCE, LONGEST_STEP_MS, RAMP_MS, excess_of, moved_on, withheld_shares
from tidegate.core.allocation.why_not import why_not
from tidegate.core.detection.results import Trouble

HOUR = 3600


def view(worker: Worker, name: str) -> GatewayView:
    return next(each for each in worker.allocator.gateway_views(SITE) if each.gateway == name)


def flap(worker: Worker, name: str, times: int) -> None:
    for _ in range(times):
        worker.settle(name)
        worker.later(1)
        worker.settle()
        worker.later(1)


def watch(worker: Worker, seconds: float, every: float = 60) -> None:
    """Reviews, once a minute or as told."""
    for _ in range(int(seconds // every)):
        worker.settle()
        worker.later(every)


def test_suspicion_takes_ten_minutes_from_nothing_to_full_and_as_long_back() -> None:
    minutes = RAMP_MS // LONGEST_STEP_MS
    up = list(accumulate(range(minutes), lambda level, _: moved_on(level, 1.0, LONGEST_STEP_MS), initial=0.0))
    assert up == pytest.approx([minute / 10 for minute in range(11)])
    assert moved_on(0.75, 0.0, 30_000) == pytest.approx(0.7)
    assert moved_on(0.01, 0.0, 30_000) == 0.0


def test_an_hour_without_a_look_moves_it_no_further_than_a_minute() -> None:
    assert moved_on(0.0, 1.0, HOUR * 1000) == moved_on(0.0, 1.0, LONGEST_STEP_MS)
    assert moved_on(0.5, 1.0, -5) == 0.5


@pytest.mark.parametrize(
    ("troubled", "devices", "suspects"),
    [
        ([10, 0, 0], [10, 20, 20], [True, False, False]),
        ([10, 10, 10], [10, 10, 10], [False, False, False]),
        ([1, 0], [1, 1], [False, False]),
        ([2, 1], [10, 10], [False, False]),
        ([10], [10], [False]),
        ([4, 0], [4, 40], [False, False]),
        ([6, 0], [6, 40], [True, False]),
        ([0, 0], [0, 0], [False, False]),
    ],
    ids=[
        "clear",
        "all of the site",
        "one of one",
        "chance",
        "nobody to compare with",
        "four may be chance",
        "six are not",
        "nobody",
    ],
)
def test_only_what_the_rest_of_the_site_does_not_show_is_held_against_a_gateway(
    troubled: list[int], devices: list[int], suspects: list[bool]
) -> None:
    excess = excess_of(np.array(troubled), np.array(devices))
    assert [bool(each > 0) for each in excess] == suspects
    assert (excess <= 1).all()


def test_trouble_that_meets_at_a_gateway_by_chance_makes_nobody_suspect_in_a_week_of_looks() -> None:
    random, devices = np.random.default_rng(0), np.full(12, 15)
    ill = random.binomial(1, 0.05, (10_000, 12, 15)).sum(axis=2)
    assert max(excess_of(each, devices).max() for each in ill) == 0.0


@pytest.mark.parametrize("seed", range(20))
def test_chance_is_ruled_out_as_by_fishers_exact_test(seed: int) -> None:
    random = np.random.default_rng(seed)
    devices = random.integers(1, 60, 6)
    troubled = random.binomial(devices, [0.6, 0.1, 0.1, 0.1, 0.1, 0.1])
    rest, of_rest = troubled.sum() - troubled, devices.sum() - devices
    tables = np.stack([troubled, devices - troubled, rest, of_rest - rest], axis=1).reshape(-1, 2, 2)
    sure = [fisher_exact(table, alternative="greater").pvalue <= CHANCE / len(devices) for table in tables]
    suspects = excess_of(troubled, devices) > 0
    assert not (suspects & ~np.array(sure)).any()
    assert suspects[0] or not sure[0]


def test_what_is_withheld_is_at_most_a_tenth_of_the_site_of_its_scarcest_resource() -> None:
    capacity = np.array([[10.0, 1.0], [10.0, 1.0], [10.0, 8.0]])
    shares = withheld_shares(np.array([1.0, 0.5, 0.0]), capacity, 0.1)
    assert shares == pytest.approx([0.2, 0.1, 0.0])
    assert (shares[:, None] * capacity).sum(axis=0) == pytest.approx([3.0, 0.3])


def test_of_the_unlimited_nothing_is_withheld() -> None:
    assert withheld_shares(np.array([1.0, 0.0]), np.array([[np.inf], [10.0]]), 0.1) == pytest.approx([1.0, 0.0])
    site = topology([gateway("g1"), replace(gateway("g2"), capacity={})], [device("a", None, {"g2": 0.0})])
    made = plan(request_of(site, suspects=[Suspect("g2", 1.0, "suspect")]))
    assert [move.target for move in made.moves] == ["g2"]


def test_a_gateway_that_came_back_three_times_is_suspect_and_says_so() -> None:
    worker = three_gateways(cooldown_seconds=60)
    flap(worker, "g3", 3)
    assert 0.0 < view(worker, "g3").suspicion < 0.01
    assert view(worker, "g3").withheld == 0.0, "it is still on hold and takes nobody anyway"
    watch(worker, 900)
    found = view(worker, "g3")
    assert found.suspicion == 0.75
    assert found.withheld == pytest.approx(0.3), "a tenth of the three gateways' capacity"
    assert found.suspected_of == "suspect: returned from silence 3 times, last 14 min ago, 30.0% of its capacity withheld"
    assert (view(worker, "g1").suspicion, view(worker, "g1").suspected_of) == (0.0, "")
    assert worker.allocator.suspect_gateways() == 1


def test_why_not_tells_a_device_that_a_suspect_has_no_room_for_it_and_why() -> None:
    devices = [device("a", "g1", cpu=9.0), device("b", "g2", {"g1": 0.0, "g2": 5.0}, cpu=8.0)]
    worker = Worker(topology([gateway(name) for name in ("g1", "g2", "g3")], devices), cooldown_seconds=60)
    flap(worker, "g3", 3)
    watch(worker, 900)
    (there,) = why_not(worker.allocator.view(SITE, worker.now_ms), "b", "g1").gateways
    assert there.refusal == "cpu_millicores short by 7"
    (there,) = why_not(worker.allocator.view(SITE, worker.now_ms), "a", "g3").gateways
    assert there.refused_by == "room"
    assert there.refusal == (
        "cpu_millicores short by 2; suspect: returned from silence 3 times, last 14 min ago, 30.0% of its capacity withheld"
    )


def test_a_device_that_nobody_serves_is_given_what_is_withheld() -> None:
    site = topology([gateway("g1"), gateway("g2")], [device("a", None, {"g1": 0.0}, cpu=9.0)])
    worker = Worker(site, cooldown_seconds=60, auto_approve=False)
    flap(worker, "g1", 3)
    watch(worker, 900)
    assert view(worker, "g1").withheld == pytest.approx(0.2)
    (there,) = why_not(worker.allocator.view(SITE, worker.now_ms), "a", "g1").gateways
    assert (there.refused_by, there.decided_by) == (None, "unserved")
    made = worker.allocator.open_plan(SITE)
    assert made is not None
    worker.command(CommandKind.APPROVE_PLAN, plan_id=made.id, digest=made.digest)
    assert worker.where() == {"a": "g1"}


def test_who_a_suspect_gateway_serves_stays_there() -> None:
    devices = [device(f"d{n}", "g1", cpu=0.05) for n in range(20)] + [device(f"e{n}", "g2", cpu=0.1) for n in range(20)]
    worker = Worker(topology([gateway("g1", 2.0), gateway("g2"), gateway("g3")], devices))
    where, troubles = worker.where(), [Trouble(f"d{n}", worker.now_ms) for n in range(20)]
    for _ in range(60):
        worker._take(worker.allocator.review(SITE, worker.now_ms, NO_DEMAND, frozenset(), troubles))
        worker.answer()
        worker.later(60)
    assert view(worker, "g1").suspicion > 0.6
    assert view(worker, "g1").withheld > 0.6, "a small gateway of a large site loses all that is doubted"
    assert worker.where() == where
    assert "20 of its 20 devices have anomalies" in view(worker, "g1").suspected_of


def test_an_anomaly_soon_after_a_hand_over_blames_the_move_and_one_from_before_came_along() -> None:
    devices = [device(f"d{n}", "g1", cpu=0.1) for n in range(20)] + [device(f"e{n}", "g3", cpu=0.1) for n in range(20)]
    worker = Worker(topology([gateway("g1"), gateway("g2"), gateway("g3")], devices), cooldown_seconds=900)
    worker.settle("g1")
    moved_ms = worker.now_ms
    at = [name for name, where in worker.where().items() if where == "g2" and name.startswith("d")]
    assert len(at) >= 10
    for opened_ms, suspect in ((moved_ms - 1, False), (moved_ms + 899_999, False), (moved_ms + 900_000, True)):
        troubles = [Trouble(name, opened_ms) for name in at]
        for _ in range(5):
            worker.later(60)
            worker.allocator.review(SITE, worker.now_ms, NO_DEMAND, frozenset({"g1"}), troubles)
        assert (view(worker, "g2").suspicion > 0) is suspect


def test_a_refusal_of_room_counts_once_and_is_forgotten() -> None:
    worker = three_gateways(cooldown_seconds=60)
    for name in ("g1", "g2", "g3"):
        worker.allocator.hear(Ack(SITE, name, AckKind.HEARTBEAT, worker.now_ms, leases=True), worker.now_ms)
    worker.settle()
    worker.command(CommandKind.DRAIN, gateway="g1")
    worker.settle()
    asked = {a.coming.gateway for a in worker.allocator.assignments(SITE) if a.coming is not None}
    assert asked
    worker.later(31)  # nobody answers within `reserve_seconds`
    worker.allocator.advance(worker.now_ms)
    worker.review()
    worker.later(1)
    worker.review()
    for name in asked:
        found = view(worker, name)
        assert 0.0 < found.suspicion < 0.01
    worker.later(29)
    for _ in range(5):
        worker.review()
        worker.later(60)
    assert max(view(worker, name).suspicion for name in asked) == 0.25
    assert any("gave no room 1 time" in view(worker, name).suspected_of for name in asked)
    for _ in range(70):
        worker.review()
        worker.later(60)
    assert worker.allocator.suspect_gateways() == 0


def test_after_long_enough_a_gateway_is_trusted_again_and_the_next_death_is_its_first() -> None:
    worker = three_gateways(cooldown_seconds=900)
    flap(worker, "g3", 3)
    watch(worker, 3 * HOUR - 120)
    assert view(worker, "g3").suspicion == 0.75
    watch(worker, 1200)
    assert view(worker, "g3").suspicion == 0.0
    flap(worker, "g3", 1)
    watch(worker, 1200)
    assert "returned from silence 1 time," in view(worker, "g3").suspected_of


def test_a_gateway_on_hold_for_long_is_not_trusted_before_it_has_lived_as_long_again() -> None:
    worker = three_gateways(cooldown_seconds=900)
    flap(worker, "g3", 8)  # on hold for a day
    watch(worker, 47 * HOUR, every=600)
    assert view(worker, "g3").suspicion == 1.0
    watch(worker, 4 * HOUR, every=600)
    assert view(worker, "g3").suspicion == 0.0


def test_uncordon_trusts_a_gateway_again_at_once() -> None:
    worker = three_gateways(cooldown_seconds=60)
    flap(worker, "g3", 3)
    watch(worker, 900)
    worker.command(CommandKind.UNCORDON, gateway="g3")
    worker.settle()
    assert view(worker, "g3").suspicion == 0.0


def test_a_share_of_0_suspects_nobody() -> None:
    worker = three_gateways(cooldown_seconds=60, suspicion_share=0.0)
    flap(worker, "g3", 3)
    watch(worker, 900)
    assert (view(worker, "g3").suspicion, worker.allocator.suspect_gateways()) == (0.0, 0)


def test_suspicion_outlives_a_restart_and_a_snapshot_from_before_it_has_none() -> None:
    worker = three_gateways(cooldown_seconds=60)
    flap(worker, "g3", 3)
    watch(worker, 900)
    configuration = CoreConfiguration({}, allocation=AllocationSettings(cooldown_seconds=60))
    exported = worker.allocator.export_state()
    again = Allocator.restore(configuration, exported)
    assert again.digest() == worker.allocator.digest()
    assert again.gateway_views(SITE) == worker.allocator.gateway_views(SITE)
    older = unpack(exported["sites"][0], dict)
    del older["suspicions"]
    assert Allocator.restore(configuration, exported | {"sites": [pack(older)]}).suspect_gateways() == 0


def test_a_gateway_that_leaves_the_topology_takes_its_suspicion_along() -> None:
    worker = three_gateways(cooldown_seconds=60)
    flap(worker, "g3", 3)
    watch(worker, 900)
    site = worker.allocator.topology(SITE)
    assert site is not None
    worker.command(CommandKind.SET_TOPOLOGY, topology=replace(site, revision=2, gateways=site.gateways[:2]))
    worker.command(CommandKind.SET_TOPOLOGY, topology=replace(site, revision=3))
    worker.review()
    assert view(worker, "g3").suspicion == 0.0
