"""Tuning: a grid tries everything once, the table is best first, and Optuna is asked for by name where it is missing."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tidegate_training.commands import train
from tidegate_training.data.splits import split
from tidegate_training.data.synthetic import small_series
from tidegate_training.settings import SMOKE, UniversalSettings
from tidegate_training.tuning.proposals import SPACE, Grid
from tidegate_training.tuning.trials import run_trials


def test_a_grid_tries_every_combination_once_in_an_order_that_repeats() -> None:
    space = {"cell": ("plain", "anndra"), "hidden": (4, 8, 16)}
    tried, again = ([*iter(Grid(space, state).next, None)] for state in (1, 1))
    assert tried == again
    assert len({tuple(one.items()) for one in tried}) == len(tried) == 6
    assert tried != [*iter(Grid(space, 2).next, None)]


def test_every_choice_of_the_space_is_a_setting_and_the_shipped_one_is_among_them() -> None:
    for name, values in SPACE.items():
        assert getattr(UniversalSettings(), name) in values


def test_trials_come_best_first_and_a_rate_of_zero_is_not_the_best() -> None:
    settings = replace(SMOKE, updates_per_epoch=8, epochs=1, validation_readings=70)
    parts = split(small_series(), settings.held_out_ratio, settings.random_state)
    found = run_trials(parts, settings, Grid({"learning_rate": (0.0, 1e-2)}, 0), 5)
    assert [trial.changes["learning_rate"] for trial in found] == [1e-2, 0.0]
    assert found[0].held_out < found[1].held_out


def test_without_optuna_the_command_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    out = tmp_path / "trials.json"
    done = CliRunner().invoke(train, ["tune", "--smoke", "--method", "optuna", "--out", str(out)])
    assert done.exit_code == 1
    assert "pip install 'tidegate[tune]'" in done.output
    assert not out.exists()


def test_the_command_writes_a_table_of_trials_and_its_page(tmp_path: Path) -> None:
    out = tmp_path / "trials.json"
    done = CliRunner().invoke(
        train, ["tune", "--smoke", "--trials", "2", "--epochs", "1", "--out", str(out)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    trials = json.loads(out.read_text())["figures"]["trials"]
    assert len(trials) == 2
    assert trials["1"]["held_out"] <= trials["2"]["held_out"]
    assert "flatters" in out.with_suffix(".md").read_text()
