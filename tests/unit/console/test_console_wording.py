"""Numbers and times as the console says them."""

from datetime import UTC, datetime

import pytest

from tidegate.console.wording import counted, duration, moment, number, percent


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (number(None), "–"),
        (number(2e-31), "0"),
        (number(1234.5), "1,234"),
        (number(0.067251), "0.06725"),
        (percent(0.001), "<1 %"),
        (percent(1.2), "120 %"),
        (percent(0.0), "0 %"),
        (counted(1, "gateway"), "1 gateway"),
        (counted(2, "gateway"), "2 gateways"),
        (counted(0, "anomaly"), "0 anomalies"),
        (duration(0.2), "0 s"),
        (duration(61), "1 min 1 s"),
        (duration(7200), "2 h"),
        (duration(90_000), "1 d 1 h"),
    ],
)
def test_people_read(said: str, expected: str) -> None:
    assert said == expected


def test_a_time_of_another_day_has_its_date_and_one_that_no_calendar_has_is_a_number() -> None:
    now = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
    assert moment(round(now.timestamp() * 1000), now) == "12:00:00"
    assert moment(0, now) == "1970-01-01 00:00:00"
    assert moment(2**53, now) == str(2**53)
    assert moment(None, now) == "–"
