"""The one format of a results file: what was run, on what, when, and what came out, as JSON and as a page for people.

`{study, command, commit, date, machine, figures, notes}`. The machine is described (cores, processor, versions), never
named: no host name and no path. A figure that is undefined (no event, no exposure) is null, not 0 and not NaN.
"""

import json
import math
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from tidegate.errors import InputError

FIELDS: Final = ("study", "command", "commit", "date", "machine", "figures", "notes")
"""Keys of every results file, in order."""

LIBRARIES: Final = ("tidegate", "numpy", "onnxruntime", "msgspec")
"""Distributions whose versions change figures."""


@dataclass(frozen=True, slots=True)
class Results:
    """What one run of a study came to.

    `command` is what to type to get it again, with `<folder>` for local paths; `commit` the code's, with `+` when files
    were changed; `date` ISO 8601 UTC; `figures` nested mappings of numbers, texts and lists; `notes` what a reader must
    know to judge them.
    """

    study: str
    command: str
    commit: str
    date: str
    machine: str
    figures: dict[str, Any]
    notes: list[str]


def collect(study: str, command: str, figures: Mapping[str, Any], notes: Sequence[str]) -> Results:
    """`figures` with where, when and by which code they came about; non-finite numbers become null."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Results(study, command, commit(), now, machine(), _plain(dict(figures)), list(notes))


def write(results: Results, path: Path, *, plots: Mapping[str, str] | None = None) -> None:
    """Write `path` (JSON) and beside it the page of the same name (`.md`), with `plots` as file name → caption."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(results), indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(page(results, plots or {}), encoding="utf-8")


def read(path: Path) -> Results:
    """The results file at `path`.

    Raises:
        InputError: not JSON, or not exactly the fields of `Results` with their types.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} is not JSON: {error}") from error
    if not isinstance(content, dict) or tuple(content) != FIELDS:
        raise InputError(f"{path.name} has fields {list(content)}, expected {list(FIELDS)}", advice="run its command again")
    texts = all(isinstance(content[name], str) and content[name] for name in FIELDS[:5])
    if not (texts and isinstance(content["figures"], dict) and isinstance(content["notes"], list)):
        raise InputError(f"{path.name}: five texts, figures as an object and notes as a list are expected")
    return Results(**content)


def page(results: Results, plots: Mapping[str, str]) -> str:
    """The Markdown page of `results`: how to get it, notes, plain figures as a table, one table per nested group, plots."""
    lines = [f"# {results.study}", "", f"`{results.command}`", ""]
    lines += [f"{results.date}, commit `{results.commit}`, {results.machine}.", ""]
    lines += [f"- {note}" for note in results.notes] + [""]
    plain = {name: value for name, value in results.figures.items() if not isinstance(value, dict)}
    if plain:
        lines += _table(["figure", "value"], [[name, shown(value)] for name, value in plain.items()])
    for name, group in results.figures.items():
        if isinstance(group, dict):
            lines += _group(name, group, depth=2)
    for file, caption in plots.items():
        lines += [f"![{caption}]({file})", "", f"*{caption}*", ""]
    return "\n".join(lines).rstrip() + "\n"


def shown(value: object) -> str:
    """`value` for people: four significant digits, a dash for null, lists in brackets."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    if isinstance(value, list):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return str(value)


def commit() -> str:
    """Short hash of the checked-out commit, with `+` when tracked files differ from it; `unknown` outside a repository."""
    head = _git("rev-parse", "--short=12", "HEAD")
    if not head:
        return "unknown"
    return head + ("+" if _git("status", "--porcelain", "--untracked-files=no", "--", "service", "training") else "")


def machine() -> str:
    """The machine in words: cores, processor, operating system, Python and library versions."""
    versions = [f"{name} {metadata.version(name)}" for name in LIBRARIES]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    words = [f"{cores} cores of {_processor()}", platform.system(), f"Python {platform.python_version()}", *versions]
    return ", ".join(words)


def _processor() -> str:
    """Model name of the processor, or its architecture where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _git(*arguments: str) -> str:
    """Output of git in this source tree, empty when there is none."""
    try:
        done = subprocess.run(  # noqa: S603  # fixed arguments, no shell
            ["git", *arguments],  # noqa: S607  # whichever git the developer uses
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _plain(value: Any) -> Any:
    """`value` as JSON can hold it: numpy scalars as Python's, non-finite numbers as null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _group(name: str, group: dict[str, Any], depth: int) -> list[str]:
    """A nested group as one table if its members share their keys, else as one section per member."""
    heading = ["#" * depth + f" {name.replace('_', ' ')}", ""]
    members = list(group.values())
    if members and all(isinstance(member, dict) for member in members):
        if any(isinstance(value, dict) for member in members for value in member.values()):
            return heading + [line for key, member in group.items() for line in _group(key, member, depth + 1)]
        columns = list(dict.fromkeys(key for member in members for key in member))
        rows = [[key, *(shown(member.get(column)) for column in columns)] for key, member in group.items()]
        return heading + _table(["", *columns], rows)
    plain = {key: value for key, value in group.items() if not isinstance(value, dict)}
    lines = heading + _table(["figure", "value"], [[key, shown(value)] for key, value in plain.items()])
    nested = {key: value for key, value in group.items() if isinstance(value, dict)}
    return lines + (_group(f"{name}, each", nested, depth + 1) if nested else [])


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    rule = ["---"] * len(header)
    return [f"| {' | '.join(row)} |" for row in [header, rule, *rows]] + [""]
