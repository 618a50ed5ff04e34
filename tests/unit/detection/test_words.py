"""Rarity and lengths of time as people read them."""

import pytest

from tidegate.core.detection.words import duration, how_often, number


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 seconds"),
        (1.0, "1 second"),
        (59.0, "59 seconds"),
        (60.0, "1 minute"),
        (90.0, "1.5 minutes"),
        (86_400.0, "1 day"),
        (40 * 86_400.0, "40 days"),
        (3 * 365.25 * 86_400.0, "3 years"),
    ],
)
def test_a_length_of_time_uses_its_largest_fitting_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_rarity_is_said_as_how_often_it_comes() -> None:
    assert how_often(4.0, 300_000.0) == "about once in 35 days"
    assert how_often(0.0, 1000.0) == "about once in 1 second"
    assert how_often(300.0, 1000.0) == "less than once in 1000 years"


def test_numbers_carry_their_unit() -> None:
    assert number(3.14159, "bar") == "3.142 bar"
    assert number(2.0) == "2"
