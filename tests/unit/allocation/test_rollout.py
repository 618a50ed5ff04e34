"""Which plans are carried out in waves, a canary first, and how they go on."""

import pytest
from rolling_site import SIX, WAVES, emptied, emptied_and_heard, go_on, heard, last, moved, site
from small_site import A, D, P, W, Worker, demand_of, device, gateway, topology

from tidegate.contracts.command import CommandKind
from tidegate.contracts.plan import Progress, Trigger
from tidegate.contracts.topology import DevicePlacement


def test_a_large_plan_goes_wave_by_wave_and_its_facts_say_how_far_it_is() -> None:
    worker = emptied()
    assert worker.statuses() == [P, A, W]
    assert (len(moved(worker)), last(worker).progress) == (1, Progress(1, 3, 1))
    assert last(worker).reason == "wave 1 of 3: 1 assignments set; 5 moves are to follow"
    go_on(worker)
    assert (len(moved(worker)), last(worker).progress) == (4, Progress(2, 3, 4))
    go_on(worker)
    assert (moved(worker), last(worker).progress) == (SIX, Progress(3, 3, 6))
    go_on(worker)
    assert worker.statuses() == [P, A, W, W, W, D]
    assert last(worker).reason == "6 assignments set in 3 waves, and all were found well"
    assert last(worker).progress == Progress(3, 3, 6)
    assert [decision.version for decision in worker.decisions] == [1, 2, 3, 4, 5, 6]
    assert len({decision.plan_id for decision in worker.decisions}) == 1


def test_the_next_wave_waits_until_the_last_was_watched_for_long_enough() -> None:
    worker = emptied()
    go_on(worker, seconds=9.9)
    assert len(moved(worker)) == 1
    worker.later(0.1)
    worker.review()
    assert len(moved(worker)) == 4


@pytest.mark.parametrize(
    "settings",
    [{"at_once_moves": 6}, {"canary_moves": 0, "wave_moves": 0}, {"canary_moves": 6}, {"canary_moves": 0, "wave_moves": 9}],
)
def test_a_small_plan_and_one_of_a_single_wave_go_at_once(settings: dict[str, int]) -> None:
    worker = emptied(**settings)
    assert (worker.statuses(), last(worker).progress) == ([P, A, D], None)
    assert last(worker).reason == "6 assignments set"


def test_without_a_canary_the_first_wave_is_like_the_others() -> None:
    worker = emptied(canary_moves=0)
    assert last(worker).progress == Progress(1, 2, 3)


def test_by_default_a_plan_of_twenty_moves_goes_at_once() -> None:
    names = [f"d{n}" for n in range(21)]
    for count, statuses in ((20, [P, A, D]), (21, [P, A, W])):
        gateways = [gateway("g1", 100.0), gateway("g2", 100.0)]
        worker = Worker(topology(gateways, [device(name, "g1") for name in names[:count]]))
        worker.command(CommandKind.DRAIN, gateway="g1")
        worker.settle()
        assert worker.statuses() == statuses


def test_the_dead_are_evacuated_at_once_whatever_the_size() -> None:
    worker = Worker(site(), canary_moves=1, wave_moves=1, at_once_moves=0)
    worker.settle("g1")
    assert (worker.statuses(), moved(worker)) == ([P, A, D], SIX)


def test_devices_without_service_do_not_wait_for_the_canary_of_the_others() -> None:
    devices = [*(device(name, "g1") for name in SIX), *(device(f"n{n}", None) for n in range(4))]
    worker = Worker(topology([gateway("g1"), gateway("g2", 20.0)], devices), canary_moves=1, wave_moves=2, at_once_moves=2)
    worker.command(CommandKind.DRAIN, gateway="g1")
    worker.command(CommandKind.REQUEST_PLAN)
    worker.answer()
    assert all(worker.where()[f"n{n}"] == "g2" for n in range(4))
    assert (len(moved(worker)), last(worker).status) == (1, W)


def test_relief_of_an_overload_goes_all_at_once() -> None:
    gateways = [gateway(name) for name in ("g1", "g2", "g3", "g4")]
    worker = Worker(topology(gateways, [DevicePlacement(name, "sensor", [], "g1") for name in SIX]), **WAVES)
    worker.review(demand=demand_of(dict.fromkeys(SIX, 4.0)))
    worker.answer()
    assert (last(worker).status, last(worker).trigger) == (D, Trigger.FORECAST_OVERLOAD)
    assert len(moved(worker)) > WAVES["at_once_moves"]


def test_a_restart_on_the_way_changes_nothing() -> None:
    lives = []
    for restarts in (False, True):
        worker = emptied_and_heard()
        for _ in range(10):
            heard(worker)
            if restarts:
                worker.restart()
            worker.review()
            if restarts:
                worker.restart()
            worker.later(5)
        assert last(worker).status is D
        lives.append((worker.decisions, worker.changes, worker.allocator.digest()))
    assert lives[0] == lives[1]
