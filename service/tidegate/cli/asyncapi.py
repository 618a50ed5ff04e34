"""`tidegate schemas asyncapi`: the description of the topics, as a file."""

from pathlib import Path
from typing import Annotated

import typer

from tidegate.api.asyncapi import asyncapi_text
from tidegate.errors import ConfigurationError

app = typer.Typer(no_args_is_help=True, help="Write or check the AsyncAPI description of the topics.")

File = Annotated[Path, typer.Argument(help="The file, docs/asyncapi.yaml in the repository.")]


@app.command()
def write(file: File) -> None:
    """Write the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(asyncapi_text(), encoding="utf-8")


@app.command()
def check(file: File) -> None:
    """Exit with an error when the file is not what the contracts say."""
    if not file.is_file() or file.read_text(encoding="utf-8") != asyncapi_text():
        raise ConfigurationError(f"{file} is not what the contracts say", advice=f"run `tidegate schemas asyncapi write {file}`")
    typer.echo(f"{file} is fresh")
