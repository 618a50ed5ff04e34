"""`tidegate schemas`: the JSON Schemas of all messages, as files; and the descriptions of the topics."""

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli import asyncapi
from tidegate.cli.asking import Json
from tidegate.cli.output import say, show
from tidegate.contracts.schemas import schema_files
from tidegate.errors import ConfigurationError

app = typer.Typer(no_args_is_help=True, help="Write or check the JSON Schemas of all messages.")
app.add_typer(asyncapi.app, name="asyncapi")
app.add_typer(asyncapi.page, name="topics")

Folder = Annotated[Path, typer.Argument(help="The folder, docs/schemas in the repository.")]


@app.command(epilog="Example: `tidegate schemas write docs/schemas`")
def write(folder: Folder, as_json: Json = False) -> None:
    """Write one file per message; files of messages that are no more are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    files = schema_files()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    for old in set(_present(folder)) - set(files):
        (folder / old).unlink()
    show({"folder": str(folder), "schemas": sorted(files)}, as_json, lambda: say(f"{len(files)} schemas in {folder}"))


@app.command(epilog="Example: `tidegate schemas check docs/schemas`\n\nExit codes: 0 they are fresh, 2 they are not.")
def check(folder: Folder, as_json: Json = False) -> None:
    """Exit with an error when the files are not what the contracts say."""
    present, files = _present(folder), schema_files()
    stale = sorted(name for name in present.keys() | files.keys() if present.get(name) != files.get(name))
    if stale:
        raise ConfigurationError(
            f"not what the contracts say: {', '.join(stale)}", advice=f"run `tidegate schemas write {folder}`"
        )
    show({"folder": str(folder), "schemas": sorted(files)}, as_json, lambda: say(f"{len(files)} schemas are fresh"))


def _present(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.schema.json")}


if __name__ == "__main__":
    app()
