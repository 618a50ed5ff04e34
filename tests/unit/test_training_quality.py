"""Baselines and figures: what a forecast is held against, and that being better shows."""

import numpy as np

from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate_training.baselines import daily_seasonal, last_value
from tidegate_training.data.series import Series
from tidegate_training.quality import Judged, figures, pinball, summary
from tidegate_training.report.residual_plots import in_half_widths, shares_between

HOURLY = 3600.0


def judged(kind: str, loss: float, last: float, seasonal: float) -> Judged:
    rows = [np.full(len(HORIZONS), value) for value in (loss, last, seasonal, 0.9)]
    return Judged(kind, Series("d", "g", "n", np.zeros(4), 60.0), np.zeros((4, 4, 7)), rows[0], rows[1], rows[2], rows[3])


def test_the_last_value_baseline_is_centred_on_the_last_value_known() -> None:
    values = np.array([1.0, 2.0, np.nan, 4.0] * 50)
    quantiles = last_value(values, fitted=150)
    errors_of_one_ahead = np.array([1.0, 2.0, -3.0])
    assert quantiles[0, 0, 3] == 1.0 + np.median(errors_of_one_ahead)
    np.testing.assert_array_equal(quantiles[1], quantiles[2])


def test_the_daily_baseline_needs_more_than_a_day_and_longer_days_than_horizons() -> None:
    assert daily_seasonal(np.arange(400.0), HOURLY, fitted=200) is None
    assert daily_seasonal(np.arange(400.0), 300.0, fitted=300) is None
    assert daily_seasonal(np.arange(1200.0), 300.0, fitted=600) is not None


def test_the_daily_baseline_is_right_on_a_day_that_repeats() -> None:
    values = np.tile(np.random.default_rng(1).normal(size=288), 4)
    quantiles = daily_seasonal(values, 300.0, fitted=600)
    assert quantiles is not None
    for i, horizon in enumerate(HORIZONS):
        np.testing.assert_allclose(quantiles[600:-horizon, i, 3], values[600 + horizon :])


def test_pinball_loss_is_least_at_the_true_quantiles() -> None:
    draws = np.random.default_rng(2).normal(size=(20_000, 1))
    levels = np.array([-2.326, -1.645, -0.674, 0.0, 0.674, 1.645, 2.326])
    true = np.broadcast_to(levels, (20_000, 1, 7))
    assert pinball(true, draws) < min(pinball(0.8 * true, draws), pinball(1.2 * true, draws), pinball(true + 0.2, draws))


def test_ratios_are_geometric_means_over_lanes_that_have_the_baseline() -> None:
    members = [judged("later", 1.0, 2.0, np.nan), judged("later", 1.0, 8.0, 4.0), judged("later", 0.0, 0.0, np.nan)]
    found = summary(members)
    assert found["ratio_to_last"] == [0.25] * 4
    assert found["ratio_to_seasonal"] == [0.25] * 4
    assert "ratio_to_seasonal" not in summary(members[:1])


def test_figures_are_named_by_horizon_and_kind() -> None:
    found = figures([judged("unseen", 1.0, 2.0, 4.0), judged("later", 1.0, 1.0, 1.0)])
    assert found["ratio_to_last_h12_unseen"] == 0.5
    assert found["ratio_to_seasonal_h1_later"] == 1.0
    assert found["coverage90_h36_unseen"] == 0.9


def lane(width: float) -> Judged:
    """Noise of deviation 1 whose forecast is its quantiles, `width` times as wide."""
    draws = np.random.default_rng(3).normal(size=4000)
    quantiles = np.broadcast_to(width * np.array([-2.326, -1.645, -0.674, 0.0, 0.674, 1.645, 2.326]), (4000, 4, 7))
    nothing = np.zeros(len(HORIZONS))
    return Judged("later", Series("d", "g", "n", draws, 60.0), quantiles, nothing, nothing, nothing, np.full(4, 0.9))


def test_residuals_are_in_half_widths_of_the_band_and_nine_in_ten_lie_within_one() -> None:
    assert abs((np.abs(in_half_widths(lane(1.0), 0)) < 1.0).mean() - 0.9) < 0.02
    assert (np.abs(in_half_widths(lane(0.5), 0)) < 1.0).mean() < 0.7


def test_observations_fall_among_the_quantiles_as_often_as_the_levels_say_or_not() -> None:
    due = np.diff([0.0, *QUANTILE_LEVELS, 1.0])
    assert np.abs(shares_between(lane(1.0), 2) - due).max() < 0.03
    narrow = shares_between(lane(0.5), 2)
    assert abs(narrow.sum() - 1.0) < 1e-12
    assert narrow[0] > 5 * due[0]
