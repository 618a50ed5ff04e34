"""The README's commands, run as they are written: what a stranger types has to work."""

import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from serving import PATIENCE, environment, serving
from tidegate.cli.main import app

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"^```bash\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
CURLS = [block for block in BLOCKS if block.startswith("curl")]
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("tidegate ")]
CLI = app
TARGETS = sorted({word for block in BLOCKS for word in re.findall(r"^make ([a-z]+)", block, re.MULTILINE)})


def test_every_curl_of_the_readme_is_answered_well(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client):
        for block in CURLS:
            script = block.replace("http://127.0.0.1:8080", str(client.base_url).rstrip("/"))
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script.replace("curl -s ", "curl -sS --fail-with-body ")],
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
                env=environment(),
            )
            assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        assert client.get("/v1/devices/plant-1/boiler-7").json()["profile"] == "temperature-sensor"
    assert len(CURLS) == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_of_the_readme_exists(command: str) -> None:
    words = command.split()[1:]
    path = [word for word in words[:2] if word.isalpha()]
    shown = CliRunner().invoke(CLI, [*path, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert shown.exit_code == 0, shown.output
    for option in (word for word in words if word.startswith("--")):
        assert option in shown.output, f"{option} of: {command}"


def test_every_make_target_of_the_readme_exists() -> None:
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert TARGETS == ["run", "test"]
    assert all(re.search(rf"^{target}:", rules, re.MULTILINE) for target in TARGETS)


def test_every_link_of_the_readme_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
