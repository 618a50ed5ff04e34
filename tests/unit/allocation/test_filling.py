"""When a site is full: told where growth is sure, from the daily peaks that the core saw, and nothing made up."""

import numpy as np
import pytest
from small_site import SITE, Worker, demand_of, gateway, topology

from tidegate.contracts.codec import pack, unpack
from tidegate.contracts.configuration import AllocationSettings, CoreConfiguration
from tidegate.contracts.resources import CPU_MILLICORES
from tidegate.contracts.topology import DevicePlacement
from tidegate.core.allocation.advice import advice
from tidegate.core.allocation.allocator import Allocator
from tidegate.core.allocation.filling import DAY_MS, DayOfDemand, complete, fillings, noted, trend


def days_of(peaks: list[float], first: int = 20_000) -> list[DayOfDemand]:
    """Complete days of these peaks, between a first and a last one that are not."""
    known = [DayOfDemand(first + place, {CPU_MILLICORES: peak}) for place, peak in enumerate(peaks)]
    return [DayOfDemand(first - 1, {CPU_MILLICORES: 0.0}), *known, DayOfDemand(first + len(peaks), {CPU_MILLICORES: 0.0})]


def noise(count: int, random_state: int = 0) -> list[float]:
    return np.random.default_rng(random_state).normal(0.0, 1.0, count).tolist()


def test_a_day_keeps_its_highest_demand_and_a_new_day_begins_at_midnight() -> None:
    days = noted([], {CPU_MILLICORES: 5.0}, 3 * DAY_MS + 1)
    days = noted(days, {CPU_MILLICORES: 9.0}, 3 * DAY_MS + 2)
    days = noted(days, {CPU_MILLICORES: 7.0}, 4 * DAY_MS - 1)
    days = noted(days, {CPU_MILLICORES: 1.0}, 4 * DAY_MS)
    assert days == [DayOfDemand(3, {CPU_MILLICORES: 9.0}), DayOfDemand(4, {CPU_MILLICORES: 1.0})]
    assert noted(days, {CPU_MILLICORES: 2.0}, 0)[-1].day == 4, "a tick that goes back opens no day"


def test_no_more_days_are_kept_than_are_looked_at() -> None:
    days: list[DayOfDemand] = []
    for day in range(100):
        days = noted(days, {CPU_MILLICORES: float(day)}, day * DAY_MS)
    assert [len(days), len(complete(days))] == [58, 56]
    assert (days[-1].day, complete(days)[-1].day) == (99, 98)


@pytest.mark.parametrize(("count", "looked_at"), [(0, 0), (13, 0), (14, 14), (20, 14), (21, 21)])
def test_whole_weeks_are_looked_at_and_two_at_least(count: int, looked_at: int) -> None:
    assert len(complete(days_of([1.0] * count))) == looked_at


def test_days_that_were_missed_do_not_count() -> None:
    days = days_of([1.0] * 42)
    assert len(complete([each for each in days if each.day % 2])) >= 14
    assert complete([each for each in days if each.day % 4 == 0]) == []


def test_growth_is_told_with_an_interval_that_holds_the_true_day() -> None:
    peaks = [100.0 + 2.0 * day + off for day, off in enumerate(noise(28))]
    (found,) = fillings(days_of(peaks), {CPU_MILLICORES: 254.0})
    assert found.resource == CPU_MILLICORES
    assert found.soonest < 50.0 < found.latest, "154 at the last day, 100 left at 2 a day"
    assert found.days == pytest.approx(50.0, rel=0.05)
    assert found.per_day == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize(
    "peaks",
    [
        [100.0] * 28,
        [100.0 + off for off in noise(28)],
        [100.0 - 2.0 * day for day in range(28)],
        [100.0 + 20.0 * (day % 7 > 4) for day in range(28)],
        [100.0] * 27 + [500.0],
        [float(day) for day in range(13)],
    ],
    ids=["flat", "noise", "falling", "weekends", "one outlier", "too few"],
)
def test_where_no_growth_is_sure_nothing_is_told(peaks: list[float]) -> None:
    assert fillings(days_of(peaks), {CPU_MILLICORES: 1000.0}) == []


def test_of_what_is_a_year_off_unlimited_or_not_counted_all_the_time_nothing_is_told() -> None:
    days = days_of([100.0 + day for day in range(28)])
    assert fillings(days, {CPU_MILLICORES: 1000.0}) == []
    assert fillings(days, {}) == []
    assert fillings(days, {"memory_bytes": 1.0}) == []


def test_a_site_that_is_over_its_room_is_full_now() -> None:
    (found,) = fillings(days_of([100.0 + day for day in range(28)]), {CPU_MILLICORES: 50.0})
    assert (found.days, found.soonest, found.latest) == (0.0, 0.0, 0.0)


def test_no_growth_is_seen_in_independent_days_but_for_one_site_in_forty() -> None:
    day = np.arange(28.0)
    seen = [trend(day, np.array(noise(28, state)))[0] > 0 for state in range(400)]
    assert sum(seen) <= 400 / 40


def test_days_that_resemble_the_day_before_make_the_interval_wider() -> None:
    day = np.arange(28.0)
    low, _, high = trend(day, np.array(noise(28)))
    slow_low, _, slow_high = trend(day, np.sin(day / 4.0) * np.std(noise(28)) * np.sqrt(2.0))
    assert slow_high - slow_low > high - low


def test_advice_tells_when_the_site_is_full_by_the_peaks_of_its_reviews_and_after_a_restart() -> None:
    measured = DevicePlacement("a", "sensor", gateway="g1")
    worker = Worker(topology([gateway("g1", 100.0), gateway("g2", 100.0)], [measured]), auto_approve=False)
    assert advice(worker.allocator.view(SITE, worker.now_ms)).days_watched == 0
    for day in range(30):
        worker.now_ms = (20_000 + day) * DAY_MS
        for share in (1.0, 0.2):
            worker.review(demand=demand_of({"a": (20.0 + day) * share}))
            worker.later(3600)
    exported = unpack(pack(worker.allocator.export_state()), dict)
    configuration = CoreConfiguration({}, allocation=AllocationSettings(auto_approve=False))
    for allocator in (worker.allocator, Allocator.restore(configuration, exported)):
        found = advice(allocator.view(SITE, worker.now_ms))
        assert found.days_watched == 28
        (filling,) = found.fillings
        assert (filling.resource, filling.per_day) == (CPU_MILLICORES, pytest.approx(1.0))
        assert filling.days == pytest.approx(200.0 - 48.0)
    older = unpack(exported["sites"][0], dict)
    del older["days"]
    again = Allocator.restore(configuration, exported | {"sites": [pack(older)]})
    assert advice(again.view(SITE, worker.now_ms)).days_watched == 0
