"""Grants that follow what devices ask: when, how far, in which words, and what keeps them as they are."""

from dataclasses import replace

import numpy as np
import pytest
from small_site import SITE, Worker, demand_of, device, gateway, topology

from tidegate.contracts.codec import pack
from tidegate.contracts.command import CommandKind
from tidegate.contracts.plan import Assignment, Phase
from tidegate.contracts.topology import DevicePlacement, Gateway

CPU = "cpu_millicores"


def plain(name: str, at: str | None = "g1", priority: float = 1.0) -> DevicePlacement:
    """A device whose demand is what its readings say."""
    return replace(device(name, at), demand={}, priority=priority)


def worker(*devices: DevicePlacement, cpu: float = 10.0, **more: object) -> Worker:
    return Worker(topology([gateway("g1", cpu)], list(devices)), **more)


def ask(site: Worker, used: dict[str, float] | None = None, **asks: float) -> list[Assignment]:
    """A review after readings by which devices ask so much, and use so much (as long as nothing is said: nothing)."""
    site.later(1)
    told = demand_of(asks)
    if used is not None:
        stamps = np.full(len(asks), site.now_ms, np.int64)
        told = replace(told, sample=np.array([[used[name]] for name in asks]), event_time_ms=stamps)
    return site.review(demand=told).assignments


def grants(site: Worker) -> dict[str, float]:
    return {each.device: each.grant[CPU] for each in site.allocator.assignments(SITE)}


def test_a_grant_follows_what_is_asked_and_half_of_what_is_left_is_given_beyond() -> None:
    site = worker(plain("a"), plain("b"))
    (a, b) = ask(site, a=2.0, b=1.0)
    assert grants(site) == {"a": 4.0, "b": 2.0}, "what is asked twice over, since there is room"
    assert a.reason == "granted anew: cpu_millicores 0 → 4"
    assert (a.epoch, a.phase, a.plan_id, a.granted_at_ms) == (1, Phase.ACTIVE, None, site.now_ms)
    assert a.assigned_at_ms < site.now_ms
    assert a.is_renewal and b.is_renewal
    assert ask(site, a=2.0, b=1.0) == []


def test_what_nobody_else_needs_is_not_taken_back() -> None:
    site = worker(plain("a"))
    ask(site, a=4.0)
    assert ask(site, a=0.5) == []
    assert grants(site) == {"a": 7.0}


def test_what_others_need_is_taken_back_first_and_given_at_the_next_review() -> None:
    site = worker(plain("a"), plain("b"))
    ask(site, a=6.0, b=1.0)
    assert grants(site) == pytest.approx({"a": 6.0 + 0.75, "b": 1.0 + 0.75})
    ask(site, a=1.0, b=7.0)
    assert grants(site) == pytest.approx({"a": 1.0 + 0.5, "b": 1.75 + 1.5}), "b gets what was free"
    ask(site, a=1.0, b=7.0)
    assert grants(site) == pytest.approx({"a": 1.0 + 0.5, "b": 7.0 + 0.5}), "and now what a gave up"
    assert ask(site, a=1.0, b=7.0) == []


def test_small_differences_are_let_be() -> None:
    site = worker(plain("a"), plain("b"))
    ask(site, a=9.0, b=1.0)
    assert grants(site) == {"a": 9.0, "b": 1.0}
    assert ask(site, a=9.4, b=0.6) == []
    assert ask(site, a=8.0, b=2.0) != []


def test_where_it_is_short_shares_are_weighted_max_min_and_say_what_was_asked() -> None:
    site = worker(plain("a", priority=2.0), plain("b"), plain("c"))
    changed = ask(site, a=20.0, b=20.0, c=1.0)
    assert grants(site) == pytest.approx({"a": 6.0, "b": 3.0, "c": 1.0})
    assert changed[0].reason == "granted anew: cpu_millicores 0 → 6 of 20 asked"
    (view,) = site.allocator.gateway_views(SITE)
    assert view.granted == pytest.approx({CPU: 10.0, "devices": 3.0})
    assert view.short == 2
    assert site.allocator.short_devices() == 2


def test_a_device_at_its_grant_is_given_more_until_it_shows_what_it_needs() -> None:
    site, wants = worker(plain("a"), cpu=100.0), 30.0
    used = []
    for _ in range(9):
        used.append(min(wants, grants(site)["a"] or 1.0))
        ask(site, {"a": used[-1]}, a=used[-1])
    assert used == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]
    assert grants(site)["a"] >= wants * 1.25


@pytest.mark.parametrize(
    ("kind", "back"), [(CommandKind.FREEZE, CommandKind.THAW), (CommandKind.STOP_ALLOCATION, CommandKind.RESUME_ALLOCATION)]
)
def test_while_the_site_is_frozen_or_stopped_grants_stay_as_they_are(kind: CommandKind, back: CommandKind) -> None:
    site = worker(plain("a"))
    site.command(kind)
    assert ask(site, a=4.0) == []
    site.command(back)
    assert ask(site, a=4.0) != []


def test_a_guarded_site_and_one_without_allocation_grant_nothing_anew() -> None:
    site = worker(plain("a"), mass_failure_share=0.5)
    site.later(1)
    assert site.review("g1", demand=demand_of({"a": 4.0})).assignments == []
    assert ask(site, a=4.0) != [], "the gateway is back, and the guard is off"
    for setting in ("enabled", "renew_grants"):
        assert ask(worker(plain("a"), **{setting: False}), a=4.0) == []


def test_a_silent_gateway_is_told_nothing() -> None:
    site = Worker(topology([gateway("g1"), gateway("g2"), gateway("g3")], [plain("a", "g1"), plain("b", "g2")]))
    site.later(1)
    changed = site.review("g1", demand=demand_of({"a": 2.0, "b": 2.0})).assignments
    assert [each.device for each in changed] == ["b"]


def test_room_that_a_coming_device_was_promised_is_not_given_away() -> None:
    site = Worker(topology([gateway("g1"), gateway("g2")], [plain("a", "g1"), plain("b", "g2")]))
    ask(site, a=4.0, b=3.0)
    assert grants(site) == {"a": 7.0, "b": 6.0}
    site.command(CommandKind.DRAIN, gateway="g2")
    ask(site, a=4.0, b=3.0)
    site.answer()
    assert grants(site) == {"a": 7.0, "b": 3.0}
    assert site.where() == {"a": "g1", "b": "g1"}
    ask(site, a=4.0, b=5.5)
    ask(site, a=4.0, b=5.5)
    assert sum(grants(site).values()) <= 10.0
    assert grants(site) == pytest.approx({"a": 4.25, "b": 5.75}, rel=0.05)


def test_places_for_devices_are_given_whole() -> None:
    site = Worker(topology([Gateway("g1", {"devices": 1.0, CPU: 10.0})], [plain("a"), plain("b")]))
    ask(site, a=1.0, b=1.0)
    assert [each.grant["devices"] for each in site.allocator.assignments(SITE)] == [1.0, 1.0]


def test_moving_and_cooling_down_go_by_the_time_of_the_move() -> None:
    site = Worker(topology([gateway("g1"), gateway("g2")], [plain("a", None)]))
    ask(site, a=2.0)
    site.answer()
    (before,) = site.allocator.assignments(SITE)
    ask(site, a=3.0)
    (after,) = site.allocator.assignments(SITE)
    assert after.granted_at_ms == after.since_ms == site.now_ms
    assert after.assigned_at_ms == before.assigned_at_ms


def test_a_sample_from_before_a_lower_grant_does_not_show_that_grants_are_not_kept_to() -> None:
    site = worker(plain("a"), plain("b"))
    ask(site, {"a": 6.0, "b": 1.0}, a=6.0, b=1.0)
    ask(site, {"a": 1.0, "b": 1.0}, a=1.0, b=7.0)
    assert grants(site)["a"] < 6.0
    ask(site, {"a": 6.0, "b": 1.0}, a=1.0, b=7.0)
    kept = site.allocator.digest()
    site.restart()
    assert site.allocator.digest() == kept
    for _ in range(3):
        ask(site, {"a": 1.0, "b": grants(site)["b"]}, a=1.0, b=9.5)
    assert site.allocator.censored(SITE) == {"b": [CPU]}, "b is held to its grant, which is believed"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0, 1e300])
def test_hostile_amounts_are_granted_within_what_there_is(bad: float) -> None:
    site = worker(plain("a"), plain("b"))
    ask(site, {"a": bad, "b": 1.0}, a=bad, b=1.0)
    assert all(0.0 <= amount <= 10.0 for amount in grants(site).values())
    assert sum(grants(site).values()) <= 10.0 * (1 + 1e-9)
    pack(site.allocator.export_state())


def test_a_device_that_comes_to_take_two_places_is_granted_two() -> None:
    gateways = [Gateway("g1", {"devices": 3.0, CPU: 10.0})]
    site = Worker(topology(gateways, [plain("a"), plain("b")]))
    wider = replace(plain("a"), demand={"devices": 2.0})
    site.command(CommandKind.SET_TOPOLOGY, topology=topology(gateways, [wider, plain("b")], 2))
    ask(site, a=1.0, b=1.0)
    assert {each.device: each.grant["devices"] for each in site.allocator.assignments(SITE)} == {"a": 2.0, "b": 1.0}
    assert ask(site, a=1.0, b=1.0) == []
