"""The NAB study on small files: what detectors say is declustered, figured, and written as the benchmark wants it."""

import csv
import json
from datetime import datetime, timedelta

import numpy as np
import pytest
from typer.testing import CliRunner

from tidegate.errors import InputError
from tidegate_training.evaluate import verdicts
from tidegate_training.evaluate.commands import app
from tidegate_training.evaluate.episodes import records
from tidegate_training.evaluate.nab import Said, file_table, listen, nab_files
from tidegate_training.evaluate.nab_figures import nab_figures
from tidegate_training.evaluate.nab_layout import detector_name, share, write_layout
from tidegate_training.evaluate.scoring import service_configuration

ROWS, SPIKE = 700, 500
START = datetime(2020, 1, 1)  # the benchmark's files have no zone


def at(row):
    return (START + timedelta(minutes=5 * row)).strftime("%Y-%m-%d %H:%M:%S")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two files of one group, a spike in the first; labels say so."""
    root = tmp_path_factory.mktemp("nab")
    (root / "data" / "group").mkdir(parents=True)
    (root / "labels").mkdir()
    for number, name in enumerate(("spike", "quiet")):
        values = np.random.default_rng(number).normal(10, 1, ROWS)
        values[SPIKE] += 60.0 * (name == "spike")
        lines = ["timestamp,value", *(f"{at(row)},{value:.4f}" for row, value in enumerate(values))]
        (root / "data" / "group" / f"{name}.csv").write_text("\n".join(lines) + "\n")
    windows = {"group/spike.csv": [[f"{at(490)}.000000", f"{at(530)}.000000"]], "group/quiet.csv": []}
    (root / "labels" / "combined_windows.json").write_text(json.dumps(windows))
    return root


@pytest.fixture(scope="module")
def said(folder):
    return listen(nab_files(folder), service_configuration(), detectors=["tidegate", "range check", "random", "always-alarm"])


def test_files_are_named_as_the_labels_name_them_and_have_their_windows(folder):
    files = nab_files(folder)
    assert [(file.name, file.ground.windows) for file in files] == [("group/quiet.csv", 0), ("group/spike.csv", 1)]


def test_a_folder_without_files_of_the_benchmark_is_refused(tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no labelled file"):
        nab_files(tmp_path)


def test_an_unknown_detector_is_refused_before_any_work(folder):
    with pytest.raises(InputError, match="no detector named magic"):
        listen(nab_files(folder), service_configuration(), detectors=["magic"])


def test_the_spike_is_told_and_the_figures_say_how_well(folder, said):
    figures = nab_figures(nab_files(folder), said)
    assert figures["standard"]["tidegate"]["optimised"] > 80
    assert figures["standard"]["tidegate"]["shipped"] > 50
    assert figures["standard"]["always-alarm"]["optimised"] == 0.0
    assert figures["standard"]["always-alarm"]["shipped"] < -1000
    assert figures["shipped_alarms"]["tidegate"]["found"] == 1
    assert figures["standard_tidegate_less_rival"]["random"]["optimised"] > 0


def test_an_optimised_score_is_never_below_silence_nor_below_the_cross_fitted_one(folder, said):
    for profile in ("standard", "low_fp", "low_fn"):
        for row in nab_figures(nab_files(folder), said)[profile].values():
            assert row["optimised"] >= max(0.0, row["cross_fitted"] - 1e-9)


def test_a_files_table_counts_windows_found_and_false_alarms_after_probation(folder):
    files = nab_files(folder)
    none = np.zeros(ROWS)
    table = file_table(files, [Said(none, none, [3, 200]), Said(none, none, [495, 500, 600])])
    assert (table["group/quiet.csv"]["found"], table["group/quiet.csv"]["false_alarms"]) == (0, 1)
    assert (table["group/spike.csv"]["found"], table["group/spike.csv"]["false_alarms"]) == (1, 1)


def test_within_an_episode_only_readings_above_all_before_it_are_left():
    score = np.array([0.0, 3.0, np.nan, 3.0, 5.0, 1.0, 1.0, 2.5, 1.0, 1.0, 1.0, 2.5])
    kept = records(score, floor=2.0, close_after=3)
    assert np.flatnonzero(kept >= 2.0).tolist() == [1, 4, 11]
    assert np.isnan(kept[2])


def test_declustering_looks_only_back():
    score = np.random.default_rng(0).exponential(1.0, 300)
    whole = records(score, floor=2.0, close_after=3)
    np.testing.assert_array_equal(whole[:150], records(score[:150], floor=2.0, close_after=3))


def test_the_layout_has_a_row_per_recorded_row_and_scores_from_0_to_1(folder, tmp_path):
    files = nab_files(folder)
    told = [np.where(np.arange(ROWS) == SPIKE, 4.0, -np.inf)] * 2
    write_layout(files, "range check", told, tmp_path)
    with (tmp_path / "rangeCheck" / "group" / "rangeCheck_spike.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["timestamp", "value", "anomaly_score", "label"]
    assert [row["timestamp"] for row in rows] == [at(row) for row in range(ROWS)]
    assert [float(row["anomaly_score"]) for row in rows][SPIKE] == pytest.approx(0.9)
    assert sum(int(row["label"]) for row in rows) == 41


def test_shared_out_scores_keep_their_order_and_names_their_letters():
    scores = np.array([-1e6, -3.0, 0.0, 1e-3, 400.0, 401.0, 1e6])
    assert np.all(np.diff(share(scores)) > 0)
    assert share(scores)[2] == 0.5
    assert detector_name("isolation forest") == "isolationForest"


def test_what_a_baseline_said_is_kept_and_not_computed_again(folder, tmp_path, monkeypatch):
    taken = [file.series for file in nab_files(folder)]
    first = verdicts.surprises(taken, ["EWMA"], cache=tmp_path)
    monkeypatch.setattr(verdicts, "surprise_of", None)
    again = verdicts.surprises(taken, ["EWMA"], cache=tmp_path)
    np.testing.assert_array_equal(first["EWMA"][0], again["EWMA"][0])
    with pytest.raises(TypeError):
        verdicts.surprises([taken[0].rows(0, 600)], ["EWMA"], cache=tmp_path)


def test_a_series_in_other_units_is_judged_the_same(folder, said, tmp_path):
    """Offset and scale of a metric are the unit's business; powers of two keep the numbers exact where they can be."""
    source = folder / "data" / "group"
    (tmp_path / "data" / "group").mkdir(parents=True)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "combined_windows.json").write_bytes((folder / "labels" / "combined_windows.json").read_bytes())
    for path in source.glob("*.csv"):
        head, *lines = path.read_text().splitlines()
        rows = [line.split(",") for line in lines]
        other = [f"{time},{float(value) * 1024 - 300:.6f}" for time, value in rows]
        (tmp_path / "data" / "group" / path.name).write_text("\n".join([head, *other]) + "\n")
    again = listen(nab_files(tmp_path), service_configuration(), detectors=["tidegate", "range check"])
    for name, each in again.items():
        for here, there in zip(each, said[name], strict=True):
            np.testing.assert_allclose(here.score, there.score, rtol=1e-3, atol=1e-3)
            assert here.alarms == there.alarms


def test_the_number_of_processes_changes_no_figure(folder, said):
    again = listen(nab_files(folder), service_configuration(), detectors=["tidegate", "range check"], processes=2)
    for name, one in again.items():
        for here, there in zip(one, said[name], strict=True):
            np.testing.assert_array_equal(here.score, there.score)
            assert here.alarms == there.alarms


def test_the_detection_command_writes_the_layout_too_also_of_files_whose_labels_are_kept_back(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    group = tmp_path / "blind" / "data" / "group"
    group.mkdir(parents=True)
    (group / "spike.csv").write_bytes((folder / "data" / "group" / "spike.csv").read_bytes())
    command = ["detection", "--data", str(tmp_path / "blind"), "--nab-results", "layout", "--detectors", "tidegate"]
    done = CliRunner().invoke(app, command)
    assert isinstance(done.exception, InputError), "there is nothing to figure without labels"
    rows = (tmp_path / "layout" / "tidegate" / "group" / "tidegate_spike.csv").read_text().splitlines()
    assert len(rows) == ROWS + 1
    assert {row.rsplit(",", 1)[1] for row in rows[1:]} == {"0"}


def test_the_command_writes_results_page_and_layout(folder, tmp_path):
    out = tmp_path / "nab.json"
    options = ["--detectors", "tidegate", "--detectors", "EWMA", "--cache", str(tmp_path / "cache")]
    command = ["nab", "--data", str(folder), "--out", str(out), "--nab-results", str(tmp_path / "layout"), *options]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    figures = json.loads(out.read_text())["figures"]
    assert figures["files"] == 2
    assert figures["bytes_per_device"] > 0
    assert (tmp_path / "layout" / "tidegate" / "group" / "tidegate_quiet.csv").is_file()
    assert (tmp_path / "nab-standard.svg").read_text().startswith("<?xml")
    assert "tidegate less rival" in out.with_suffix(".md").read_text()
