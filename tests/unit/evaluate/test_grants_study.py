"""Gateways that hold devices to their grants: what is used, what the service hears of it, and what the study says of both."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from support.recordings import bitbrains_file, map_files
from tidegate_training.evaluate import grants
from tidegate_training.evaluate.allocation import SITE, decisions, load_demand
from tidegate_training.evaluate.commands import app
from tidegate_training.evaluate.held import HeldService
from tidegate_training.evaluate.policies import capacity_matrix, loads
from tidegate_training.evaluate.scenario import build_scenario, common_traces
from tidegate_training.evaluate.scoring import service_configuration, universal_forecaster

CONFIGURATION = service_configuration()


@pytest.fixture
def demand(tmp_path):
    bitbrains_file(tmp_path / "vms.parquet", machines=9, rows=80)
    map_files(tmp_path / "eua")
    return tmp_path


def test_devices_use_what_they_need_within_their_grant_and_their_gateway_and_nothing_else_is_heard(demand):
    profile = CONFIGURATION.profiles["bitbrains-vm"]
    traces = common_traces(load_demand(demand, CONFIGURATION), profile)
    scenario = build_scenario(demand, SITE, traces)
    service = HeldService(scenario, CONFIGURATION, universal_forecaster())
    heard = []
    read = service._readings
    service._readings = lambda step, until_ms: heard.append(read(step, until_ms)) or heard[-1]
    assigned = decisions(service, scenario)
    needed, used, granted = np.nan_to_num(traces.demand[:-1]), service.used[:-1], service.granted[:-1]
    assert (used <= needed * (1 + 1e-9)).all()
    bounded = granted > 0
    assert (used[bounded] <= granted[bounded] * (1 + 1e-9)).all()
    assert (used < needed * 0.99).any(), "somebody was held to a grant"
    assert (service.could[:-1] >= used - 1e-6 * needed).mean() > 0.99
    for step, at in enumerate(assigned[:-1]):
        assert (loads(at, used[step + 1], len(capacity_matrix(scenario))) <= capacity_matrix(scenario) * (1 + 1e-9)).all()
    rows = {series.device: row for row, series in enumerate(traces.series)}
    cpu, scale = traces.resources.index("cpu_millicores"), 0.3846
    for reading in heard[40]:
        assert reading.metrics["cpu_usage_mhz"] * scale == pytest.approx(used[40, rows[reading.device], cpu], rel=1e-6)
    assert service.renewals > 0


def test_the_study_counts_what_was_lost_and_the_command_writes_it(demand, tmp_path):
    out = tmp_path / "grants.json"
    done = CliRunner().invoke(app, ["grants", "--data", str(demand), "--out", str(out), "--days", "0.2"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    written = json.loads(out.read_text())
    assert written["command"] == "tidegate evaluate grants --data <folder> --out docs/results/grants.json --days 0.2"
    figures = written["figures"]["bitbrains-vm"]
    assert figures["site"]["by moves only"]["renewals"] == 0
    assert figures["site"]["renewed"]["renewals"] > 0
    for resource in ("cpu_millicores", "memory_bytes", "bandwidth_bps"):
        for way in ("renewed", "by moves only"):
            found = figures[resource][way]
            assert 0 <= found["could_not_be_given_percent"] <= found["lost_percent"] + 1e-6 <= 100
        low, high = figures["renewed_less_by_moves_only"][resource][1:]
        assert low <= high
    assert str(demand) not in out.read_text()


def test_what_is_lost_is_a_share_of_what_was_needed_and_who_is_a_hundredth_short_is_counted():
    needed = np.array([10.0, 10.0, 10.0, 0.0]).reshape(2, 2, 1)
    used = np.array([10.0, 9.95, 5.0, 0.0]).reshape(2, 2, 1)
    loop = grants.Loop(needed, used, needed, 2 * needed, 0.0, 0.0)
    found = grants.figures_of(loop, np.arange(2), 0)
    assert found["lost_percent"] == pytest.approx(100 * 5.05 / 30)
    assert found["could_not_be_given_percent"] == 0.0
    assert found["short_minutes"] == 1440 / 4
    assert found["granted_to_used"] == pytest.approx(60 / 24.95)
