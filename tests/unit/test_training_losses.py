"""Penalties and the optimiser that adds noise: what each punishes, and that none is there unless asked for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tidegate.errors import ConfigurationError
from tidegate_training.data.lanes import LaneBatcher, LaneSource
from tidegate_training.data.splits import split
from tidegate_training.data.synthetic import small_series
from tidegate_training.losses import l2, objective, smoothness, total_variation
from tidegate_training.models.cells import build
from tidegate_training.models.unroll import Unrolled, normalised_targets, pinball, unroll, weighted
from tidegate_training.settings import SMOKE
from tidegate_training.sghmc import SGHMC
from tidegate_training.train import Run, train


@pytest.fixture(scope="module")
def batch():
    torch.manual_seed(0)
    model = build(SMOKE)
    window = LaneBatcher(LaneSource(small_series(), SMOKE), SMOKE, np.random.default_rng(1)).next()
    return model, window, unroll(model, window, *model.fresh(SMOKE.lanes))


def test_by_default_the_objective_is_the_pinball_loss_alone(batch) -> None:
    model, window, unrolled = batch
    plain = weighted(pinball(unrolled.normalised, normalised_targets(window, unrolled.seen))[0])
    assert torch.equal(objective(model, window, unrolled, SMOKE), plain)


@pytest.mark.parametrize("name", ["smoothness", "l2", "total_variation"])
def test_each_penalty_counts_by_its_weight(batch, name: str) -> None:
    model, window, unrolled = batch
    weights = (0.0, 1.0, 2.0)
    none, once, twice = (objective(model, window, unrolled, replace(SMOKE, **{name: weight})).item() for weight in weights)
    assert once > none
    assert twice - none == pytest.approx(2.0 * (once - none), rel=1e-4)


def test_what_the_penalties_do_not_punish(batch) -> None:
    model, _, unrolled = batch
    still = Unrolled(torch.ones(5, 2, 4, 7), unrolled.seen, unrolled.scale, unrolled.memory)
    assert smoothness(model, still).item() == 0.0
    linear = torch.nn.Linear(3, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.ones(2, 1) * torch.tensor([1.0, -2.0, 2.0]))
        linear.bias.zero_()
    assert total_variation(linear, still).item() == 0.0
    assert l2(linear, still).item() == pytest.approx(18.0)


def test_without_noise_it_is_momentum_and_finds_a_minimum() -> None:
    at = torch.tensor([3.0, -2.0], requires_grad=True)
    optimiser = SGHMC([at], lr=0.01, temperature=0.0)
    for _ in range(400):
        optimiser.zero_grad()
        at.square().sum().backward()
        optimiser.step()
    assert at.abs().max().item() < 1e-3


def test_with_noise_it_samples_around_the_minimum_with_the_variance_of_its_temperature() -> None:
    torch.manual_seed(0)
    at = torch.zeros(4000, requires_grad=True)
    optimiser = SGHMC([at], lr=0.01, temperature=0.25)
    for _ in range(400):
        optimiser.zero_grad()
        (0.5 * at.square()).sum().backward()
        optimiser.step()
    assert at.var().item() == pytest.approx(0.25, rel=0.15)


def test_a_run_with_noise_resumes_to_the_weights_of_an_uninterrupted_one(tmp_path: Path) -> None:
    settings = replace(SMOKE, updates_per_epoch=3, optimiser="sghmc", validation_readings=70)
    parts = split(small_series(), settings.held_out_ratio, settings.random_state)
    whole = train(parts, settings, Run(tmp_path / "whole.pt"))

    class CutOffError(Exception):
        pass

    def cut_off(epoch: int, loss: float) -> None:
        if epoch == 1:
            raise CutOffError

    with pytest.raises(CutOffError):
        train(parts, settings, Run(tmp_path / "cut.pt", on_update=cut_off))
    resumed = train(parts, settings, Run(tmp_path / "cut.pt", resume=True))
    assert resumed.held_out_losses == whole.held_out_losses


def test_an_unknown_optimiser_is_refused(tmp_path: Path) -> None:
    parts = split(small_series(), SMOKE.held_out_ratio, SMOKE.random_state)
    with pytest.raises(ConfigurationError, match="lion"):
        train(parts, replace(SMOKE, optimiser="lion"), Run(tmp_path / "checkpoint.pt"))
