"""Event figures on cases small enough to count by hand."""

import math

import pytest

from tidegate_training.evaluate.events import EventCounts, Segment, count_events, open_alarms, poisson_interval, segments

LABELS = [0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0]
MINUTE = 60.0


def test_segments_are_the_runs_of_ones_including_those_at_the_edges():
    assert segments([1, 1, 0, 1]) == [Segment(0, 2), Segment(3, 4)]
    assert segments([]) == []


def test_an_event_is_detected_once_however_many_alarms_open_within_it():
    counts = count_events([3, 4], LABELS, interval_seconds=MINUTE)
    assert (counts.events, counts.detected, counts.false_alarms, counts.delays) == (2, 1, 0, (1,))
    assert (counts.precision, counts.recall) == (1.0, 0.5)
    assert counts.f1 == pytest.approx(2 / 3)


def test_an_alarm_outside_every_event_is_false_and_counted_per_unlabelled_day():
    counts = count_events([0, 2, 6], LABELS, interval_seconds=43_200.0)
    assert (counts.detected, counts.false_alarms) == (1, 2)
    assert counts.exposure_days == 3.5
    assert counts.false_alarms_per_device_day == pytest.approx(2 / 3.5)


def test_an_alarm_that_opened_before_the_event_does_not_find_it():
    assert count_events([1], LABELS, interval_seconds=MINUTE).detected == 0


def test_the_tolerance_forgives_an_alarm_just_after_an_event_but_credits_nothing():
    strict = count_events([5], LABELS, interval_seconds=MINUTE)
    lenient = count_events([5], LABELS, interval_seconds=MINUTE, tolerance=1)
    assert (strict.false_alarms, lenient.false_alarms) == (1, 0)
    assert strict.detected == lenient.detected == 0


def test_alarming_at_every_reading_finds_every_event_and_pays_for_it():
    counts = count_events(range(len(LABELS)), LABELS, interval_seconds=MINUTE)
    assert (counts.recall, counts.false_alarms, counts.delays) == (1.0, 7, (0, 0))


def test_figures_without_events_alarms_or_exposure_are_undefined_not_zero():
    nothing = count_events([], [0, 0], interval_seconds=MINUTE)
    assert math.isnan(nothing.precision)
    assert math.isnan(nothing.recall)
    assert math.isnan(nothing.f1)
    assert math.isnan(EventCounts().false_alarms_per_device_day)


def test_pooling_adds_counts_rather_than_averaging_ratios():
    one = count_events([2], LABELS, interval_seconds=MINUTE)
    other = count_events([0], LABELS, interval_seconds=MINUTE)
    assert (one + other).recall == 0.25
    assert (one + other).precision == 0.5


def test_an_alarm_stays_open_until_enough_quiet_readings_have_passed():
    surprise = [0, 9, 0, 0, 9, 0, 0, 0, 9, math.nan, 0]
    assert open_alarms(surprise, 1.0, close_after=3) == [1, 8]
    assert open_alarms(surprise, 1.0, close_after=2) == [1, 4, 8]
    assert open_alarms(surprise, 9.0, close_after=3) == []


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (10, 4.7954, 18.3904)])
def test_the_poisson_interval_is_the_tabled_exact_one(count, low, high):
    assert poisson_interval(count, 1.0) == pytest.approx((low, high), abs=5e-5)
    assert poisson_interval(count, 2.0) == pytest.approx((low / 2, high / 2), abs=5e-5)


def test_a_rate_without_exposure_is_undefined():
    assert all(math.isnan(bound) for bound in poisson_interval(3, 0.0))
