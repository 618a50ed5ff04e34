"""Sensors fall silent and levels shift where they are meant to, and what detectors make of it is counted."""

import json
import math

import numpy as np
import pytest
from typer.testing import CliRunner

from support.recordings import machine_file
from tidegate.fleet.readers import open_dataset
from tidegate_training.evaluate import robustness
from tidegate_training.evaluate.baselines import Judgement
from tidegate_training.evaluate.commands import app
from tidegate_training.evaluate.events import EventCounts
from tidegate_training.evaluate.injections import AFTER_READINGS, Shifted, quiet_stretch, shifted, without_sensors
from tidegate_training.evaluate.robustness import loss_figures, shift_figures


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    return open_dataset(machine_file(tmp_path_factory.mktemp("machine") / "omi-1.npz", metrics=19, rows=800))[0]


def test_a_tenth_of_the_metrics_is_gone_from_the_test_part_on_and_nothing_else_is_touched(machine):
    poorer = without_sensors(machine, 0.1, random_state=1)
    gone = np.isnan(poorer.values[machine.train_rows :]).all(axis=0)
    assert gone.sum() == 2
    assert not np.isnan(machine.values).any()
    np.testing.assert_array_equal(poorer.values[: machine.train_rows], machine.values[: machine.train_rows])
    np.testing.assert_array_equal(poorer.values[:, ~gone], machine.values[:, ~gone])


def test_a_quiet_stretch_has_no_label_and_half_of_it_before_the_shift_is_history(machine):
    stretch = quiet_stretch(machine)
    assert not stretch.labels.any()
    assert stretch.train_rows == (len(stretch) - AFTER_READINGS) // 2
    assert quiet_stretch(machine.rows(0, 300)) is None


def test_a_shift_moves_one_metric_by_four_of_its_standard_deviations_at_the_end(machine):
    stretch = quiet_stretch(machine)
    one = shifted(stretch, random_state=3)
    moved = one.series.values - stretch.values
    assert np.flatnonzero(np.abs(moved).sum(axis=0)).tolist() == [one.metric]
    assert not moved[: one.at].any()
    sigma = stretch.values[: one.at, one.metric].std()
    np.testing.assert_allclose(np.abs(moved[one.at :, one.metric]), 4 * sigma)
    assert np.flatnonzero(one.series.labels).tolist() == list(range(one.at, len(stretch)))


def test_a_stretch_on_which_nothing_moves_is_not_shifted(machine):
    stretch = quiet_stretch(machine)
    stretch.values[:] = 1.0
    assert shifted(stretch, random_state=0) is None


def test_delays_count_from_the_shift_and_a_missed_one_is_infinite(machine):
    stretch = machine.rows(0, 1200)
    one = Shifted(stretch, 0, at=stretch.train_rows + 50)
    said = [Judgement(np.zeros(0), rows) for rows in ([10, 53], [49, 150], [50])]
    figures = shift_figures([one] * 3, said)
    assert figures["found"] == pytest.approx(2 / 3)
    assert (figures["delay_median"], figures["delay_median_of_found"]) == (3.0, 3.0)
    assert math.isinf(figures["delay_p90"])
    assert figures["alarms_before"] == 2


def test_the_drop_is_a_share_of_what_was_found_before():
    before = [EventCounts(events=2, detected=2), EventCounts(events=2, detected=2)]
    after = [EventCounts(events=2, detected=1), EventCounts(events=2, detected=2)]
    figures = loss_figures(before, after)
    assert figures["drop"] == pytest.approx(1 - 6 / 7)
    assert figures["drop_low"] <= figures["drop"] <= figures["drop_high"]


def test_without_devices_everything_is_undefined():
    assert math.isnan(loss_figures([], [])["drop"])
    assert math.isnan(shift_figures([], [])["delay_median"])


def test_the_command_writes_both_for_every_detector(tmp_path, monkeypatch):
    monkeypatch.setattr(robustness, "SHIFTS_PER_SERIES", 1)
    machine_file(tmp_path / "omi-1.npz", metrics=19, rows=420)
    out = tmp_path / "robustness.json"
    options = ["--detectors", "tidegate", "--detectors", "PCA"]
    done = CliRunner().invoke(app, ["robustness", "--data", str(tmp_path), "--out", str(out), *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    figures = json.loads(out.read_text())["figures"]
    assert set(figures["sensor_loss"]) == set(figures["level_shifts"]) == {"tidegate", "PCA"}
    assert figures["level_shifts"]["PCA"]["shifts"] == 1
    assert "asd" in figures["level_shifts_tidegate_by_data_set"]
