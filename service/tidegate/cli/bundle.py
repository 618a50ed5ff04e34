"""`tidegate bundle`: what models are there, and whether they may be served."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tidegate.adapters.bundles import bundle_catalogue, read_bundle, shipped_bundles
from tidegate.adapters.onnx import verify_bundle
from tidegate.contracts.manifest import BundleManifest

app = typer.Typer(no_args_is_help=True, help="List and verify model bundles.")


@app.command("list")
def list_bundles(
    folders: Annotated[list[Path] | None, typer.Argument(help="Folders of `name/version/`, beside the shipped one.")] = None,
) -> None:
    """List the newest version of each bundle: the shipped ones, and those in FOLDERS."""
    table = Table("bundle", "tier", "state", "trained on", "model sha256", "folder")
    for _, path in sorted(bundle_catalogue([shipped_bundles(), *(folders or [])]).items()):
        bundle = read_bundle(path)
        table.add_row(*_columns(bundle.manifest), str(path))
    Console().print(table)


@app.command()
def verify(path: Annotated[Path, typer.Argument(help="The bundle's folder, `name/version/`.")]) -> None:
    """Check files, graph and behaviour of the bundle at PATH; say everything that differs, and exit 1 if anything does."""
    findings = verify_bundle(path)
    for finding in findings:
        typer.secho(f"✗ {finding}", err=True, fg=typer.colors.RED)
    if findings:
        raise typer.Exit(1)
    typer.secho(f"✓ {path}: files, graph and behaviour are as promised", fg=typer.colors.GREEN)


def _columns(manifest: BundleManifest) -> list[str]:
    rows = sum(data.rows for data in manifest.data)
    seen = f"{rows:,} rows of {', '.join(data.dataset for data in manifest.data)}"
    identity = f"{manifest.name}/{manifest.version}"
    return [identity, manifest.tier, f"{manifest.state_bytes} bytes a row", seen, manifest.model_sha256[:12]]


if __name__ == "__main__":
    app()
