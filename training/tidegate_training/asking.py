"""What the commands of training share: the wish for torch, the command a manifest cites, and errors in one line."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import typer

from tidegate.errors import TidegateError


def need_torch() -> None:
    """Leave with exit code 2 and the remedy where only the service is installed."""
    try:
        import torch  # noqa: F401, PLC0415  # heavy; `--help` must not pay for it
    except ImportError:
        typer.echo("Training needs torch, which is not installed: pip install 'tidegate[train]'", err=True)
        raise typer.Exit(2) from None


def cited_command(name: str, options: Mapping[str, object], *arguments: str, repeated: Sequence[tuple[str, str]] = ()) -> str:
    """Return the command as a stranger would type it; `--resume` and `--work` change nothing about the result."""
    given = [*options.items(), *repeated]
    words = [word for option, value in given if value not in (None, False) for word in _words(option, value)]
    return shlex.join(["tidegate", "train", name, *arguments, *words])


def _words(option: str, value: object) -> list[str]:
    return [option] if value is True else [option, str(value)]


@contextmanager
def explained() -> Iterator[None]:
    """Turn our errors into one line and exit code 1; others are bugs and keep their traceback."""
    try:
        yield
    except TidegateError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
