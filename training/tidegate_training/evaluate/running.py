"""What the commands of evaluation share: their options, a bar while they run, and the command a results file cites."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from tidegate.errors import DependencyError
from tidegate_training.evaluate.progress import Report

Data = Annotated[Path, typer.Option("--data", exists=True, help="File or folder in the formats of the data sets.")]
Out = Annotated[Path, typer.Option("--out", help="Results file to write (JSON); its page and plots go beside it.")]
Bundles = Annotated[list[Path] | None, typer.Option("--bundle", help="Folder with another universal bundle to evaluate.")]

Processes = Annotated[int, typer.Option(min=1, help="Processes that share the series; the figures are the same for any number.")]
Cache = Annotated[Path, typer.Option(help="Folder where what baselines said is kept, by their code and the data.")]
NabResults = Annotated[
    Path | None, typer.Option(help="Folder to write NAB files' scores to in the benchmark's own layout.", show_default=False)
]
Detectors = Annotated[list[str] | None, typer.Option(help="Only these: tidegate, PCA, EWMA, … (repeatable).")]
Limit = Annotated[int | None, typer.Option(min=1, help="Series of each data set at most.")]


LINE_SECONDS: Final = 30.0
"""Between two lines about the same thing, where no bar can be drawn."""


def check_extra() -> None:
    """Raise now rather than after minutes of work.

    Raises:
        DependencyError: a library of the `evaluate` extra is not installed.
    """
    missing = [name for name in ("sklearn", "matplotlib") if find_spec(name) is None]
    if missing:
        raise DependencyError(f"evaluation needs {' and '.join(missing)}", advice="pip install 'tidegate[evaluate]'")


def cited(name: str, out: Path, options: list[str]) -> str:
    """What to type to get the same again; the folder of the data is the reader's own."""
    return " ".join([f"tidegate evaluate {name} --data <folder> --out docs/results/{out.name}", *options])


@contextmanager
def progress_shown() -> Iterator[Report]:
    """A bar per thing under way, on standard error; without a terminal a line now and then, for whoever reads the log."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int, /) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)

        yield report


def _lines(console: Console) -> Report:
    said_at: dict[str, float] = {}

    def report(what: str, done: int, total: int, /) -> None:
        now = time.monotonic()
        if done >= total or now - said_at.get(what, -LINE_SECONDS) >= LINE_SECONDS:
            said_at[what] = now
            console.print(f"{what}: {done:,} of {total:,}", highlight=False)

    return report


def repeated(detectors: Sequence[str] | None, limit: int | None = None) -> list[str]:
    """The options that chose `detectors` and `limit`, as typed."""
    return [f"--detectors '{name}'" for name in detectors or []] + ([f"--limit {limit}"] if limit else [])
