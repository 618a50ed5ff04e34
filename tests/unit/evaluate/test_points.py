"""Missed-alarm and false-alarm rates, reading by reading, on cases counted by hand; and where alarms end."""

import math

import pytest

from tidegate_training.evaluate.events import Segment, alarm_spans
from tidegate_training.evaluate.points import PointCounts, count_points

LABELS = [0, 0, 1, 1, 1, 1, 0, 0, 0, 0]


def test_readings_are_counted_while_an_alarm_is_open():
    counts = count_points([1, 5], [4, 8], LABELS)
    assert (counts.hit, counts.missed, counts.false, counts.quiet) == (3, 1, 3, 3)
    assert counts.missed_alarm_rate == 0.25
    assert counts.false_alarm_rate == 0.5


def test_always_alarm_misses_nothing_and_silence_raises_nothing():
    always, never = count_points(range(10), range(1, 11), LABELS), count_points([], [], LABELS)
    assert (always.missed_alarm_rate, always.false_alarm_rate) == (0.0, 1.0)
    assert (never.missed_alarm_rate, never.false_alarm_rate) == (1.0, 0.0)


def test_series_pool_by_readings_and_rates_of_nothing_are_undefined():
    assert (count_points([], [], [1]) + count_points([0], [3], [1, 1, 1])).missed_alarm_rate == 0.25
    assert math.isnan(PointCounts().missed_alarm_rate)
    assert math.isnan(PointCounts(hit=1).false_alarm_rate)


@pytest.mark.parametrize(("close_after", "spans"), [(2, [(1, 5), (8, 9)]), (1, [(1, 2), (3, 4), (8, 9)])])
def test_an_alarm_ends_at_the_quiet_reading_that_closes_it_or_with_the_series(close_after, spans):
    surprise = [0, 9, 0, 9, 0, 0, 0, 0, 9]
    assert alarm_spans(surprise, 1.0, close_after=close_after) == [Segment(start, end) for start, end in spans]
