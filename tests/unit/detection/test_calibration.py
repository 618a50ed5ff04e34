"""Tails: rarity as learned, extrapolated, remembered and forgotten."""

import numpy as np
import pytest

from tidegate.core.detection.calibration import SHAPES, TailShape, fit, fleet_prior, forget, learn, priors_of

SHAPE = TailShape(edges=48, first=0.5, per_octave=3, memory=16_384, prior_readings=64.0, prior_share=0.65, prior_heavy=2.5)


def learned(surprises: np.ndarray, shape: TailShape = SHAPE) -> tuple[np.ndarray, np.ndarray]:
    survivors, readings = np.zeros((1, shape.edges), np.float32), np.zeros(1)
    for position in shape.position(surprises):
        learn(survivors, readings, np.array([int(np.floor(max(position, -1.0)))]), np.ones(1))
        forget(survivors, readings, shape)
    return survivors, readings


def rarity(survivors: np.ndarray, readings: np.ndarray, surprise: np.ndarray, shape: TailShape = SHAPE) -> np.ndarray:
    many = len(surprise)
    fitted = fit(np.repeat(survivors, many, axis=0), np.repeat(readings, many), shape.default_prior(), shape)
    return fitted.rarity(shape.position(surprise))


def test_rarity_of_a_power_law_is_found_within_and_beyond_what_was_seen() -> None:
    random = np.random.default_rng(1)
    tail = learned(0.5 * random.pareto(3.0, 5000) + 0.5)
    asked = np.array([1.0, 2.0, 5.0, 50.0])
    truth = 3.0 * np.log10(asked / 0.5)
    found = rarity(*tail, asked)
    np.testing.assert_allclose(found[:3], truth[:3], atol=0.25)
    assert found[3] == pytest.approx(truth[3], rel=0.3)


def test_rarity_never_falls_as_surprise_rises() -> None:
    tail = learned(np.abs(np.random.default_rng(2).standard_t(3, 400)))
    found = rarity(*tail, np.geomspace(0.01, 1e9, 500))
    assert (np.diff(found) >= -1e-12).all()
    assert found[0] == 0.0


def test_a_fresh_tail_answers_by_its_prior() -> None:
    found = rarity(np.zeros((1, 48), np.float32), np.zeros(1), np.array([0.5, 8.0]))
    np.testing.assert_allclose(found, -np.log10(0.65) + np.array([0.0, 4 * 2.5 * np.log10(2.0)]), atol=0.05)


def test_a_surprise_that_has_come_often_is_no_longer_rare() -> None:
    quiet = learned(np.full(500, 1.0))
    bursty = learned(np.where(np.arange(500) % 20 == 0, 30.0, 1.0))
    asked = np.array([30.0])
    assert rarity(*quiet, asked)[0] > 3.0
    assert rarity(*bursty, asked)[0] < 2.0


def test_memory_is_bounded_and_the_past_fades() -> None:
    small = TailShape(48, 0.5, 3, 256, 8.0, 0.65, 2.5)
    survivors, readings = learned(np.r_[np.full(200, 100.0), np.full(5000, 1.0)], small)
    assert readings[0] < 256
    assert survivors[0, int(small.position(np.array([100.0]))[0])] < 1.0


def test_a_position_is_found_again_from_its_rarity() -> None:
    survivors, readings = learned(np.abs(np.random.default_rng(3).standard_t(3, 400)))
    fitted = fit(survivors, readings, SHAPE.default_prior(), SHAPE)
    asked = fitted.position_of(np.array([4.5]))
    assert fitted.rarity(asked)[0] == pytest.approx(4.5)


@pytest.mark.parametrize("bad", [[1.0], [0.0] * 48, [float("nan")] * 48, []])
def test_an_unusable_fleet_prior_is_replaced_by_the_default(bad: list[float]) -> None:
    np.testing.assert_array_equal(priors_of({"residual": bad})["residual"], SHAPES["residual"].default_prior())


def test_a_fleet_prior_is_the_mean_curve_of_its_rows() -> None:
    shape = SHAPES["residual"]
    rows = [learned(np.full(many, 4.0), shape) for many in (10, 1000)]
    prior = fleet_prior(np.concatenate([row[0] for row in rows]), np.concatenate([row[1] for row in rows]), shape)
    at = int(shape.position(np.array([4.0]))[0])
    assert prior[at] == pytest.approx(1.0, abs=0.05)
    assert prior[at + 1] < 0.01
    assert priors_of({"residual": prior})["residual"].tolist() == prior
    assert fleet_prior(np.zeros((2, shape.edges), np.float32), np.zeros(2), shape) == shape.default_prior().tolist()
