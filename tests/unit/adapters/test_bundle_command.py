"""`tidegate bundle`: people see what is there and what is wrong with it."""

from pathlib import Path

from tiny_bundle import write_bundle
from typer.testing import CliRunner

from tidegate.cli.bundle import app
from tidegate.errors import BundleError

run = CliRunner().invoke


def test_verify_accepts_a_sound_bundle(tmp_path: Path) -> None:
    result = run(app, ["verify", str(write_bundle(tmp_path))])
    assert result.exit_code == 0
    assert "as promised" in result.output


def test_verify_says_everything_that_differs_and_fails(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, changes={"task": "dream", "opset": 3})
    result = run(app, ["verify", str(folder)])
    assert result.exit_code == 1
    assert "task is dream, expected forecast or classify" in result.output
    assert "opset is 17, expected 3" in result.output


def test_verify_of_nothing_is_our_error(tmp_path: Path) -> None:
    result = run(app, ["verify", str(tmp_path)])
    assert isinstance(result.exception, BundleError)


def test_list_names_each_bundle_once_in_its_newest_version(tmp_path: Path) -> None:
    write_bundle(tmp_path, name="mine", version="1")
    write_bundle(tmp_path, name="mine", version="2")
    result = run(app, ["list", str(tmp_path)], env={"COLUMNS": "300"})
    assert result.exit_code == 0
    assert "mine/2" in result.output and "mine/1" not in result.output
