"""The two studies on small recordings: the service's own code runs, beside the rivals, and what comes out is complete."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from support.recordings import bitbrains_file, machine_file, map_files
from tidegate.errors import InputError
from tidegate.fleet.readers import open_dataset
from tidegate_training.evaluate.allocation import SITE, decisions, load_demand, run_backtest
from tidegate_training.evaluate.backtest_tally import Judge
from tidegate_training.evaluate.commands import app
from tidegate_training.evaluate.detection import DETECTORS, detection_figures, run_detection
from tidegate_training.evaluate.policies import DoNothing, Greedy, initial_assignment
from tidegate_training.evaluate.scenario import build_scenario, common_traces
from tidegate_training.evaluate.scoring import (
    judge_by_service,
    micro_batches,
    on_test_part,
    service_configuration,
    universal_forecaster,
)

CONFIGURATION = service_configuration()


@pytest.fixture(scope="module")
def forecaster():
    return universal_forecaster()


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    folder = tmp_path_factory.mktemp("machines")
    machine_file(folder / "machine-1.npz", metrics=38)
    machine_file(folder / "omi-1.npz", metrics=19, random_state=1)
    return folder


def test_the_service_is_driven_reading_by_reading_in_order_and_misses_none(machines):
    series = open_dataset(machines)
    seen = [[], []]
    for places, readings in micro_batches(series):
        assert len(places) == len(readings)
        for place, row in places:
            seen[place].append(row)
    assert seen == [list(range(800)), list(range(800))]


def test_company_does_not_change_a_devices_judgement(machines, forecaster):
    one, other = open_dataset(machines)
    together = judge_by_service([one, other], CONFIGURATION, forecaster)
    alone = judge_by_service([one], CONFIGURATION, forecaster)
    np.testing.assert_array_equal(together[0].surprise, alone[0].surprise)
    assert together[0].alarms == alone[0].alarms


def test_the_same_device_twice_is_refused(machines, forecaster):
    one = open_dataset(machines)[0]
    with pytest.raises(InputError, match="same device"):
        judge_by_service([one, one], CONFIGURATION, forecaster)


def test_a_judgement_of_the_test_part_counts_from_its_first_row(machines, forecaster):
    series = open_dataset(machines)[0]
    whole = judge_by_service([series], CONFIGURATION, forecaster)[0]
    cut = on_test_part(whole, series.train_rows)
    assert len(cut.surprise) == 400
    assert cut.alarms == [row - 400 for row in whole.alarms if row >= 400]


def test_every_detector_is_judged_on_every_labelled_series(machines, forecaster):
    study = run_detection(machines, CONFIGURATION)
    assert len(study.outcomes) == 2 * len(DETECTORS)
    figures = detection_figures(study, CONFIGURATION, forecaster)
    assert set(figures["data_sets"]) == {"smd", "asd"}
    assert figures["detectors"]["always-alarm"]["event_recall"] == 1.0
    assert figures["detectors"]["PCA"]["vus_pr"] > 0.9
    assert figures["detectors"]["tidegate"]["vus_pr"] > figures["detectors"]["random"]["vus_pr"]
    assert figures["bytes_per_device"]["smd"] > 0


def test_an_unknown_detector_or_a_folder_without_labels_is_refused(machines, tmp_path):
    with pytest.raises(InputError, match="oracle"):
        run_detection(machines, CONFIGURATION, detectors=["oracle"])
    bitbrains_file(tmp_path / "vms.parquet")
    with pytest.raises(InputError, match="no labelled series"):
        run_detection(tmp_path, CONFIGURATION)


def test_the_detection_command_writes_results_page_and_plot(machines, tmp_path):
    out = tmp_path / "results" / "detection.json"
    options = ["--limit", "1", "--detectors", "tidegate", "--detectors", "PCA"]
    done = CliRunner().invoke(app, ["detection", "--data", str(machines), "--out", str(out), *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    written = json.loads(out.read_text())
    assert set(written["figures"]["detectors"]) == {"tidegate", "PCA"}
    assert str(machines) not in out.read_text()
    assert (out.parent / "detection-vus-pr.svg").read_text().startswith("<?xml")


@pytest.fixture
def demand(tmp_path):
    bitbrains_file(tmp_path / "vms.parquet", machines=9, rows=80)
    map_files(tmp_path / "eua")
    return tmp_path


GATEWAYS = 3


def test_policies_are_judged_on_demand_they_have_not_seen(demand, forecaster):
    replays, figures = run_backtest(demand, CONFIGURATION, forecaster)
    assert set(figures) == {"bitbrains-vm", "bitbrains-vm-dense"}
    whole = figures["bitbrains-vm"]["whole"]
    assert set(whole) == {"do-nothing", "greedy", "tidegate", "clairvoyant"}
    assert whole["do-nothing"]["moves"] == 0
    assert (
        whole["do-nothing"]["overload_minutes"] > whole["greedy"]["overload_minutes"] >= whole["clairvoyant"]["overload_minutes"]
    )
    assert whole["tidegate"]["plans"] > 0
    assert whole["tidegate"]["plans_over_capacity"] == whole["tidegate"]["plans_out_of_reach"] == 0
    low, middle, high = sorted(figures["bitbrains-vm"]["tidegate_less_do_nothing"]["overload_minutes_per_day"])
    assert low <= middle <= high
    assert [len(of[0].scenario.topology.gateways) for of in replays.values()] == [GATEWAYS, GATEWAYS]


def short_scenario(folder):
    taken = load_demand(folder, CONFIGURATION)
    return build_scenario(folder, SITE, common_traces(taken, CONFIGURATION.profiles[taken[0].profile], steps=29))


def test_what_nobody_decided_costs_what_the_recording_says(demand):
    scenario = short_scenario(demand)
    assigned = initial_assignment(scenario)
    capacity = np.array([scenario.topology.gateways[0].capacity[name] for name in scenario.traces.resources])
    seen = scenario.traces.demand[1:]
    full = sum(int((seen[:, assigned == gateway].sum(axis=1) > capacity).any(axis=1).sum()) for gateway in range(3))
    tally = Judge(scenario, 5.0).tally(decisions(DoNothing(scenario), scenario), assigned)
    assert tally.overloaded.sum() == full
    assert tally.moves.sum() == 0


def test_greedy_never_fills_a_gateway_it_moves_to_beyond_its_capacity_as_seen(demand):
    scenario = short_scenario(demand)
    greedy = Greedy(scenario)
    before = initial_assignment(scenario)
    after = greedy.decide(0)
    capacity = scenario.topology.gateways[0].capacity["cpu_millicores"]
    for gateway in set(after[after != before].tolist()):
        assert scenario.traces.demand[0, after == gateway, 0].sum() <= capacity


def test_a_folder_without_demand_is_refused(machines):
    with pytest.raises(InputError, match="demand"):
        load_demand(machines, CONFIGURATION)
