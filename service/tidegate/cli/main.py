"""`tidegate`: the command line. Its commands are the modules here, and those that training joins.

Exit codes: 0 done, 1 a check or run failed, 2 the command line or settings cannot be used, 3 something beside us failed.
"""

import sys
from typing import Annotated

import typer

from tidegate import __version__
from tidegate.cli.exits import exit_code
from tidegate.cli.lazy import LazyGroup
from tidegate.cli.wording import printable
from tidegate.errors import TidegateError

app = typer.Typer(
    name="tidegate",
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help="Streaming anomaly detection and resource allocation for IoT fleets.",
    epilog="Start with `tidegate demo`, then `tidegate serve --help`.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tidegate {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Streaming anomaly detection and resource allocation for IoT fleets."""


def main() -> None:
    """Run the command line; our own errors end in one line on standard error and an exit code, never in a traceback."""
    try:
        app()
    except TidegateError as error:
        typer.secho(f"tidegate: {printable(' '.join(str(error).split()))}", err=True, fg=typer.colors.RED)
        sys.exit(exit_code(error))


if __name__ == "__main__":
    main()
