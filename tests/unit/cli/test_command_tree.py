"""Every command of the program can be used by somebody who sees it for the first time, and by a program."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.core import TyperOption
from typer.main import get_command

from tidegate.cli.main import app
from tidegate.cli.reference import _walk, reference_page

ROOT = Path(__file__).parents[3]
COMMANDS = dict(_walk("tidegate", get_command(app)))

PRINTS_NO_DATA = {
    "tidegate serve": "logs until it is stopped; logging.format makes them JSON",
    "tidegate demo": "shows a screen, or the lines of watch",
    "tidegate schemas asyncapi write": "writes a file",
    "tidegate schemas asyncapi check": "says one line, and its exit code says it too",
    "tidegate schemas topics write": "writes a file",
    "tidegate schemas topics check": "says one line, and its exit code says it too",
    "tidegate evaluate detection": "its figures go to the JSON file of --out",
    "tidegate evaluate ablation": "its figures go to the JSON file of --out",
    "tidegate evaluate models": "its figures go to the JSON file of --out",
    "tidegate evaluate fitted": "its figures go to the JSON file of --out",
    "tidegate evaluate irap": "its figures go to the JSON file of --out",
    "tidegate evaluate planner": "its figures go to the JSON file of --out",
    "tidegate evaluate nab": "its figures go to the JSON file of --out",
    "tidegate evaluate robustness": "its figures go to the JSON file of --out",
    "tidegate evaluate why": "its figures go to the JSON file of --out",
    "tidegate evaluate forecast": "its figures go to the JSON file of --out",
    "tidegate evaluate classifier": "its figures go to the JSON file of --out",
    "tidegate evaluate table": "writes into the detection study's JSON file",
    "tidegate evaluate allocation": "its figures go to the JSON file of --out",
    "tidegate evaluate grants": "its figures go to the JSON file of --out",
    "tidegate evaluate acceptance": "its figures go to the JSON file of --out",
    "tidegate train flows": "writes a bundle, whose manifest is JSON",
    "tidegate train tune": "its table of trials goes to the JSON file of --out",
    "tidegate train profile": "writes a bundle, whose manifest is JSON",
    "tidegate train universal": "writes a bundle, whose manifest is JSON",
    "tidegate train prior": "writes a bundle, whose manifest is JSON",
}
"""Commands without --json, and why."""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_and_shows_an_example(name: str) -> None:
    command = COMMANDS[name]
    assert command.help, "no help text"
    assert command.help.strip().split("\n\n")[0].rstrip().endswith("."), "the first paragraph is a sentence"
    text = f"{command.help}\n{command.epilog or ''}"
    assert "Example" in text, "no example"
    words = name.split()
    assert name in text, f"no example calls {' '.join(words)}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_argument_says_what_it_is(name: str) -> None:
    unsaid = [each.name for each in COMMANDS[name].params if not getattr(each, "help", None)]
    assert [each for each in unsaid if each not in ("help",)] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_prints_data_prints_json_on_request(name: str) -> None:
    options = {option for each in COMMANDS[name].params for option in each.opts}
    assert ("--json" in options) != (name in PRINTS_NO_DATA), PRINTS_NO_DATA.get(name, "add --json")


@pytest.mark.parametrize("name", COMMANDS)
def test_what_asks_a_service_takes_its_address_and_credential_from_the_environment(name: str) -> None:
    options = {each.name: each for each in COMMANDS[name].params if isinstance(each, TyperOption)}
    if "url" in options:
        assert (options["url"].envvar, options["token"].envvar) == ("TIDEGATE_URL", "TIDEGATE_TOKEN")


@pytest.mark.parametrize("name", [name for name, each in COMMANDS.items() if any(one.name == "wait" for one in each.params)])
def test_every_order_ends_with_the_same_options_in_the_same_order(name: str) -> None:
    every = ["by", "reason", "key", "wait", "url", "token", "as_json"]
    names = [each.name for each in COMMANDS[name].params if each.name != "help"]
    expected = [each for each in every if each in names or name != "tidegate anomaly label"]  # a label has a note in its place
    assert names[-len(expected) :] == expected


def test_the_page_is_what_the_program_says() -> None:
    assert (ROOT / "docs/cli.md").read_text(encoding="utf-8") == reference_page(), "run `make docs`"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_there_for_each_shell(shell: str) -> None:
    environment = os.environ | {"_TIDEGATE_COMPLETE": f"source_{shell}"}
    script = "import sys; sys.argv[0] = 'tidegate'; from tidegate.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert "_TIDEGATE_COMPLETE" in done.stdout, done.stderr


def test_completion_completes_a_command() -> None:
    environment = os.environ | {"_TIDEGATE_COMPLETE": "complete_bash", "COMP_WORDS": "tidegate site topo", "COMP_CWORD": "2"}
    script = "import sys; sys.argv[0] = 'tidegate'; from tidegate.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["topology"], done.stderr
