"""`tidegate bundle`: what models are there, and whether they may be served."""

from pathlib import Path
from typing import Annotated, Final

import typer

from tidegate.adapters.bundles import bundle_catalogue, read_bundle, shipped_bundles
from tidegate.adapters.onnx import verify_bundle
from tidegate.cli.asking import Json
from tidegate.cli.exits import FAILED, OK
from tidegate.cli.output import show, table
from tidegate.contracts.codec import encode
from tidegate.contracts.manifest import BundleManifest

app = typer.Typer(no_args_is_help=True, help="List and verify model bundles.")


_HEADS: Final = ("bundle", "tier", "state", "trained on", "model sha256", "folder")


@app.command("list", epilog="Example: `tidegate bundle list bundles/ --json`")
def list_bundles(
    folders: Annotated[list[Path] | None, typer.Argument(help="Folders of `name/version/`, beside the shipped one.")] = None,
    as_json: Json = False,
) -> None:
    """List the newest version of each bundle: the shipped ones, and those in FOLDERS."""
    paths = [path for _, path in sorted(bundle_catalogue([shipped_bundles(), *(folders or [])]).items())]
    found = [(read_bundle(path).manifest, path) for path in paths]
    whole = [{"folder": str(path), "manifest": manifest} for manifest, path in found]
    show(whole, as_json, lambda: table(_HEADS, [(*_columns(manifest), path) for manifest, path in found], "bundle"))


@app.command(
    epilog="Example: `tidegate bundle verify bundles/universal/2`\n\nExit codes: 0 it is as promised, 1 it is not, 2 it is none."
)
def verify(path: Annotated[Path, typer.Argument(help="The bundle's folder, `name/version/`.")], as_json: Json = False) -> None:
    """Check files, graph and behaviour of the bundle at PATH; say everything that differs, and exit 1 if anything does."""
    findings = verify_bundle(path)
    if as_json:
        typer.echo(encode({"folder": str(path), "findings": findings}))
        raise typer.Exit(FAILED if findings else OK)
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
