"""The table takes its figures from the studies' files, leaves out what nobody measured, and says where each is from."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tidegate_training.evaluate import results
from tidegate_training.evaluate.commands import app
from tidegate_training.evaluate.events import EventCounts
from tidegate_training.evaluate.figures import f1_interval, quiet_alerts
from tidegate_training.evaluate.headlines import headlines

RESULTS = Path(__file__).parents[3] / "docs" / "results"


def written(folder, name, figures):
    results.write(results.collect(name, "command", figures, []), folder / f"{name}.json")


def detection():
    kpi = {
        "tidegate": {"event_f1": 0.2, "event_f1_low": 0.1, "event_f1_high": 0.3},
        "AR": {"event_f1": 0.1},
        "always-alarm": {"event_f1": 0.9},
    }
    series = {
        "smd/a": {"tidegate": 0.5, "PCA": 0.4},
        "asd/b": {"tidegate": 0.2, "PCA": 0.4},
        "nab/c": {"tidegate": 0.0, "PCA": 1.0},
    }
    return {"vus_pr_by_series": series, "data_sets": {"kpi": kpi}, "quiet_alerts": {"times_budget": 1.5}}


def test_figures_come_with_interval_floor_study_and_commit(tmp_path):
    written(tmp_path, "detection", detection())
    table = headlines(tmp_path)
    assert (table["kpi_event_f1"]["value"], table["kpi_event_f1"]["low"], table["kpi_event_f1"]["high"]) == (0.2, 0.1, 0.3)
    assert table["smd_asd_machines_better_than_pca_a"]["value"] == 1
    assert table["smd_asd_vus_pr_mean"]["value"] == pytest.approx(0.35)
    assert table["quiet_alert_ratio"]["study"] == "detection"
    assert table["kpi_event_f1"]["commit"] == results.commit()


def test_always_alarm_is_no_baseline_to_beat(tmp_path):
    written(tmp_path, "detection", detection())
    assert headlines(tmp_path)["kpi_best_baseline_f1"]["floor"] == "AR"


def test_what_nobody_measured_is_not_in_the_table(tmp_path):
    assert headlines(tmp_path) == {}
    written(tmp_path, "detection", detection())
    assert "nab_standard_shipped" not in headlines(tmp_path)


def test_the_committed_studies_fill_the_table():
    assert headlines(RESULTS)["nab_standard_shipped"]["value"] > 0


def test_the_command_writes_the_table_into_the_detection_study(tmp_path):
    written(tmp_path, "detection", detection())
    done = CliRunner().invoke(app, ["table", "--results", str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "kpi_event_f1" in json.loads((tmp_path / "detection.json").read_text())["figures"]["table"]
    assert "| kpi_event_f1 | 0.2 |" in (tmp_path / "detection.md").read_text()


def test_an_f1_interval_holds_the_pooled_f1_and_needs_two_series_and_an_event():
    counts = [EventCounts(events=4, detected=number % 3, false_alarms=number % 2) for number in range(20)]
    low, high = f1_interval(counts)
    assert low < sum(counts, EventCounts()).f1 < high
    assert f1_interval(counts[:1]) == pytest.approx((float("nan"),) * 2, nan_ok=True)
    assert f1_interval([EventCounts(), EventCounts()]) == pytest.approx((float("nan"),) * 2, nan_ok=True)


def test_quiet_alerts_without_exposure_are_undefined():
    assert quiet_alerts([], {})["times_budget"] == pytest.approx(float("nan"), nan_ok=True)
