"""AsyncAPI's own parser over a document: `python deploy/asyncapi/validator.py docs/asyncapi.yaml`.

Needs Node 18 and npm: the packages that `package-lock.json` names are installed into the user's cache folder the first time,
without running any script of theirs, and used from there ever after.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_FILES = ("package.json", "package-lock.json", "validate.mjs")


class ValidatorError(RuntimeError):
    """The parser could not be had; says why."""


def missing_tools() -> list[str]:
    """What this machine lacks to run the parser; empty means it can."""
    needed = ["node"] if installed_folder().is_dir() else ["node", "npm"]
    return [tool for tool in needed if shutil.which(tool) is None]


def installed_folder() -> Path:
    """Where these very files and the packages they name are cached; other files have another folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    content = b"\0".join((_HERE / name).read_bytes() for name in _FILES)
    return cache / "tidegate" / f"asyncapi-{hashlib.sha256(content).hexdigest()[:12]}"


def install() -> Path:
    """Return the folder with the parser, put there by npm if this is the first time.

    Raises:
        ValidatorError: npm failed.
    """
    folder = installed_folder()
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        for name in _FILES:
            shutil.copy(_HERE / name, made)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=made, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ValidatorError(f"npm cannot install the AsyncAPI parser: {done.stderr.strip()[-500:]}")
        try:
            made.rename(folder)  # whole or not at all: a second process may do the same just now
        except OSError:
            if not folder.is_dir():
                raise
    return folder


def findings(document: Path) -> list[str]:
    """The parser's errors and warnings about `document`, a line each; empty means that it is valid.

    Raises:
        ValidatorError: the parser cannot be installed or does not run.
    """
    command = ["node", str(install() / "validate.mjs"), str(document.resolve())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or (done.returncode == 1 and not done.stdout):
        raise ValidatorError(f"the AsyncAPI parser does not run: {done.stderr.strip()[-500:]}")
    return done.stdout.splitlines()


def main() -> None:
    """Check the file named on the command line; exit with 1 when something is wrong with it."""
    try:
        found = findings(Path(sys.argv[1]))
    except ValidatorError as error:
        sys.exit(str(error))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
