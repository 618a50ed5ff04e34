"""The ablation of evidence adds up what the service adds up, and leaves out what it says."""

import numpy as np
import pytest

from support.recordings import machine_file
from tidegate.errors import InputError
from tidegate.fleet.readers import open_dataset
from tidegate_training.evaluate.ablation import SHIPPED, WAYS, WITHOUT_SLOW, listen, run_ablation
from tidegate_training.evaluate.scoring import judge_by_service, service_configuration, universal_forecaster

CONFIGURATION = service_configuration()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("machines")
    machine_file(made / "machine-1.npz", metrics=38)
    machine_file(made / "omi-1.npz", metrics=19, random_state=1)
    return made


def test_as_shipped_is_the_surprise_that_the_service_reports(folder):
    series = open_dataset(folder)
    forecaster = universal_forecaster()
    reported = judge_by_service(series, CONFIGURATION, forecaster)
    found = listen(series, CONFIGURATION, forecaster)
    way = list(WAYS)
    for one, judgement in zip(found, reported, strict=True):
        np.testing.assert_allclose(one.surprise[way.index(SHIPPED)], judgement.surprise, rtol=1e-9, atol=1e-12)
        less = one.surprise[way.index(SHIPPED)] - one.surprise[way.index(WITHOUT_SLOW)]
        assert less.min() > -1e-9
        assert less.max() > 0.5


def test_figures_name_every_way_and_data_set(folder):
    figures = run_ablation(folder, CONFIGURATION, universal_forecaster())
    assert list(figures["vus_pr"]) == list(WAYS)
    assert set(figures["vus_pr"][SHIPPED]) == {"smd", "asd", "all series", "low", "high"}
    assert {left["way"] for left in figures["nested_selection"].values()} <= set(WAYS)


def test_a_folder_without_short_enough_series_is_refused(folder):
    with pytest.raises(InputError, match="no labelled series"):
        run_ablation(folder, CONFIGURATION, universal_forecaster(), longest=10)
