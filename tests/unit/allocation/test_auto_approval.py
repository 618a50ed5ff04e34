"""Which plans go without a person's approval, and what those that wait say about it."""

from typing import Any

import pytest
from rolling_site import SIX, emptied, last, moved, site
from small_site import A, D, P, U, Worker, approve

from tidegate.contracts.codec import from_builtins
from tidegate.contracts.command import CommandKind
from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.daily import covers, minutes_of
from tidegate.contracts.plan import Trigger
from tidegate.errors import InputError

AT_ONCE = {"at_once_moves": 6}
"""The worker's time is 1,000,000 ms: it is 00:16 UTC."""


@pytest.mark.parametrize(
    ("criteria", "missed"),
    [
        ({"auto_approve": False}, "plans need approval"),
        ({"auto_approve_max_moves": 5}, "at most 5 moves go without approval, it has 6"),
        (
            {"auto_approve_triggers": (Trigger.PERIOD, Trigger.GATEWAY_DOWN)},
            "only plans for period, gateway-down go without approval, not for gateway-drained",
        ),
        (
            {"auto_approve_windows": ("02:00-05:00", "22:00-00:16")},
            "plans go without approval at 02:00-05:00, 22:00-00:16 UTC, it is 00:16",
        ),
    ],
)
def test_a_plan_that_misses_a_criterion_waits_and_says_which(criteria: dict[str, Any], missed: str) -> None:
    worker = emptied(**criteria, **AT_ONCE)
    assert (worker.statuses(), moved(worker)) == ([P], [])
    assert last(worker).reason.endswith(f"; waits: {missed}")
    approve(worker)
    assert (worker.statuses(), moved(worker)) == ([P, A, D], SIX)


@pytest.mark.parametrize(
    "criteria",
    [
        {"auto_approve_max_moves": 6},
        {"auto_approve_triggers": (Trigger.GATEWAY_DRAINED,)},
        {"auto_approve_windows": ("02:00-05:00", "00:16-00:17")},
        {"auto_approve_windows": ("22:00-04:00",), "auto_approve_max_moves": 9, "auto_approve_triggers": tuple(Trigger)},
    ],
)
def test_a_plan_that_meets_all_criteria_goes(criteria: dict[str, Any]) -> None:
    worker = emptied(**criteria, **AT_ONCE)
    assert worker.statuses() == [P, A, D]
    assert "waits" not in worker.decisions[0].reason


def test_a_rescue_waits_for_no_time_of_day_and_is_held_to_no_size() -> None:
    worker = Worker(site(), auto_approve_windows=("02:00-05:00",), auto_approve_max_moves=1)
    worker.settle("g1")
    assert (worker.statuses(), moved(worker)) == ([P, A, D], SIX)


def test_a_rescue_is_held_to_what_plans_may_be_made_for() -> None:
    worker = Worker(site(), auto_approve_triggers=(Trigger.PERIOD,))
    worker.settle("g1")
    assert worker.statuses() == [P]


def test_criteria_do_not_loosen_a_freeze_or_the_need_for_approval() -> None:
    worker = emptied(auto_approve=False, auto_approve_triggers=(Trigger.GATEWAY_DRAINED,))
    assert worker.statuses() == [P]
    worker = Worker(site(), auto_approve_windows=("00:00-24:00",), **AT_ONCE)
    worker.command(CommandKind.FREEZE)
    worker.command(CommandKind.DRAIN, gateway="g1")
    worker.settle()
    assert worker.statuses() == [P]


def test_an_undo_is_held_to_the_same_criteria() -> None:
    worker = emptied(auto_approve_windows=("00:10-00:20",), **AT_ONCE)
    applied = last(worker).plan_id
    worker.command(CommandKind.UNCORDON, gateway="g1")
    worker.later(600)
    worker.command(CommandKind.UNDO_PLAN, plan_id=applied)
    assert last(worker).reason.endswith("; waits: plans go without approval at 00:10-00:20 UTC, it is 00:26")
    approve(worker)
    assert worker.statuses()[-3:] == [A, D, U]


@pytest.mark.parametrize(
    ("window", "hour", "inside"),
    [
        ("02:00-05:00", 1.99, False),
        ("02:00-05:00", 2.0, True),
        ("02:00-05:00", 5.0, False),
        ("22:00-04:00", 23.0, True),
        ("22:00-04:00", 3.99, True),
        ("22:00-04:00", 4.0, False),
        ("20:00-24:00", 23.99, True),
        ("20:00-24:00", 0.0, False),
    ],
)
def test_a_window_holds_its_beginning_and_not_its_end_on_every_day(window: str, hour: float, inside: bool) -> None:
    assert [covers(window, int((day * 24 + hour) * 3_600_000)) for day in (0, 20_000)] == [inside, inside]


@pytest.mark.parametrize(
    "window", ["2:00-5:00", "02:00", "02:00-25:00", "24:00-02:00", "02:60-03:00", "02:00 - 05:00", "", "all day"]
)
def test_a_window_that_is_none_is_refused_with_what_is_expected(window: str) -> None:
    with pytest.raises(InputError, match=r"is not of the form HH:MM-HH:MM, as in 02:00-05:00"):
        from_builtins({"auto_approve_windows": [window]}, AllocationSettings)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"auto_approve_windows": ["03:00-03:00"]}, "ends when it begins; 00:00-24:00 is all day"),
        ({"auto_approve_windows": "02:00-05:00"}, "auto_approve_windows"),
        ({"auto_approve_triggers": ["lunch"]}, r"Invalid enum value 'lunch' - at `\$.auto_approve_triggers"),
        ({"auto_approve_max_moves": -1}, "auto_approve_max_moves"),
        ({"canary_moves": -1}, "canary_moves"),
        ({"wave_moves": 1.5}, "wave_moves"),
        ({"wave_seconds": -1.0}, "wave_seconds"),
        ({"at_once_moves": -1}, "at_once_moves"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        from_builtins(wrong, AllocationSettings)


def test_minutes_of_a_day() -> None:
    assert (minutes_of("00:00-24:00"), minutes_of("22:30-04:05")) == ((0, 1440), (1350, 245))
