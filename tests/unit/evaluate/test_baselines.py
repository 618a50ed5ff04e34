"""Each baseline notices what it is for, looks only backwards, and shares one budget."""

import numpy as np
import pytest

from tidegate_training.evaluate.baselines import ALWAYS_ALARM, AR_ORDER, BASELINES, alarm_threshold, judge, mean_observed
from tidegate_training.evaluate.events import open_alarms

TRAIN = 600


def correlated(rows=1000, random_state=0):
    """Three metrics driven by one slow cause, and a constant one."""
    random = np.random.default_rng(random_state)
    cause = np.sin(np.arange(rows) / 20)
    noise = random.normal(0, 0.05, size=(rows, 3))
    return np.concatenate([cause[:, None] * [1.0, 2.0, -1.0] + noise, np.full((rows, 1), 5.0)], axis=1)


@pytest.mark.parametrize("name", ["range check", "EWMA", "AR", "PCA"])
def test_a_wild_value_is_the_greatest_surprise(name):
    values = correlated()
    values[800, 1] += 8.0
    surprise = BASELINES[name](values[:TRAIN]).score(values)[TRAIN:]
    assert 200 <= np.argmax(surprise) <= 200 + AR_ORDER  # an autoregression stumbles again while the value is among its lags
    assert surprise[200] > 5 * np.delete(surprise, range(200, 201 + AR_ORDER)).max()


def test_a_wild_start_of_the_train_part_does_not_cost_a_detector_its_threshold():
    values = correlated()
    values[3, 1] += 1_000.0
    values[800, 1] += 2_000.0
    said = judge("range check", values, TRAIN, interval_seconds=60.0, budget=0.05, close_after=6)
    assert said.alarms == [200]


def test_principal_components_notice_a_broken_relation_between_ordinary_values():
    values = correlated()
    values[800, 2] = -values[800, 2]
    values[801, 2] = -values[801, 2]
    surprise = BASELINES["PCA"](values[:TRAIN]).score(values)
    assert set(np.argsort(surprise[TRAIN:])[-2:] + TRAIN) == {800, 801}


@pytest.mark.parametrize("name", BASELINES)
def test_a_score_does_not_depend_on_later_readings(name):
    values = correlated()
    baseline = BASELINES[name](values[:TRAIN])
    np.testing.assert_allclose(baseline.score(values[:700]), baseline.score(values)[:700], rtol=1e-12)


@pytest.mark.parametrize("name", ["range check", "EWMA", "AR", "PCA"])
def test_missing_metrics_are_left_out_and_a_reading_without_any_has_no_score(name):
    values = correlated()
    values[5:20, 0] = np.nan
    values[650, :] = np.nan
    surprise = BASELINES[name](values[:TRAIN]).score(values)
    assert np.isnan(surprise[650])
    assert np.isfinite(np.delete(surprise, 650)).all()


def test_a_metric_never_observed_in_the_train_part_is_no_obstacle():
    values = correlated()
    values[:, 1] = np.nan
    for name in BASELINES:
        assert np.isfinite(BASELINES[name](values[:TRAIN]).score(values)).all(), name


def test_the_threshold_lets_the_allowed_number_of_alarms_open_on_the_train_part():
    surprise = np.random.default_rng(3).random(5_000)
    for allowed in (0, 1, 5, 20):
        threshold = alarm_threshold(surprise, allowed=allowed, close_after=6)
        assert len(open_alarms(surprise, threshold, close_after=6)) <= allowed
        assert len(open_alarms(surprise, threshold - 1e-9, close_after=6)) >= allowed


def test_nothing_alarms_when_the_train_part_says_nothing():
    assert alarm_threshold(np.full(4, np.nan), allowed=0, close_after=6) == np.inf


def test_always_alarm_opens_at_every_reading_of_the_test_part():
    said = judge(ALWAYS_ALARM, correlated(), TRAIN, interval_seconds=60.0, budget=0.05, close_after=6)
    assert said.alarms == list(range(400))
    assert len(said.surprise) == 400


def test_a_judgement_covers_the_test_part_only():
    values = correlated()
    values[800, 1] += 30.0
    said = judge("PCA", values, TRAIN, interval_seconds=60.0, budget=0.05, close_after=6)
    assert len(said.surprise) == 400
    assert 200 in said.alarms


def test_the_mean_over_nothing_is_unknown():
    mean = mean_observed(np.array([[1.0, np.nan], [np.nan, np.nan]]))
    assert mean[0] == 1.0
    assert np.isnan(mean[1])
