"""`tidegate bundle`: what models there are, whether they may be served, and putting one to work."""

from pathlib import Path
from typing import Annotated, Final

import typer

from tidegate.adapters.bundles import all_bundles, bundle_catalogue, read_bundle, shipped_bundles
from tidegate.adapters.onnx import verify_bundle
from tidegate.cli.asking import DOOR, EXITS, Json, Token, Url, ask
from tidegate.cli.exits import FAILED, OK
from tidegate.cli.ordering import COMMAND_EXITS, Given, Giving, gives_order
from tidegate.cli.output import show, table
from tidegate.contracts.codec import encode
from tidegate.contracts.configuration_views import Activation, BundleView
from tidegate.contracts.ids import ProfileName, SiteId
from tidegate.contracts.manifest import BundleManifest
from tidegate.errors import ConfigurationError

app = typer.Typer(no_args_is_help=True, help="List, verify and activate model bundles (docs/bundles.md).")

_HEADS: Final = ("bundle", "tier", "state", "trained on", "model sha256", "folder")
_SERVED_HEADS: Final = ("bundle", "tier", "loaded", "serves", "devices", "warm")


@app.command("list", epilog="Example: `tidegate bundle list bundles/ --all --json`")
def list_bundles(
    folders: Annotated[list[Path] | None, typer.Argument(help="Folders of `name/version/`, beside the shipped one.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every version, not only the newest.")] = False,
    as_json: Json = False,
) -> None:
    """List the newest version of each bundle: the shipped ones, and those in FOLDERS."""
    folder_of = all_bundles if every else bundle_catalogue
    paths = [path for _, path in sorted(folder_of([shipped_bundles(), *(folders or [])]).items())]
    found = [(read_bundle(path).manifest, path) for path in paths]
    whole = [{"folder": str(path), "manifest": manifest} for manifest, path in found]
    show(whole, as_json, lambda: table(_HEADS, [(*_columns(manifest), path) for manifest, path in found], "bundle"))


@app.command(epilog="Example: `tidegate bundle served --json`" + EXITS)
def served(url: Url = DOOR, token: Token = None, as_json: Json = False) -> None:
    """List the bundles that a running service has, loaded or not, with whom each serves and who of them is warm."""
    found = ask(url, token, lambda client: client.bundles.list())
    show(found, as_json, lambda: table(_SERVED_HEADS, map(_served, found), "bundle"))


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


@app.command(epilog="Example: `tidegate bundle activate universal/1 --site plant-7 --profile pump`" + COMMAND_EXITS)
@gives_order
def activate(
    given: Given,
    bundle: Annotated[str, typer.Argument(help="`name/version`.")],
    site: Annotated[str, typer.Option(help="The site.")],
    profile: Annotated[str, typer.Option(help="The profile whose devices it is to serve.")],
) -> Giving:
    """Let a bundle that the service has loaded serve one profile of one site; its devices start as `warming`."""
    name, _, version = bundle.partition("/")
    if not name or not version:
        raise ConfigurationError(f"bundle {bundle!r} is not name/version", advice="as `tidegate bundle served` shows them")
    wanted = Activation(SiteId(site), ProfileName(profile), given.reason, given.by)
    return lambda client: client.bundles.activate(name, version, wanted, key=given.key)


def _served(bundle: BundleView) -> tuple[object, ...]:
    places = sorted({f"{use.profile} at {use.site}" for use in bundle.uses})
    shown = ", ".join(places[:5]) + (" …" if len(places) > 5 else "")
    devices, warmed = (sum(getattr(use, name) for use in bundle.uses) for name in ("devices", "warmed"))
    loaded = "yes" if bundle.loaded else bundle.wrong or "no"
    return (f"{bundle.name}/{bundle.version}", bundle.tier, loaded, shown or None, devices, warmed)


def _columns(manifest: BundleManifest) -> list[str]:
    rows = sum(data.rows for data in manifest.data)
    seen = f"{rows:,} rows of {', '.join(data.dataset for data in manifest.data)}"
    identity = f"{manifest.name}/{manifest.version}"
    state = f"{manifest.state_bytes} bytes a {'device' if manifest.metrics else 'row'}"
    return [identity, manifest.tier, state, seen, manifest.model_sha256[:12]]


if __name__ == "__main__":
    app()
