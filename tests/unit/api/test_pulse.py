"""Readings per second, by a clock that is moved by hand."""

import pytest

from tidegate.adapters.memory import ManualClock
from tidegate.api.pulse import Pulse
from tidegate.contracts.views import Balance


def test_the_first_question_has_no_rate_and_the_next_one_has() -> None:
    clock = ManualClock()
    pulse = Pulse(clock)
    assert pulse.readings_per_second(Balance(received=100)) is None
    clock.advance(2)
    assert pulse.readings_per_second(Balance(received=300)) == pytest.approx(100)


def test_the_rate_forgets_what_is_older_than_its_window() -> None:
    clock = ManualClock()
    pulse = Pulse(clock)
    for received in (0, 1000, 2000, 3000):
        pulse.readings_per_second(Balance(received=received))
        clock.advance(10)
    assert pulse.readings_per_second(Balance(received=3000)) == pytest.approx(0)


def test_many_askers_at_once_do_not_make_many_notes_or_divide_by_zero() -> None:
    clock = ManualClock()
    pulse = Pulse(clock)
    rates = [pulse.readings_per_second(Balance(received=n)) for n in range(5)]
    assert rates == [None] * 5
