"""The acceptance command on a small fleet: the real service as a process, stopped and killed, held against its own journal."""

import json

import pytest
from typer.testing import CliRunner

from support.recordings import bitbrains_file, machine_file, map_files
from tidegate_training.evaluate import results
from tidegate_training.evaluate.acceptance.verdict import broken_promises
from tidegate_training.evaluate.commands import app

PROMISED = {
    *("readings_in", "scored", "duplicate", "quarantined", "dead_lettered", "pending", "doubled_ids", "plans"),
    *("plans_over_capacity", "plans_out_of_reach", "latency_ms_p50", "latency_ms_p99", "readings_per_second"),
    "restart_same_digest",
}
"""Figures that every acceptance file has."""


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet")
    machine_file(folder / "smd" / "machine-1.npz", metrics=38)
    machine_file(folder / "asd" / "omi-1.npz", metrics=19, random_state=1)
    bitbrains_file(folder / "bitbrains" / "vms.parquet", machines=9, rows=80)
    map_files(folder / "eua")
    out = folder / "results" / "acceptance.json"
    done = CliRunner().invoke(app, ["acceptance", "--data", str(folder), "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert str(folder) not in out.read_text() + out.with_suffix(".md").read_text()
    return results.read(out).figures


def test_every_promised_figure_is_there_and_no_promise_was_broken(figures):
    assert set(figures) >= PROMISED
    assert broken_promises(figures) == []
    assert figures["readings_in"] == 400 + 400 + 9 * 80 == figures["scored"]


def test_readings_sent_twice_count_once(figures):
    assert figures["duplicate"] == figures["received"] - figures["readings_in"] > 0


def test_the_drained_gateway_made_a_lawful_plan(figures):
    assert figures["plans"] > 0
    assert figures["plans_over_capacity"] == figures["plans_out_of_reach"] == 0


def test_detectors_and_baselines_stand_side_by_side(figures):
    assert set(figures["detectors"]) >= {"tidegate", "random", "always-alarm", "range check", "EWMA", "PCA"}
    assert all(
        set(each) >= {"vus_pr", "event_precision", "event_recall", "false_alarms_per_device_day"}
        for each in figures["detectors"].values()
    )


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        ({"scored": 1}, "every reading is accounted for"),
        ({"pending": 1}, "every reading is accounted for"),
        ({"readings_in": 9_999}, "no reading is lost"),
        ({"doubled_ids": 1}, "no effect is doubled"),
        ({"restart_same_digest": False}, "a restart changes nothing"),
        ({"plans_over_capacity": 1}, "no plan overfills a gateway"),
        ({"plans_out_of_reach": 1}, "no plan leaves a device's reach"),
    ],
)
def test_each_broken_promise_is_named(figures, change, promise):
    assert promise in broken_promises(json.loads(json.dumps(figures)) | change)
