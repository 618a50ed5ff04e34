"""Surprise by stream, on numbers one can check by hand."""

import numpy as np
import pytest

from tidegate.core.detection import evidence

NORMAL = np.array([-2.3263, -1.6449, -0.6745, 0.0, 0.6745, 1.6449, 2.3263])
PLENTY = np.array([1000])


def test_a_residual_counts_forecast_spreads_on_its_own_side() -> None:
    skewed = np.where(NORMAL > 0, 5.0 * NORMAL, NORMAL)[None, :] + 10.0
    up = evidence.residual(np.array([20.0]), skewed, np.zeros(1), PLENTY)
    down = evidence.residual(np.array([0.0]), skewed, np.zeros(1), PLENTY)
    assert up.surprise[0] == pytest.approx(2.0, rel=1e-3)
    assert down.surprise[0] == pytest.approx(10.0, rel=1e-3)
    assert (up.above[0], down.above[0]) == (True, False)
    assert up.deviation[0] == pytest.approx(20.0 - (10.0 + 5.0 * 1.6449), rel=1e-3)


def test_a_forecast_that_is_too_sure_is_widened_by_the_long_run_spread() -> None:
    sure = 10.0 + 1e-6 * NORMAL[None, :]
    assert evidence.residual(np.array([11.0]), sure, np.array([2.0]), PLENTY).surprise[0] == pytest.approx(5.0)


def test_a_constant_met_again_gives_no_surprise() -> None:
    flat = np.full((1, 7), 5.0)
    assert evidence.residual(np.array([5.0]), flat, np.zeros(1), PLENTY).surprise[0] == 0.0


def test_no_residual_before_the_forecaster_knows_the_scale() -> None:
    forecast = np.repeat(NORMAL[None, :], 2, axis=0)
    found = evidence.residual(np.ones(2), forecast, np.zeros(2), np.array([7, 8]))
    np.testing.assert_array_equal(np.isnan(found.surprise), [True, False])


def test_a_missing_value_or_forecast_gives_no_residual() -> None:
    values, forecast = np.array([np.nan, 1.0]), np.stack([NORMAL, np.full(7, np.nan)])
    assert np.isnan(evidence.residual(values, forecast, np.zeros(2), np.array([99, 99])).surprise).all()


def test_the_forecast_in_force_is_that_of_the_horizon_reached() -> None:
    quantiles = np.arange(4.0)[None, :, None] * np.ones((6, 1, 7))
    elapsed = np.array([0.2, 1.4, 3.0, 20.0, 40.0, 100.0])
    found = evidence.forecast_in_force(quantiles, elapsed)[:, 0]
    np.testing.assert_array_equal(found, [0.0, 0.0, 1.0, 2.0, 3.0, np.nan])


def test_novelty_is_the_share_of_the_range_by_which_a_value_lies_outside() -> None:
    values = np.array([5.0, 12.0, -5.0, np.nan])
    found = evidence.novelty(values, np.zeros(4), np.full(4, 10.0), np.full(4, 100))
    np.testing.assert_allclose(found, [0.0, 0.2, 0.5, np.nan])


def test_novelty_of_the_first_change_of_a_constant_is_the_largest() -> None:
    found = evidence.novelty(np.array([5.1]), np.array([5.0]), np.array([5.0]), np.array([100]))
    assert found[0] == evidence.LARGEST_NOVELTY


def test_a_range_is_not_known_from_a_few_values() -> None:
    found = evidence.novelty(np.array([99.0]), np.array([np.inf]), np.array([-np.inf]), np.array([0]))
    assert np.isnan(found[0])


def test_ordinary_records_are_not_rare() -> None:
    random = np.random.default_rng(4)
    many, seen = 4000, 100
    values = random.laplace(size=(many, seen + 1))
    low, high = values[:, :-1].min(axis=1), values[:, :-1].max(axis=1)
    share = evidence.novelty(values[:, -1], low, high, np.full(many, seen))
    for asked in (0.05, 0.2):
        truth = -np.log10((share >= asked).mean())
        assert evidence.record_rarity(np.array([asked]), np.array([seen]))[0] <= truth + 0.1


def test_equal_values_are_rare_where_the_metric_varies_and_only_there() -> None:
    run, after = np.array([5, 5, 5, 4, 5]), np.array([5, 5, 5, 5, 0])
    steps, repeats = np.array([100.0, 100.0, 5.0, 100.0, 100.0]), np.array([0.0, 95.0, 0.0, 0.0, 0.0])
    found = evidence.stuck_rarity(run, after, steps, repeats)
    assert found[0] > 6.0
    np.testing.assert_array_equal(found[1:], np.zeros(4))


def test_missed_intervals_add_up_and_fade() -> None:
    found = evidence.missed_intervals(
        np.array([0.0, 2.0, 0.0]), np.array([3.0, 16.0, 1.0]), np.full(3, 99.0), np.array([0.0, 0.0, 0.5])
    )
    np.testing.assert_allclose(found, [2.0, 2.0 * (15 / 16) ** 16 + 15.0, 0.5])


def test_a_gap_long_enough_for_silence_is_not_dropout() -> None:
    found = evidence.missed_intervals(np.array([3.0]), np.array([500.0]), np.array([5.0]), np.array([0.0]))
    assert found[0] == 0.0
