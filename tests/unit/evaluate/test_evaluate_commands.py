"""What the commands say before they spend minutes: what is missing, and what cannot be read."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tidegate.errors import DependencyError, InputError
from tidegate_training.evaluate import commands, running

NEED_DATA = (
    "detection",
    "nab",
    "forecast",
    "classifier",
    "robustness",
    "why",
    "allocation",
    "grants",
    "acceptance",
    "models",
    "fitted",
)


@pytest.mark.parametrize("name", NEED_DATA)
def test_without_the_extra_a_command_names_what_to_install(name, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "find_spec", lambda library: None)
    done = CliRunner().invoke(commands.app, [name, "--data", str(tmp_path), "--out", str(tmp_path / "out.json")])
    assert isinstance(done.exception, DependencyError)
    assert "pip install 'tidegate[evaluate]'" in str(done.exception)


@pytest.mark.parametrize("name", NEED_DATA)
def test_a_folder_without_data_is_an_input_error_and_nothing_is_written(name, tmp_path):
    out = tmp_path / "out.json"
    done = CliRunner().invoke(commands.app, [name, "--data", str(tmp_path), "--out", str(out)])
    assert isinstance(done.exception, InputError)
    assert not out.exists()


def test_the_command_in_a_results_file_names_no_folder_of_the_machine():
    shown = running.cited("detection", Path("/somewhere/private/d.json"), ["--limit 3"])
    assert shown == "tidegate evaluate detection --data <folder> --out docs/results/d.json --limit 3"
