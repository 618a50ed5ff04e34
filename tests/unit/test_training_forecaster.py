"""The forecaster's step: equivariant, robust, and honest about what it has not seen."""

from collections.abc import Iterable

import numpy as np
import pytest
import torch
from torch import Tensor

from tidegate_training.models.forecaster import Step, UniversalForecaster
from tidegate_training.models.running_scale import SCALE_COLUMNS

READINGS = 200


@pytest.fixture
def model() -> UniversalForecaster:
    torch.manual_seed(0)
    return UniversalForecaster(hidden=12, head=8).eval()


@torch.no_grad()
def follow(
    model: UniversalForecaster, values: Iterable[float], mask: float = 1.0, dt: float = 1.0, learn: float = 1.0
) -> list[Step]:
    """Step one row through `values`."""
    scale, memory = model.fresh(1)
    steps = []
    for value in values:
        x = torch.tensor([[value]], dtype=torch.float64)
        steps.append(model(x, torch.full((1, 1), mask), torch.tensor([dt]), torch.tensor([learn]), scale, memory))
        scale, memory = steps[-1].scale, steps[-1].memory
    return steps


def quantiles(steps: list[Step]) -> np.ndarray:
    return np.stack([step.quantiles[0, 0].numpy() for step in steps])


def noisy(n: int = READINGS) -> np.ndarray:
    rng = np.random.default_rng(4)
    return np.sin(np.arange(n) / 9.0) + 0.1 * rng.normal(size=n)


def column(step: Step, name: str) -> float:
    return float(step.scale[0, SCALE_COLUMNS.index(name)])


@pytest.mark.parametrize(("factor", "offset"), [(1e-6, 0.0), (1e9, 0.0), (1.0, 1e4), (3600.0, -273.15)])
def test_another_unit_of_a_metric_changes_nothing_but_the_unit(model: UniversalForecaster, factor: float, offset: float) -> None:
    plain = quantiles(follow(model, noisy()))
    rescaled = quantiles(follow(model, factor * noisy() + offset))
    # From the second reading on: the first has no scale yet but the floor, which is a ratio of the level.
    np.testing.assert_allclose((rescaled[1:] - offset) / factor, plain[1:], atol=1e-5)


def test_quantiles_never_cross(model: UniversalForecaster) -> None:
    wild = np.random.default_rng(2).standard_cauchy(500) * 1e6
    assert (np.diff(quantiles(follow(model, wild)), axis=2) >= 0).all()


def test_the_first_reading_is_forecast_to_go_on_as_it_is(model: UniversalForecaster) -> None:
    np.testing.assert_allclose(quantiles(follow(model, [21.5])), 21.5, rtol=1e-6)


def test_a_constant_metric_has_narrow_finite_bands_around_its_value(model: UniversalForecaster) -> None:
    for value in (0.0, 5.0, -3e8):
        last = quantiles(follow(model, [value] * READINGS))[-1]
        assert np.isfinite(last).all()
        np.testing.assert_allclose(last, value, rtol=1e-6, atol=1e-12)


def test_a_constant_metric_that_starts_to_move_gets_bands_of_its_new_size(model: UniversalForecaster) -> None:
    steps = follow(model, [0.0] * 200 + [5.0, 4.0, 6.0, 5.5, 4.5] * 4)
    assert 0.1 < column(steps[-1], "change_fast") < 10.0


@pytest.mark.parametrize("absurd", [float("nan"), float("inf"), -float("inf"), 1e300, -1e300])
def test_an_absurd_value_counts_as_missing(model: UniversalForecaster, absurd: float) -> None:
    values = noisy()
    values[40] = absurd
    steps = follow(model, values)
    assert np.isfinite(quantiles(steps)).all()
    assert column(steps[40], "last") == values[39]
    assert column(steps[40], "age") == 1.0
    assert column(steps[41], "age") == 0.0


def test_one_spike_of_a_million_sizes_is_soon_forgotten(model: UniversalForecaster) -> None:
    values = noisy()
    values[40] = 1e6
    size = column(follow(model, noisy())[-1], "change_fast")
    steps = follow(model, values)
    assert column(steps[41], "change_fast") < 50.0 * size
    assert column(steps[-1], "change_fast") < 2.0 * size
    assert abs(column(steps[-1], "level_slow")) < 10.0 * size


def test_a_missing_value_ages_the_row_and_leaves_its_scale_alone(model: UniversalForecaster) -> None:
    scale, memory = (step := follow(model, noisy())[-1]).scale, step.memory
    with torch.no_grad():
        missed = model(
            torch.tensor([[99.0]], dtype=torch.float64), torch.zeros(1, 1), torch.ones(1), torch.ones(1), scale, memory
        )
    same = [i for i, name in enumerate(SCALE_COLUMNS) if name != "age"]
    assert torch.equal(missed.scale[:, same], scale[:, same])
    assert column(missed, "age") == 1.0
    assert not torch.equal(missed.memory, memory)


def test_a_row_that_never_had_a_value_forecasts_something_finite(model: UniversalForecaster) -> None:
    assert np.isfinite(quantiles(follow(model, [float("nan")] * 5, mask=0.0))).all()


def test_what_is_not_to_be_learned_moves_the_last_value_only(model: UniversalForecaster) -> None:
    before = follow(model, noisy())[-1]
    with torch.no_grad():
        x = torch.tensor([[5.0]], dtype=torch.float64)
        after = model(x, torch.ones(1, 1), torch.ones(1), torch.zeros(1), before.scale, before.memory)
    for name in ("level_fast", "level_slow", "spread", "change_fast", "change_slow"):
        assert column(after, name) == column(before, name)
    assert column(after, "last") == 5.0


def test_a_long_gap_forgets_what_the_cell_remembered(model: UniversalForecaster) -> None:
    before = follow(model, noisy())[-1]

    def after(memory: Tensor, dt: float) -> Tensor:
        with torch.no_grad():
            x = torch.tensor([[0.5]], dtype=torch.float64)
            return model(x, torch.ones(1, 1), torch.tensor([dt]), torch.ones(1), before.scale, memory).memory

    assert torch.equal(after(before.memory, 1000.0), after(torch.zeros_like(before.memory), 1000.0))
    assert not torch.equal(after(before.memory, 20.0), after(torch.zeros_like(before.memory), 20.0))


@pytest.mark.parametrize("dt", [float("nan"), -5.0, 0.0, 1e30])
def test_an_absurd_gap_leaves_everything_finite(model: UniversalForecaster, dt: float) -> None:
    steps = follow(model, noisy(10), dt=dt)
    assert np.isfinite(quantiles(steps)).all()
    assert torch.isfinite(steps[-1].memory).all()
