"""`tidegate`: the command line. Adds the commands of every module here and those that training joins by entry point.

Exit codes: 0 done, 1 a check or run failed, 2 the command line or settings cannot be used, 3 something beside us failed.
"""

import sys
from importlib.metadata import entry_points
from typing import Annotated

import typer

from tidegate import __version__
from tidegate.cli import (
    anomaly,
    bundle,
    config,
    deadletter,
    demo,
    follow,
    history,
    keys,
    plan,
    replay,
    schemas,
    serve,
    simulate,
    site,
    topics,
    watch,
)
from tidegate.cli.exits import exit_code
from tidegate.cli.wording import printable
from tidegate.errors import TidegateError

app = typer.Typer(
    name="tidegate",
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


for module in (serve, demo, simulate, replay, watch, follow):
    module.register(app)
for group in (site, plan, anomaly, deadletter, history, keys, bundle, config, topics, schemas):
    app.add_typer(group.app, name=group.__name__.rpartition(".")[2])


def with_training(root: typer.Typer) -> typer.Typer:
    """`root` with the commands that the training package joins by entry point, when it is installed."""
    for point in entry_points(group="tidegate.commands"):
        root.add_typer(point.load(), name=point.name)
    return root


def main() -> None:
    """Run the command line; our own errors end in one line on standard error and an exit code, never in a traceback."""
    try:
        with_training(app)()
    except TidegateError as error:
        typer.secho(f"tidegate: {printable(' '.join(str(error).split()))}", err=True, fg=typer.colors.RED)
        sys.exit(exit_code(error))


if __name__ == "__main__":
    main()
