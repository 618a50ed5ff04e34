"""A forecaster of a machine's own is trained on its train part, judged by the service, and held against the others."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from support.recordings import machine_file
from tidegate.errors import InputError
from tidegate.fleet.readers import open_dataset
from tidegate_training.evaluate import fitted
from tidegate_training.evaluate.headlines import headlines
from tidegate_training.evaluate.results import collect, write
from tidegate_training.evaluate.scoring import service_configuration
from tidegate_training.settings import JOINT_SMOKE, SMOKE

FEW = {"epochs": 1, "updates_per_epoch": 3, "lanes": 4, "validation_readings": 128, "held_out_ratio": 0.5}
TINY, TINY_JOINT = replace(SMOKE, **FEW), replace(JOINT_SMOKE, **FEW)


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    return machine_file(tmp_path_factory.mktemp("machine") / "omi-1.npz", metrics=19, rows=300)


def test_a_machine_is_ranked_by_its_own_forecasters_and_by_pca(machine, tmp_path):
    machines = fitted.run_fitted(machine.parent, service_configuration(), settings=TINY, joint_settings=TINY_JOINT)
    assert list(machines) == ["asd/asd-omi-1"]
    assert tuple(machines["asd/asd-omi-1"]) == fitted.DETECTORS == (fitted.FITTED, fitted.JOINTLY, "PCA")
    figures = fitted.fitted_figures(machines)
    assert list(figures["vus_pr"]) == list(fitted.DETECTORS)
    write(collect("Fitted forecasters", "command", figures, fitted.NOTES), tmp_path / "fitted.json")
    ours, jointly, rival = machines["asd/asd-omi-1"].values()
    assert headlines(tmp_path)["smd_asd_machines_better_than_pca_b"]["value"] == int(ours > rival)
    assert figures["jointly_less_other"]["PCA"]["wins"] == int(jointly > rival)
    assert figures["fitted_less_other"][fitted.JOINTLY]["wins"] == int(ours > jointly)


@pytest.mark.parametrize("settings", [TINY, TINY_JOINT], ids=["alone", "jointly"])
def test_training_never_sees_the_test_part(machine, tmp_path, settings):
    series = open_dataset(machine)[0]
    other = replace(series, values=series.values.copy())
    other.values[series.train_rows :] += 1e3
    weights = [fitted.train_for(one, settings, tmp_path / "checkpoint.pt").state_dict() for one in (series, other)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert np.any(other.values != series.values)


def test_a_folder_without_machines_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError):
        fitted.run_fitted(tmp_path / "empty", service_configuration())
