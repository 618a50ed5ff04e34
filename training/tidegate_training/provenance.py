"""Where a bundle comes from: the commit of the code and the time of making."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path


def commit() -> str:
    """Return this checkout's commit, with `+changes` when the code that makes bundles differs; `unknown` outside git."""
    root = Path(__file__).resolve().parents[2]
    head = _git(root, "rev-parse", "HEAD")
    if not head:
        return "unknown"
    changed = _git(
        root, "status", "--porcelain", "--", "training", ":!training/tidegate_training/evaluate", "service/tidegate/fleet/readers"
    )
    return f"{head}+changes" if changed else head


def now() -> str:
    """Return the time of day, UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _git(root: Path, *arguments: str) -> str:
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return ""
    done = subprocess.run([git, *arguments], cwd=root, capture_output=True, text=True, check=False)  # noqa: S603  # fixed arguments
    return done.stdout.strip()
