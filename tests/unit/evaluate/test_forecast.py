"""The forecast study: what the service forecast is held against what was demanded, on time training never saw."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from support.recordings import bitbrains_file
from tidegate.contracts.forecast import HORIZONS, QUANTILE_LEVELS
from tidegate.errors import InputError
from tidegate.fleet.readers import open_dataset
from tidegate_training.evaluate.commands import app
from tidegate_training.evaluate.direct_autoregression import direct_autoregression
from tidegate_training.evaluate.forecast import TIDEGATE, follow, judge_demand, run_forecast, unseen_devices
from tidegate_training.evaluate.forecast_figures import summary
from tidegate_training.evaluate.scoring import service_configuration, universal_forecaster

CONFIGURATION = service_configuration()
ROWS = 700


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    path = tmp_path_factory.mktemp("vms") / "vms.parquet"
    return open_dataset(bitbrains_file(path, machines=2, rows=ROWS))


@pytest.fixture(scope="module")
def forecaster():
    return universal_forecaster()


def perfect(values):
    """Quantiles that all are what will be."""
    ahead = [np.concatenate([values[horizon:], np.full(horizon, np.nan)]) for horizon in HORIZONS]
    return np.repeat(np.nan_to_num(np.stack(ahead, axis=1))[:, :, None], len(QUANTILE_LEVELS), axis=2)


def test_a_perfect_forecast_has_no_loss_and_covers_everything(machines):
    values = machines[0].values[:, 0]
    judged = judge_demand(machines[0], "cpu_millicores", values, perfect(values), unseen=True)
    assert judged.loss[TIDEGATE] == pytest.approx(np.zeros(len(HORIZONS)))
    assert judged.covered == pytest.approx(np.ones(len(HORIZONS)))
    assert (judged.loss["last value"] > 0).all()


def test_a_forecast_that_is_always_too_low_covers_nothing(machines):
    values = machines[0].values[:, 0]
    judged = judge_demand(machines[0], "cpu_millicores", values, perfect(values) - 1.0, unseen=True)
    assert judged.covered == pytest.approx(np.zeros(len(HORIZONS)))
    assert judged.loss[TIDEGATE] == pytest.approx(np.full(len(HORIZONS), np.mean(QUANTILE_LEVELS)))


def test_constant_demand_is_not_judged(machines):
    values = np.full(ROWS, 5.0)
    assert judge_demand(machines[0], "memory_bytes", values, perfect(values), unseen=True) is None


def test_the_services_forecasts_are_of_the_time_after_each_reading_and_not_better_informed(machines, forecaster):
    taken = [machine.rows(0, 120) for machine in machines]
    resources, now, quantiles = follow(taken, CONFIGURATION, forecaster)
    assert resources == ["bandwidth_bps", "cpu_millicores", "memory_bytes"]
    np.testing.assert_allclose(now[0][:, 1], taken[0].values[:, 0] * 0.3846)
    _, _, cut = follow([machines[0].rows(0, 80)], CONFIGURATION, forecaster)
    np.testing.assert_array_equal(cut[0], quantiles[0][:80])


def test_devices_training_held_out_are_told_from_those_it_saw(machines):
    used = [SimpleNamespace(dataset="bitbrains")]
    seen = SimpleNamespace(data=used, settings={"held_out_ratio": 0.5, "random_state": 7})
    assert len(unseen_devices(machines, seen)) == 1
    assert len(unseen_devices(machines, SimpleNamespace(data=[], settings={}))) == 2


def test_an_autoregression_continues_a_cycle_it_was_fitted_on():
    values = 10 + np.sin(np.arange(600) / 9)
    quantiles = direct_autoregression(values, 400)
    for column, horizon in enumerate(HORIZONS):
        np.testing.assert_allclose(quantiles[450:550, column, 3], values[450 + horizon : 550 + horizon], atol=1e-6)
    np.testing.assert_array_equal(direct_autoregression(values[:500], 400), quantiles[:500])


def test_the_ratio_is_to_the_naive_forecast_that_is_harder_to_beat():
    one = SimpleNamespace(loss={TIDEGATE: np.ones(4), "last value": np.full(4, 2.0), "daily seasonal": np.full(4, 4.0)})
    one.covered = np.full(4, 0.9)
    row = summary([one, one])
    assert row["best_naive"] == "last value"
    assert row["pinball_ratio"] == pytest.approx(0.5)
    assert row["ratio_to_daily_seasonal"] == pytest.approx(0.25)
    assert row["coverage_90"] == pytest.approx(0.9)


def test_demand_that_never_varies_is_refused(tmp_path, forecaster):
    bitbrains_file(tmp_path / "vms.parquet", machines=1, rows=60)
    with pytest.raises(InputError, match="no demand that varies"):
        run_forecast(tmp_path, CONFIGURATION, forecaster.manifest)


def test_the_command_writes_ratios_and_coverage(tmp_path):
    bitbrains_file(tmp_path / "vms.parquet", machines=2, rows=ROWS)
    out = tmp_path / "forecast.json"
    done = CliRunner().invoke(app, ["forecast", "--data", str(tmp_path), "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    figures = json.loads(out.read_text())["figures"]
    assert 0 < figures["overall"]["all"]["coverage_90"] <= 1
    assert set(figures["by_horizon"]) == {"1 intervals", "3 intervals", "12 intervals", "36 intervals"}
