"""A joint bundle of four metrics, made by the command itself in seconds; once for a run of tests, by one of its processes."""

import fcntl
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

METRICS = ("a", "b", "c", "d")
PROFILE = "pumps"
UNITS = ("°C", "", "bar", "rpm")


def profile_file(folder: Path) -> Path:
    """The profile's YAML."""
    metrics = ", ".join(f'{name}: {{unit: "{unit}"}}' for name, unit in zip(METRICS, UNITS, strict=True))
    path = folder / "pumps.yaml"
    path.write_text(f"name: {PROFILE}\ninterval_seconds: 60\nmetrics: {{{metrics}}}\n", encoding="utf-8")
    return path


def joint_folder(factory: pytest.TempPathFactory) -> Path:
    """Folder of the bundle; the first process that asks makes it, others wait."""
    base = factory.getbasetemp()
    shared = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "joint"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = shared / "bundles" / PROFILE / "1"
        if not (folder / "report.html").exists():
            _make(shared)
    return folder


def _make(shared: Path) -> None:
    from tidegate_training.commands import train  # noqa: PLC0415  # torch, for those who need the bundle

    words = ["profile", PROFILE, "--smoke", "--profiles", str(profile_file(shared))]
    folders = ["--out", str(shared / "bundles"), "--work", str(shared / "work")]
    made = CliRunner().invoke(train, [*words, *folders], catch_exceptions=False)
    assert made.exit_code == 0, made.output
