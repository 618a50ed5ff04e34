"""Files made from the code: one pair of commands, `write` and `check`, for each. Knows no file by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from tidegate.errors import ConfigurationError


def commands_for(text: Callable[[], str], what: str, file: str, command: str) -> typer.Typer:
    """Commands that write `what` to a file, or fail where the file is not `text()`. `file` is where the repository has it;
    `command` is how a person calls this group."""
    app = typer.Typer(no_args_is_help=True, help=f"Write or check {what}.")
    target = Annotated[Path, typer.Argument(help=f"The file, {file} in the repository.")]

    def write(path: target) -> None:
        """Write the file."""
        _write(path, text())

    def check(path: target) -> None:
        """Exit with an error when the file is not what the code says."""
        _check(path, text(), f"run `{command} write {path}`")

    app.command(epilog=f"Example: `{command} write {file}`")(write)
    app.command(epilog=f"Example: `{command} check {file}`")(check)
    return app


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _check(path: Path, text: str, advice: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        raise ConfigurationError(f"{path} is not what the code says", advice=advice)
    typer.echo(f"{path} is fresh")
