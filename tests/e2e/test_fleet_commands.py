"""`tidegate simulate` and `tidegate replay` into a file, from the command line."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tidegate.cli import replay, simulate
from tidegate.contracts.codec import decode
from tidegate.contracts.command import Command, check_command
from tidegate.contracts.reading import Reading
from tidegate.errors import DependencyError, TidegateError


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    simulate.register(app)
    replay.register(app)
    return app


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def nab_file(folder: Path) -> Path:
    path = folder / "speed.csv"
    path.write_text("timestamp,value\n2015-08-31 18:00:00,90\n2015-08-31 18:05:00,\n2015-08-31 18:10:00,7\n", encoding="utf-8")
    return path


def test_simulate_writes_readings_labels_and_topologies_and_repeats_itself(tmp_path: Path, app: typer.Typer) -> None:
    runner = CliRunner()
    for name in ("a", "b"):
        options = ["--devices", "10", "--duration", "300", "--labels", str(tmp_path / f"{name}.labels.jsonl"), "--seed", "3"]
        result = runner.invoke(app, ["simulate", "--to", str(tmp_path / f"{name}.jsonl"), *options])
        assert result.exit_code == 0, result.output
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert (tmp_path / "a.labels.jsonl").read_bytes() == (tmp_path / "b.labels.jsonl").read_bytes()
    readings = [decode(line, Reading) for line in lines(tmp_path / "a.jsonl")]
    assert len({reading.device for reading in readings}) == 20
    for line in lines(tmp_path / "a.commands.jsonl"):
        check_command(decode(line, Command))
    labels = [json.loads(line) for line in lines(tmp_path / "a.labels.jsonl")]
    assert [label["type"] for label in labels[:3]] == ["spike", "level-shift", "gateway-outage"]
    assert "sent" in result.stderr


def test_the_rate_is_that_of_the_whole_fleet(tmp_path: Path, app: typer.Typer) -> None:
    options = ["--sites", "1", "--devices", "20", "--rate", "40", "--duration", "10", "--faults", "none", "--quiet"]
    result = CliRunner().invoke(app, ["simulate", "--to", str(tmp_path / "f.jsonl"), *options])
    assert result.exit_code == 0, result.output
    assert len(lines(tmp_path / "f.jsonl")) == 400
    assert result.stderr == ""


def test_replay_writes_the_recorded_readings_in_order(tmp_path: Path, app: typer.Typer) -> None:
    out = tmp_path / "out.jsonl"
    result = CliRunner().invoke(app, ["replay", str(nab_file(tmp_path)), "--to", str(out), "--speed", "0", "--site", "road"])
    assert result.exit_code == 0, result.output
    readings = [decode(line, Reading) for line in lines(out)]
    assert [reading.metrics["value"] for reading in readings] == [90.0, None, 7.0]  # type: ignore[index]  # plain text will do
    assert {reading.site for reading in readings} == {"road"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["simulate", "--to", "f.jsonl", "--rate", "0"],
        ["simulate", "--to", "f.jsonl", "--faults", "some"],
        ["simulate", "--to", "f.jsonl", "--missing", "2"],
        ["simulate", "--to", "f.jsonl", "--format", "packed"],
        ["simulate", "--to", "ftp://x"],
        ["simulate", "--to", "localhost:8080"],
        ["simulate", "--to", "."],
        ["replay", "nowhere"],
        ["replay", ".", "--speed", "-1"],
    ],
)
def test_what_cannot_be_done_ends_in_our_own_error(
    tmp_path: Path, app: typer.Typer, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, TidegateError)


@pytest.mark.parametrize("command", ["simulate", "replay"])
def test_help_shows_examples(app: typer.Typer, command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"tidegate {command}" in result.output


@pytest.mark.parametrize("command", [["simulate", "--duration", "10"], ["replay", "speed.csv", "--speed", "0"]])
def test_a_full_disk_ends_in_our_own_error(
    tmp_path: Path, app: typer.Typer, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nab_file(tmp_path)
    (tmp_path / "full.jsonl").symlink_to("/dev/full")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [*command, "--to", "full.jsonl"])
    assert isinstance(result.exception, DependencyError)
    assert "full.jsonl: cannot be written: No space left on device" in str(result.exception)
