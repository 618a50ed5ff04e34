"""The loop: an interrupted run goes on to the same weights, and a wrong checkpoint is refused by name."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tidegate.errors import ConfigurationError
from tidegate_training.data.splits import Split, split
from tidegate_training.data.synthetic import small_series
from tidegate_training.data_size import loss_by_size
from tidegate_training.models.unroll import pinball
from tidegate_training.settings import SMOKE
from tidegate_training.train import Run, Trained, train

SETTINGS = replace(SMOKE, epochs=3, updates_per_epoch=3)


class PowerCutError(Exception):
    """Ends a run between two updates."""


@pytest.fixture(scope="module")
def parts() -> Split:
    return split(small_series(), SETTINGS.held_out_ratio, SETTINGS.random_state)


@pytest.fixture(scope="module")
def uninterrupted(parts: Split, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(parts, SETTINGS, Run(tmp_path_factory.mktemp("whole") / "checkpoint.pt"))


def test_a_run_cut_off_within_an_epoch_resumes_to_the_weights_of_an_uninterrupted_one(
    parts: Split, uninterrupted: Trained, tmp_path: Path
) -> None:
    def cut_off(epoch: int, loss: float) -> None:
        if epoch == 2:
            raise PowerCutError

    checkpoint = tmp_path / "checkpoint.pt"
    with pytest.raises(PowerCutError):
        train(parts, SETTINGS, Run(checkpoint, on_update=cut_off))
    epochs_run = []
    resumed = train(parts, SETTINGS, Run(checkpoint, resume=True, on_update=lambda epoch, loss: epochs_run.append(epoch)))
    assert set(epochs_run) == {2}
    assert resumed.held_out_losses == uninterrupted.held_out_losses
    for name, value in uninterrupted.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], value), name


def test_training_lowers_the_held_out_loss(uninterrupted: Trained) -> None:
    assert uninterrupted.held_out_losses[-1] < uninterrupted.held_out_losses[0]


def test_a_run_stops_when_the_held_out_loss_no_longer_falls(parts: Split, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=50, patience=1, learning_rate=0.0)
    assert len(train(parts, settings, Run(tmp_path / "checkpoint.pt")).train_losses) == 2


@pytest.mark.usefixtures("uninterrupted")
def test_a_checkpoint_of_other_settings_or_data_is_refused_by_name(parts: Split, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    train(parts, replace(SETTINGS, epochs=1), Run(checkpoint, data={"synthetic": "a"}))
    with pytest.raises(ConfigurationError, match="hidden"):
        train(parts, replace(SETTINGS, epochs=1, hidden=4), Run(checkpoint, resume=True, data={"synthetic": "a"}))
    with pytest.raises(ConfigurationError, match="data"):
        train(parts, replace(SETTINGS, epochs=1), Run(checkpoint, resume=True, data={"synthetic": "b"}))


def test_a_corrupt_checkpoint_is_refused(parts: Split, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_bytes(b"not a checkpoint")
    with pytest.raises(ConfigurationError, match="not a checkpoint"):
        train(parts, SETTINGS, Run(checkpoint, resume=True))


def test_pinball_loss_weighs_misses_by_level_and_ignores_unknown_targets() -> None:
    quantiles = torch.zeros(2, 4, 7)
    targets = torch.full((2, 4), float("nan"))
    targets[0, 0] = 1.0
    loss, count = pinball(quantiles, targets)
    assert count.tolist() == [1, 0, 0, 0]
    np.testing.assert_allclose(loss, [(0.01 + 0.05 + 0.25 + 0.5 + 0.75 + 0.95 + 0.99) / 7, 0, 0, 0], rtol=1e-6)


def test_the_loss_by_size_ends_with_the_run_itself(parts: Split, uninterrupted: Trained) -> None:
    found = loss_by_size(parts, replace(SETTINGS, epochs=1, validation_readings=70), uninterrupted)
    assert list(found) == sorted(found)
    assert len(found) == 4
    assert list(found.items())[-1] == (sum(one.rows for one in parts.train), min(uninterrupted.held_out_losses))
