"""How commands print: one JSON document for programs, or plain lines and tables; nothing from outside paints the terminal."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tidegate.cli.wording import counted, printable
from tidegate.contracts.codec import encode

WIDE: Final = 400
"""Columns where nobody looks at a terminal: a line is a row, for grep and awk."""


def show(value: object, as_json: bool, draw: Callable[[], None]) -> None:
    """Print `value` as JSON, or whatever `draw` prints of it."""
    if as_json:
        typer.echo(encode(value).decode())
    else:
        draw()


def say(text: str) -> None:
    """Print one line."""
    typer.echo(printable(text))


def say_all(lines: Iterable[str]) -> None:
    """Print line by line."""
    for line in lines:
        say(line)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], noun: str = "row") -> None:
    """Print a table on standard output, and how many rows it had on standard error."""
    drawn = Table(*heads, box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for row in rows:
        drawn.add_row(*(Text(printable("–" if cell is None else str(cell))) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)
    if drawn.row_count:
        console.print(drawn)
    typer.echo(counted(drawn.row_count, noun), err=True)
