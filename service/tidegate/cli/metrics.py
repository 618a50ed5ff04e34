"""`python -m tidegate.cli.metrics`: the reference page of the metrics, made from the catalogue; for those who change it."""

from pathlib import Path
from typing import Annotated

import typer

from tidegate.adapters.catalogue import reference_page
from tidegate.errors import ConfigurationError

app = typer.Typer(no_args_is_help=True, help="Write or check the reference page of the metrics.")

File = Annotated[Path, typer.Argument(help="The page, docs/metrics.md in the repository.")]


@app.command()
def write(file: File) -> None:
    """Write the page."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(reference_page(), encoding="utf-8")


@app.command()
def check(file: File) -> None:
    """Exit with an error when the page is not what the catalogue says."""
    if not file.is_file() or file.read_text(encoding="utf-8") != reference_page():
        raise ConfigurationError(
            f"{file} is not what the catalogue says", advice=f"run `python -m tidegate.cli.metrics write {file}`"
        )


if __name__ == "__main__":
    app()
