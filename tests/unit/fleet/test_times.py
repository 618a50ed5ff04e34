"""The one rule about event times in files: in order, strictly rising, nothing lost."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.errors import InputError
from tidegate.fleet.readers import times


@given(st.lists(st.integers(0, 50)))
def test_times_rise_strictly_no_row_is_lost_and_ties_keep_their_order(raw: list[int]) -> None:
    rows, ordered = times.order(np.array(raw, np.int64))
    assert sorted(rows.tolist()) == list(range(len(raw)))
    assert np.all(np.diff(ordered) > 0)
    assert [raw[row] for row in rows] == sorted(raw)
    assert all(a < b for a, b in zip(rows.tolist(), rows.tolist()[1:], strict=False) if raw[a] == raw[b])


@given(st.lists(st.integers(0, 10**15), unique=True))
def test_times_that_already_rise_are_left_alone(raw: list[int]) -> None:
    _, ordered = times.order(np.array(sorted(raw), np.int64))
    assert ordered.tolist() == sorted(raw)


def test_a_repeated_hour_follows_the_first_by_milliseconds() -> None:
    _, ordered = times.order(np.array([0, 300_000, 0, 300_000, 600_000], np.int64))
    assert ordered.tolist() == [0, 1, 300_000, 300_001, 600_000]


@pytest.mark.parametrize("seconds", [-1.0, np.nan, 1e300, times.LATEST_SECOND + 1.0])
def test_seconds_that_are_no_date_are_refused_by_row(seconds: float) -> None:
    with pytest.raises(InputError, match="row 3: time is"):
        times.from_seconds(np.array([0.0, seconds]), Path("f.csv"))


def test_text_with_a_zone_counts_in_that_zone() -> None:
    assert times.from_text(["1970-01-01T01:00:00+01:00"], None, Path("f.csv")).tolist() == [0]
