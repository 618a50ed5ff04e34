"""Every command of the documentation works as it is written there, or says in the page's source why it is not run."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pages.blocks import blocks_of
from pages.script import BROKER, script_of
from serving import environment

ROOT = Path(__file__).parents[2]
PAGES = sorted(page for page in (ROOT / "docs").glob("*.md") if any(block.is_run for block in blocks_of(page)))
SECONDS = 200

LENT = ("deploy", "examples")
"""Folders of the checkout that commands of a page may name."""


def _parameters() -> list[object]:
    with_kafka = [pytest.mark.kafka]
    return [pytest.param(page, id=page.stem, marks=with_kafka if _needs_kafka(page) else []) for page in PAGES]


def _needs_kafka(page: Path) -> bool:
    return any(BROKER in block.text for block in blocks_of(page) if block.is_run)


def _apart(page: Path) -> dict[str, str]:
    """An installation of its own for each page that uses the broker."""
    names = {"TIDEGATE_KAFKA__TOPIC_PREFIX": f"{page.stem}.", "TIDEGATE_KAFKA__GROUP": page.stem}
    return names if _needs_kafka(page) else {}


@pytest.mark.parametrize("page", _parameters())
def test_every_command_of_a_page_works(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    broker = request.getfixturevalue("kafka") if _needs_kafka(page) else BROKER
    for name in LENT:
        if (ROOT / name).exists():
            (tmp_path / name).symlink_to(ROOT / name)
    port = _free_port()
    script = tmp_path / "page.sh"
    script.write_text(script_of(blocks_of(page), port, broker), encoding="utf-8")
    settings = environment(
        TIDEGATE_API__PORT=str(port),
        TIDEGATE_URL=f"http://127.0.0.1:{port}",
        **_apart(page),
        PATH=f"{Path(sys.executable).parent}:/usr/bin:/bin",
        COLUMNS="160",
    )
    status, said = _run(script, settings)
    log = tmp_path / "serve.log"
    tail = log.read_text()[-3000:] if log.exists() else ""
    assert status == 0, f"{page.name}\n{said[-6000:]}\n{tail}"


def _run(script: Path, settings: dict[str, str]) -> tuple[int, str]:
    """The exit status of `script` and all it said; one that takes too long is ended with everything that it started."""
    with subprocess.Popen(
        ["bash", str(script)],
        cwd=script.parent,
        env=settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said = process.communicate()[0] + f"\nended after {SECONDS} s"
    return process.returncode, said


def test_what_is_not_run_says_why() -> None:
    silent = [f"{page.name}:{block.line}" for page in PAGES for block in blocks_of(page) if block.reason == ""]
    assert silent == []


def test_every_link_between_pages_leads_somewhere() -> None:
    broken = [f"{page.name}: {link}" for page in (ROOT / "docs").glob("*.md") for link in _links(page) if not _exists(page, link)]
    assert broken == []


def _links(page: Path) -> list[str]:
    return re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", page.read_text(encoding="utf-8"))


def _exists(page: Path, link: str) -> bool:
    name = link.partition("#")[0]
    return not name or (page.parent / name).exists()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
